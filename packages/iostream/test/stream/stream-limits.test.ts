import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { IOStream, type IOStreamOptions, TCPClient, TCPServer } from '../../src/index.ts';
import { memoryPair } from '../../src/transports/index.ts';
import { CHANNEL_NAMES, withPair } from '../support/stream-pair.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const usage = expect.objectContaining({ name: 'StreamUsageError', code: 'ERR_STREAM_USAGE' });

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const WRONG_OPTIONS = [
  { maxReadBufferBytes: 0 },
  { maxReadBufferBytes: -1 },
  { maxReadBufferBytes: 1.5 },
  { maxReadBufferBytes: Number.NaN },
  { maxReadBufferBytes: '65536' },
  { maxReadBufferBytes: null },
  { maxWriteBufferBytes: 0 },
  { maxWriteBufferBytes: Number.NEGATIVE_INFINITY },
  { maxWriteBufferBytes: [65536] },
  { writeOverflow: 'drop' },
  { writeOverflow: true },
];

describe('the limits of a stream', () => {
  it.each(WRONG_OPTIONS)('are checked when it is made: %j', (option) => {
    const options = option as unknown as IOStreamOptions;
    expect(() => new IOStream(memoryPair()[0], options)).toThrow(usage);
  });

  it.each(WRONG_OPTIONS)('are checked when a server is made: %j', (option) => {
    const options = option as unknown as IOStreamOptions;
    expect(() => new TCPServer({ handleStream() {}, ...options })).toThrow(usage);
  });

  it.each(WRONG_OPTIONS)('are checked before a client connects: %j', async (option) => {
    const options = option as unknown as IOStreamOptions;
    const connecting = new TCPClient().connect({ host: '127.0.0.1', port: 1, ...options });
    await expect(connecting).rejects.toEqual(usage);
  });

  it.each([null, 7])('refuses %j for options, and a clock that is none', (options) => {
    expect(() => new IOStream(memoryPair()[0], options as never)).toThrow(usage);
    expect(() => new IOStream(memoryPair()[0], { clock: { now: 0 } as never })).toThrow(usage);
  });

  it('may be none', () => {
    const none = { maxReadBufferBytes: Number.POSITIVE_INFINITY, writeOverflow: 'close' } as const;
    expect(new IOStream(memoryPair()[0], none).isClosed).toBe(false);
  });
});

describe.each(CHANNEL_NAMES)('a peer that never reads, over %s', (channel) => {
  it.each(['text', 'bytes'])(
    'costs no more memory than the limit, written to in small pieces of %s',
    (kind) =>
      withPair(
        channel,
        async ({ a }) => {
          const limit = 4 * MIB;
          const piece = () =>
            kind === 'text' ? String.fromCharCode(a.queuedBytes & 0x7f) : Buffer.alloc(1, 'x');
          const before = memoryInUse();
          let isFull = false;
          while (!isFull) {
            try {
              // Without a turn between them, as a broadcast in a loop would.
              for (let i = 0; i < 50_000; i += 1) a.send(piece());
            } catch {
              isFull = true;
            }
            await new Promise((resolve) => setImmediate(resolve));
          }
          expect(a.queuedBytes).toBe(limit);
          expect(memoryInUse() - before).toBeLessThan(2 * limit);
        },
        { maxWriteBufferBytes: 4 * MIB },
      ),
  );
});

function memoryInUse(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

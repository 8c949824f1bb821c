import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { IOStream, type IOStreamOptions, memoryPair, TCPClient, TCPServer } from '../src/index.ts';
import { CHANNEL_NAMES, text, withPair } from './support/stream-pair.ts';
import { until } from './support/until.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Above this, what is queued counts against the limit. */
const FREE_BYTES = 64 * KIB;
const usage = expect.objectContaining({ name: 'StreamUsageError', code: 'ERR_STREAM_USAGE' });
const full = { name: 'StreamLimitError', code: 'ERR_STREAM_WRITE_BUFFER_FULL' };

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

/** Queues bytes that cannot leave, so that the next write meets the limit. */
async function queueUp(stream: IOStream, byteLength: number): Promise<void> {
  // The system takes what it has room for; what is queued then stays.
  void stream.write(Buffer.alloc(32 * MIB));
  let before = -1;
  while (stream.queuedBytes !== before) {
    before = stream.queuedBytes;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(stream.queuedBytes).toBeGreaterThan(FREE_BYTES);
  expect(stream.queuedBytes).toBeLessThan(byteLength);
  stream.send(Buffer.alloc(byteLength - stream.queuedBytes));
  expect(stream.queuedBytes).toBe(byteLength);
}

describe.each(CHANNEL_NAMES)('the write limit over %s', (channel) => {
  const maxWriteBufferBytes = 33 * MIB;

  it('is met exactly, and passed by one byte: the writer is told, nothing is queued [STR-08]', () =>
    withPair(
      channel,
      async ({ a }) => {
        await queueUp(a, maxWriteBufferBytes - 2);
        a.send('12');
        expect(() => a.send('3')).toThrow(expect.objectContaining(full));
        expect(() => a.write('3')).toThrow(expect.objectContaining(full));
        expect([a.queuedBytes, a.isClosed, a.isWritable]).toEqual([maxWriteBufferBytes, false, false]);
      },
      { maxWriteBufferBytes },
    ));

  it("closes the stream too with writeOverflow: 'close', at the byte past it [STR-08]", () =>
    withPair(
      channel,
      async ({ a }) => {
        await queueUp(a, maxWriteBufferBytes - 1);
        const written = a.write('1');
        expect(a.isClosed).toBe(false);
        expect(() => a.write('2')).toThrow(expect.objectContaining(full));
        expect([a.isClosed, a.closeReason]).toEqual([true, 'limit']);
        expect(a.error).toMatchObject(full);
        await expect(written).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED', cause: full });
        await expect(a.write('3')).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
        a.send('ignored');
        expect((await a.waitDrained().catch((error: unknown) => error)) as Error).toMatchObject({
          cause: full,
        });
      },
      { maxWriteBufferBytes, writeOverflow: 'close' },
    ));

  it('says whether writing makes sense, and whether our side is shut down', () =>
    withPair(channel, async ({ a, b }) => {
      expect([a.isWritable, a.isWriteEnded]).toEqual([true, false]);
      a.send(Buffer.alloc(FREE_BYTES));
      expect(a.isWritable).toBe(true);
      a.send('x');
      expect(a.isWritable).toBe(false);
      await b.readBytes(FREE_BYTES + 1);
      await until(() => a.queuedBytes === 0);
      expect(a.isWritable).toBe(true);
      a.endWrite();
      expect([a.isWritable, a.isWriteEnded, a.isClosed]).toEqual([false, true, false]);
      b.close();
      expect([b.isWritable, b.isWriteEnded]).toEqual([false, false]);
    }));

  it('waits until all has left, where that is asked for', () =>
    withPair(channel, async ({ a, b }) => {
      void a.write(Buffer.alloc(MIB));
      const drained = a.waitDrained({ toBytes: 0 });
      const read = b.readBytes(MIB);
      await drained;
      await read;
      expect(a.queuedBytes).toBe(0);
      await expect(a.waitDrained({ toBytes: -1 })).rejects.toEqual(usage);
    }));
});

describe.each(CHANNEL_NAMES)('the read limits over %s', (channel) => {
  const unsatisfiable = { code: 'ERR_STREAM_CLOSED', cause: { code: 'ERR_STREAM_UNSATISFIABLE' } };

  it('of readUntilClose: as much is taken, and one byte more closes', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('0123456789');
      a.endWrite();
      expect(text(await b.readUntilClose({ maxBytes: 10 }))).toBe('0123456789');
      await withPair(channel, async (second) => {
        const read = second.b.readUntilClose({ maxBytes: 9 }).catch((error: unknown) => error);
        await second.a.write('0123456789');
        expect(await read).toMatchObject(unsatisfiable);
        expect(second.b.closeReason).toBe('limit');
      });
    }));

  it('of the buffer bound every read, and bind with a limit of its own [STR-07]', () =>
    withPair(
      channel,
      async ({ a, b }) => {
        await expect(b.readBytes(1001)).rejects.toEqual(usage);
        void a.write(Buffer.alloc(1000));
        expect(await b.readBytes(1000)).toHaveLength(1000);
        const read = b.readUntil('\n', { maxBytes: 10_000 }).catch((error: unknown) => error);
        void a.write(Buffer.alloc(1000));
        expect(await read).toMatchObject(unsatisfiable);
      },
      { maxReadBufferBytes: 1000 },
    ));

  it('of the buffer holds for what comes with a read that is satisfied later [STR-07]', () =>
    withPair(
      channel,
      async ({ a, b }) => {
        const read = b.readUntilClose().catch((error: unknown) => error);
        void a.write(Buffer.alloc(200 * KIB));
        expect(await read).toMatchObject({ code: 'ERR_STREAM_CLOSED', cause: { name: 'StreamLimitError' } });
        expect([b.isClosed, b.closeReason]).toEqual([true, 'limit']);
      },
      { maxReadBufferBytes: 100 * KIB },
    ));

  it.each([-1, 1.5, Number.NaN])('refuse %d, and the stream goes on', (maxBytes) =>
    withPair(channel, async ({ a, b }) => {
      await expect(b.readUntil('\n', { maxBytes })).rejects.toEqual(usage);
      await expect(b.readUntilClose({ maxBytes })).rejects.toEqual(usage);
      await expect(b.readBytes(maxBytes)).rejects.toEqual(usage);
      await expect(b.readUntil('')).rejects.toEqual(usage);
      await expect(b.readUntil(undefined as unknown as string)).rejects.toEqual(usage);
      await a.write('ok');
      expect(text(await b.readBytes(2))).toBe('ok');
    }),
  );

  it('stop reading ahead when nobody reads [STR-09]', () =>
    withPair(channel, async ({ a, b }) => {
      void a.write(Buffer.alloc(16 * MIB));
      await b.readBytes(1);
      let before = -1;
      while (b.bytesReceived !== before) {
        before = b.bytesReceived;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      expect(b.bufferedBytes).toBeLessThanOrEqual(128 * KIB);
      expect(a.queuedBytes).toBeGreaterThan(0);
    }));
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

describe.each(CHANNEL_NAMES)('a peer that reads late, over %s', (channel) => {
  it('gets small and large pieces, text and bytes, in order [STR-08] [STR-16]', () =>
    withPair(channel, async ({ a, b }) => {
      const sent: Buffer[] = [];
      for (let i = 0; i < 60_000; i += 1) {
        const length = i % 500 === 0 ? 5_000 : (i * 7) % 200;
        const piece = Buffer.alloc(length, `${i},`);
        sent.push(piece);
        a.send(i % 3 === 0 ? piece.toString('latin1') : piece);
        // Now and then the system takes some, so that pieces come behind a queue that has moved.
        if (i % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
        if (i % 20_000 === 19_999) await b.readBytes(1).then((byte) => b.unread(byte));
      }
      a.endWrite();
      expect((await b.readUntilClose()).equals(Buffer.concat(sent))).toBe(true);
    }));
});

function memoryInUse(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

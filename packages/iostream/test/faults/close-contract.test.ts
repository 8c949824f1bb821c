import { Duplex } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { type IOStream, TCPClient, TCPServer } from '../../src/index.ts';
import { type AcceptHandler, type ListeningSocket, NodeTransport } from '../../src/transports/index.ts';
import { recordingLoop } from '../support/recording-logger.ts';
import { CHANNEL_NAMES, withPair } from '../support/stream-pair.ts';
import { until } from '../support/until.ts';
import { connectToRawPeer, turns } from './support/raw-peer.ts';

const KIB = 1024;
const MUCH = 24 * KIB * KIB;
const HOST = '127.0.0.1';

describe.each(CHANNEL_NAMES)('IOStream over %s, closed', (channel) => {
  it('logs what a callback throws, and calls the next one [STR-10]', () =>
    withPair(channel, async ({ b }) => {
      const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
      try {
        const called = new Promise<void>((resolve) => {
          b.setCloseCallback(() => {
            throw new Error('a callback with a bug');
          });
          b.setCloseCallback(resolve);
        });
        b.close();
        await called;
        expect(written.mock.calls.flat().join('')).toContain('a callback with a bug');
      } finally {
        written.mockRestore();
      }
    }));
});

describe('an idle IOStream', () => {
  it('does not look for the end of its peer until somebody wants to know [STR-11]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    peer.resetAndDestroy();
    await turns(10);
    expect(stream.isClosed).toBe(false);
    let calls = 0;
    stream.setCloseCallback(() => {
      calls += 1;
    });
    await until(() => calls === 1);
    expect([stream.isClosed, stream.closeReason]).toEqual([true, 'peer-reset']);
  });

  it('is told later while more waits to be read than it reads ahead [STR-11]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    let calls = 0;
    stream.setCloseCallback(() => {
      calls += 1;
    });
    // More than is read ahead by us, and on the portable backend by Node: both stop looking then.
    peer.write(Buffer.alloc(512 * KIB));
    await until(() => stream.bufferedBytes >= 64 * KIB);
    await turns(10);
    peer.resetAndDestroy();
    await turns(10);
    expect([calls, stream.isClosed]).toEqual([0, false]);
    expect((await stream.readUntilClose()).length).toBeGreaterThanOrEqual(64 * KIB);
    // On the portable backend the reset looks like an orderly end until something is written (ADR 0001).
    while (!stream.isClosed) {
      stream.send('are you there?');
      await turns(1);
    }
    await until(() => calls === 1);
  });
});

/** The system's code; a handler that fails for its stream's end closes it with what it was told. */
function systemCodeOf(error: unknown): unknown {
  const { name, cause, code } = (error ?? {}) as { name?: string; cause?: unknown; code?: unknown };
  return name === 'StreamClosedError' ? systemCodeOf(cause) : code;
}

/** Gives a server whatever transport the test has made. */
class OneConnection implements ListeningSocket {
  readonly address = { family: 'memory' } as const;
  accept: AcceptHandler = () => {};

  addAcceptHandler(handler: AcceptHandler): () => void {
    this.accept = handler;
    return () => {};
  }

  async close(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}

describe('TCPServer, left by its peers', () => {
  it.each([
    ['a reset', 'ECONNRESET', 'peer-reset'],
    ['a reset while writing', 'ECONNRESET', 'peer-reset'],
    ['a broken pipe', 'EPIPE', 'peer-reset'],
    ['an end', undefined, 'peer-ended'],
  ] as const)('says nothing of %s, and keeps the cause [STR-12]', async (how, code, reason) => {
    const { loop, records } = recordingLoop();
    const streams: IOStream[] = [];
    const handleStream = async (stream: IOStream): Promise<void> => {
      streams.push(stream);
      if (how === 'a reset while writing') await stream.write(Buffer.alloc(MUCH));
      if (how !== 'a broken pipe') await stream.readUntil('\n');
      await stream.readUntilClose();
      for (;;) {
        await stream.write('still there?');
        await turns(1);
      }
    };
    await using server = await new TCPServer({ loop, handleStream }).listen({ host: HOST });
    const client = await new TCPClient().connect({ host: HOST, port: server.port });
    await until(() => server.stats().open === 1);
    if (how === 'a reset while writing') await until(() => server.stats().bytesSent > 0);
    if (how.startsWith('a reset')) client.reset();
    else client.close();
    await until(() => server.stats().open === 0);
    await turns(3);
    expect(records).toEqual([]);
    expect(systemCodeOf(streams[0]?.error)).toBe(code);
    expect(server.stats().closed[reason]).toBe(1);
  });

  it.each([
    ['ETIMEDOUT', 'timeout'],
    ['ECONNABORTED', 'peer-reset'],
    ['EPIPE', 'peer-reset'],
    ['ECONNRESET', 'peer-reset'],
  ] as const)('says nothing of %s of the system [STR-12]', async (code, reason) => {
    const { loop, records } = recordingLoop();
    const streams: IOStream[] = [];
    await using server = new TCPServer({
      loop,
      handleStream(stream) {
        streams.push(stream);
        return stream.readUntil('\n');
      },
    });
    const socket = new OneConnection();
    await server.addSockets([socket]);
    const duplex = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
    socket.accept(new NodeTransport(duplex, { loop }));
    duplex.destroy(Object.assign(new Error(`read ${code}`), { code, syscall: 'read' }));
    await until(() => server.stats().open === 0);
    await turns(3);
    expect(records).toEqual([]);
    expect(streams[0]?.error).toMatchObject({ name: 'SystemError', code, syscall: 'recv' });
    expect([streams[0]?.closeReason, server.stats().closed[reason]]).toEqual([reason, 1]);
  });
});

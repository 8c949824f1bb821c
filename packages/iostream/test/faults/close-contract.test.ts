import { Duplex } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import {
  type AcceptHandler,
  type IOStream,
  type ListeningSocket,
  NodeTransport,
  TCPClient,
  TCPServer,
} from '../../src/index.ts';
import { recordingLoop } from '../support/recording-logger.ts';
import { CHANNEL_NAMES, text, withPair } from '../support/stream-pair.ts';
import { until } from '../support/until.ts';
import { connectToRawPeer, failureOf, turns } from './support/raw-peer.ts';

const KIB = 1024;
const MUCH = 24 * KIB * KIB;
const HOST = '127.0.0.1';
const busy = { name: 'StreamUsageError', code: 'ERR_STREAM_BUSY' };
const closed = { name: 'StreamClosedError', code: 'ERR_STREAM_CLOSED' };

const READS: Record<string, (stream: IOStream) => Promise<unknown>> = {
  readUntil: (stream) => stream.readUntil('\n'),
  readUntilRegex: (stream) => stream.readUntilRegex(/\n/),
  readBytes: (stream) => stream.readBytes(1),
  'readBytes of 0': (stream) => stream.readBytes(0),
  'partial readBytes': (stream) => stream.readBytes(9, { partial: true }),
  readInto: (stream) => stream.readInto(new Uint8Array(1)),
  readUntilClose: (stream) => stream.readUntilClose(),
  lines: (stream) => stream.lines().next(),
  chunks: (stream) => stream.chunks().next(),
  pipeTo: (stream) => stream.pipeTo(stream),
};
const quiet = { received() {}, ended() {}, drained() {}, closed() {} };

describe.each(CHANNEL_NAMES)('IOStream over %s, with a reader', (channel) => {
  it.each(Object.entries(READS))('refuses %s as a second one [STR-02]', (_name, read) =>
    withPair(channel, async ({ a, b }) => {
      const first = b.readBytes(2);
      expect(await failureOf(read(b))).toMatchObject(busy);
      expect(() => b.setConsumer(quiet)).toThrow(expect.objectContaining(busy));
      await a.write('ok');
      expect(text(await first)).toBe('ok');
    }),
  );

  it.each(Object.entries(READS))('refuses %s beside a consumer [STR-02]', (_name, read) =>
    withPair(channel, async ({ b }) => {
      b.setConsumer(quiet);
      expect(await failureOf(read(b))).toMatchObject(busy);
    }),
  );

  it('says that it is closed rather than that it is read [STR-02]', () =>
    withPair(channel, async ({ b }) => {
      b.setConsumer(quiet);
      b.close();
      expect(await failureOf(b.readBytes(1))).toMatchObject(closed);
    }));

  it('refuses each of several reads for the close alone [STR-02]', () =>
    withPair(channel, async ({ b }) => {
      b.close();
      const reads = [b.readBytes(1), b.readUntil('\n'), b.readInto(new Uint8Array(1))].map(failureOf);
      for (const failure of await Promise.all(reads)) expect(failure).toMatchObject(closed);
    }));
});

describe.each(CHANNEL_NAMES)('IOStream over %s, closed', (channel) => {
  it('serves each kind of read from what had come, in order [STR-05]', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('0line\nmatch;12partial');
      await b.readBytes(1);
      await until(() => b.bufferedBytes === 20);
      b.reset(new Error('we are done'));
      expect(text(await b.readUntil('\n'))).toBe('line\n');
      expect(text(await b.readUntilRegex(/;/))).toBe('match;');
      const target = Buffer.alloc(2);
      expect(await b.readInto(target)).toBe(2);
      expect(text(target)).toBe('12');
      expect(await failureOf(b.readBytes(100))).toMatchObject(closed);
      expect(text(await b.readBytes(100, { partial: true }))).toBe('partial');
      expect(await failureOf(b.readBytes(1, { partial: true }))).toMatchObject(closed);
      expect(text(await b.readUntilClose())).toBe('');
    }));

  it('keeps what had come when a limit has closed it [STR-05]', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('no line end');
      expect(await failureOf(b.readUntil('\n', { maxBytes: 5 }))).toMatchObject(closed);
      expect(text(await b.readUntilClose())).toBe('no line end');
    }));

  it('answers a satisfiable read first, then fails what waits, then calls back a turn later [STR-10]', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('so far');
      const events: string[] = [];
      const note = (name: string) => (result: unknown) =>
        void events.push(`${name}: ${result instanceof Error ? result.name : String(result)}`);
      const cause = new Error('the reason');
      const waiting = [
        b.readUntilClose().then(note('read')),
        b.write(Buffer.alloc(MUCH)).catch(note('write')),
        b.waitDrained().catch(note('drain')),
      ];
      await until(() => b.bytesReceived === 6);
      const called = new Promise<void>((resolve) =>
        b.setCloseCallback(() => {
          events.push('callback');
          resolve();
        }),
      );
      b.close(cause);
      b.close(new Error('too late'));
      expect(events).toEqual([]);
      await Promise.all([...waiting, called]);
      expect(events).toEqual([
        'read: so far',
        'write: StreamClosedError',
        'drain: StreamClosedError',
        'callback',
      ]);
      expect(b.error).toBe(cause);
    }));

  it('calls each callback once, also those that come late or call close again [STR-10]', () =>
    withPair(channel, async ({ b }) => {
      const calls: string[] = [];
      b.setCloseCallback(() => {
        calls.push('first');
        b.close(new Error('again'));
        b.setCloseCallback(() => void calls.push('from the callback'));
      });
      b.setCloseCallback(() => void calls.push('second'));
      b.close();
      expect(calls).toEqual([]);
      await b.waitClosed();
      b.setCloseCallback(() => void calls.push('late'));
      await until(() => calls.length === 4);
      await turns(3);
      expect(calls.sort()).toEqual(['first', 'from the callback', 'late', 'second']);
      expect(b.error).toBeUndefined();
    }));

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

  it('goes on settling when a continuation of one wait uses the stream again [STR-10]', () =>
    withPair(channel, async ({ b }) => {
      const write = b.write(Buffer.alloc(MUCH)).catch(() => failureOf(b.write('again')));
      const read = b.readBytes(1).catch(() => failureOf(b.readBytes(1)));
      b.close();
      expect(await read).toMatchObject(closed);
      expect(await write).toMatchObject(closed);
      await b.waitClosed();
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

  it('is told of a FIN, which is no close, and calls back at the close [STR-11]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    let calls = 0;
    stream.setCloseCallback(() => {
      calls += 1;
    });
    peer.end();
    await until(() => stream.isEnded);
    await turns(3);
    expect([calls, stream.isClosed]).toEqual([0, false]);
    stream.endWrite();
    await until(() => calls === 1);
    expect(stream.closeReason).toBe('peer-ended');
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

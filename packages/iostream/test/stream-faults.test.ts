import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  type IOStream,
  StreamClosedError,
  StreamLimitError,
  TCPClient,
  TCPServer,
  type TCPServerOptions,
} from '../src/index.ts';
import { recordingLoop } from './support/recording-logger.ts';
import { CHANNEL_NAMES, sendByBytes, text, withPair } from './support/stream-pair.ts';
import { openDescriptors, until, untilDescriptorsAre } from './support/until.ts';

const MIB = 1024 * 1024;
const host = '127.0.0.1';
const client = new TCPClient();
/** What the system says when the peer is gone. */
const BROKEN = /^(ECONNRESET|EPIPE)$/;

const failureOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

describe.each(CHANNEL_NAMES)('faults of the peer over %s', (channel) => {
  it('a reset while a read waits: the read fails with it as the cause [STR-01] [STR-12]', () =>
    withPair(channel, async ({ a, b }) => {
      const failure = failureOf(b.readBytes(1));
      a.reset();
      const error = await failure;
      expect(error).toBeInstanceOf(StreamClosedError);
      expect((error as StreamClosedError).cause).toBe(b.error);
      expect(b.error).toMatchObject({ code: 'ECONNRESET' });
      expect([b.isClosed, b.isEnded]).toEqual([true, false]);
    }));

  it('a reset while writes wait: they fail with it, and the rest is forgotten [STR-12]', () =>
    withPair(channel, async ({ a, b }) => {
      const failures = [a.write(Buffer.alloc(32 * MIB)), a.waitDrained()].map(failureOf);
      await until(() => a.bytesSent > 0);
      b.reset();
      for (const error of await Promise.all(failures)) {
        expect(error).toMatchObject({
          code: 'ERR_STREAM_CLOSED',
          cause: { code: expect.stringMatching(BROKEN) },
        });
      }
      await a.waitClosed();
      expect([a.queuedBytes, a.closeReason]).toEqual([0, 'peer-reset']);
    }));

  it('writing to a peer that has closed: the writes fail, quietly [STR-12]', () =>
    withPair(channel, async ({ a, b }) => {
      b.close();
      await b.waitClosed();
      // A peer's close looks like its end, until what is written to it is answered by a reset.
      let error: unknown;
      while (error === undefined) {
        error = await a.write(Buffer.alloc(64 * 1024)).catch((caught: unknown) => caught);
      }
      expect(error).toMatchObject({
        code: 'ERR_STREAM_CLOSED',
        cause: { code: expect.stringMatching(BROKEN) },
      });
      expect(a.closeReason).toBe('peer-reset');
    }));

  it('bytes one by one, for each kind of read [STR-06]', () =>
    withPair(channel, async ({ a, b }) => {
      const target = Buffer.alloc(3);
      const reads = (async () => [
        text(await b.readUntil('\r\n')),
        text(await b.readUntilRegex(/b+c/)),
        text(await b.readBytes(3)),
        await b.readInto(target),
        text(target),
        text(await b.readUntilClose()),
      ])();
      await sendByBytes(a, b, 'line\r\nabbcdefghirest');
      a.endWrite();
      expect(await reads).toEqual(['line\r\n', 'abbc', 'def', 3, 'ghi', 'rest']);
    }));

  it('a message and the end in one go: both are seen', () =>
    withPair(channel, async ({ a, b }) => {
      const line = b.readUntil('\n');
      a.send('line\nrest');
      a.endWrite();
      expect(text(await line)).toBe('line\n');
      expect(text(await b.readUntilClose())).toBe('rest');
      expect(b.isEnded).toBe(true);
    }));
});

describe.each(CHANNEL_NAMES)('closing over %s', (channel) => {
  it('answers a read that can be answered first, and fails all else [STR-10]', () =>
    withPair(channel, async ({ a, b }) => {
      const all = b.readUntilClose();
      await a.write('what came');
      await until(() => b.bytesReceived === 9);
      const written = failureOf(b.write(Buffer.alloc(32 * MIB)));
      b.close();
      expect(text(await all)).toBe('what came');
      expect(await written).toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    }));

  it('keeps what came before a reset for the close callback to read [STR-05] [STR-11]', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('one\ntwo\n');
      expect(text(await b.readUntil('\n'))).toBe('one\n');
      const called = new Promise<Promise<Buffer>>((resolve) => {
        b.setCloseCallback(() => resolve(b.readUntil('\n')));
      });
      a.reset();
      expect(text((await called) as unknown as Buffer)).toBe('two\n');
    }));

  it('fails a waiting read when it is graceful: what still comes is thrown away', () =>
    withPair(channel, async ({ a, b }) => {
      const failure = failureOf(b.readBytes(10));
      b.closeGracefully();
      expect(await failure).toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      a.close();
      await b.waitClosed();
    }));

  it('is waited for until a signal says otherwise', () =>
    withPair(channel, async ({ b }) => {
      const controller = new AbortController();
      const waiting = failureOf(b.waitClosed({ signal: controller.signal }));
      controller.abort('enough');
      expect(await waiting).toBe('enough');
      expect(await failureOf(b.waitClosed({ signal: controller.signal }))).toBe('enough');
      const { signal } = new AbortController();
      const closed = Promise.all([b.waitClosed({ signal }), b.waitClosed({ signal })]);
      expect(getEventListeners(signal, 'abort')).toHaveLength(2);
      b.close();
      await closed;
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
      await b.waitClosed();
      expect(await failureOf(b.waitClosed({ signal: controller.signal }))).toBeUndefined();
    }));

  it('leaves settings without effect and without harm [STR-13]', () =>
    withPair(channel, async ({ a }) => {
      a.setNoDelay(false);
      a.setNoDelay(true);
      a.close();
      await a.waitClosed();
      a.setNoDelay(false);
      a.flush();
      a.endWrite();
      a.reset();
      expect(a.closeReason).toBe('we-ended');
    }));

  it('answers a read that waits with bytes that are put back', () =>
    withPair(channel, async ({ b }) => {
      const line = b.readUntil('\n');
      b.unread(Buffer.from('put back\nrest'));
      expect(text(await line)).toBe('put back\n');
      expect(text(await b.readBytes(4))).toBe('rest');
    }));
});

describe('TCPServer among faults', () => {
  const listening = (options: TCPServerOptions) => new TCPServer(options).listen({ host });

  it('survives streams that close each other within one batch, while others take their descriptors', async () => {
    const all = new Set<IOStream>();
    const calls: string[] = [];
    let isClosing = true;
    await using server = await listening({
      handleStream(stream) {
        if (!isClosing) return stream.pipeTo(stream);
        all.add(stream);
        stream.setConsumer({
          received() {
            // Called while the events of the others wait behind this one.
            calls.push(stream.isClosed ? 'received after close' : 'received');
            for (const other of all) if (other !== stream) other.close();
          },
          ended() {
            calls.push('ended');
          },
          drained() {},
          closed(error) {
            calls.push(`closed ${error?.message ?? 'in order'}`);
          },
        });
        stream.resume();
        return undefined;
      },
    });
    const connect = () => client.connect({ host, port: server.port });
    const peers = await Promise.all(Array.from({ length: 30 }, connect));
    await until(() => all.size === 30);
    isClosing = false;
    for (const peer of peers) peer.send('x');
    await until(() => calls.length > 0);
    // New connections reuse the numbers of those that were closed.
    const fresh = await Promise.all(Array.from({ length: 30 }, connect));
    for (const [i, stream] of fresh.entries()) {
      await stream.write(`hello ${i}\n`);
      expect(text(await stream.readUntil('\n'))).toBe(`hello ${i}\n`);
    }
    await until(() => calls.length === 30);
    expect(calls.sort()).toEqual([...Array(29).fill('closed in order'), 'received']);
    for (const stream of [...fresh, ...peers]) stream.close();
    // The one that closed the others is still open.
    await until(() => server.openConnections === 1);
  });

  it('leaves nothing open where connections are reset as they are accepted [STR-12]', async () => {
    const before = openDescriptors();
    {
      const { loop, records } = recordingLoop();
      await using server = await listening({ loop, handleStream: (stream) => stream.reset() });
      for (let i = 0; i < 20; i += 1) {
        const error = await failureOf(
          client.connect({ host, port: server.port }).then((stream) => stream.readBytes(1)),
        );
        const cause = error instanceof StreamClosedError ? error.cause : error;
        expect(cause).toMatchObject({ code: 'ECONNRESET' });
      }
      await until(() => server.openConnections === 0);
      expect(records).toEqual([]);
      expect(server.stats()).toMatchObject({ opened: 20, open: 0, closed: { 'we-reset': 20 } });
    }
    await untilDescriptorsAre(before);
  });

  it('is quiet when a handler writes to a peer that has gone [STR-12]', async () => {
    const { loop, records } = recordingLoop();
    await using server = await listening({
      loop,
      async handleStream(stream) {
        for (;;) await stream.write(Buffer.alloc(64 * 1024));
      },
    });
    const stream = await client.connect({ host, port: server.port });
    await stream.readBytes(1);
    stream.reset();
    await until(() => server.openConnections === 0);
    expect(records).toEqual([]);
    expect(server.stats().closed).toMatchObject({ 'peer-reset': 1 });
  });

  it('says that a peer sent more than is taken, and closes the stream [STR-07]', async () => {
    const { loop, of } = recordingLoop();
    await using server = await listening({
      loop,
      maxReadBufferBytes: 1024,
      handleStream: (stream) => stream.readUntil('\n'),
    });
    await using stream = await client.connect({ host, port: server.port });
    void stream.write(Buffer.alloc(2048));
    await failureOf(stream.readUntilClose());
    await until(() => of('warn').length === 1);
    expect(of('warn')[0]?.error).toMatchObject({ cause: expect.any(StreamLimitError) });
    expect(server.stats().closed).toMatchObject({ limit: 1 });
  });
});

import { describe, expect, it } from 'vitest';
import {
  type IOStream,
  StreamClosedError,
  StreamLimitError,
  TCPClient,
  TCPServer,
  type TCPServerOptions,
} from '../../src/index.ts';
import { recordingLoop } from '../support/recording-logger.ts';
import { text } from '../support/stream-pair.ts';
import { watchedLoop } from '../support/tls-fixture.ts';
import { openDescriptors, until, untilDescriptorsAre } from '../support/until.ts';

const host = '127.0.0.1';
const client = new TCPClient();

const failureOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

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

  it('says once a minute what peers do to a handler, each kind for itself, and the rest when it stops', async () => {
    const { loop, clock, records } = watchedLoop();
    await using server = await listening({
      loop,
      async handleStream(stream) {
        if ((await stream.readBytes(1)).toString() === 'l') await stream.readUntil('\n', { maxBytes: 4 });
        else for await (const _ of stream.records(4));
      },
    });
    const send = async (text: string): Promise<void> => {
      await using stream = await client.connect({ host, port: server.port });
      await stream.write(text);
      await stream.endWrite();
      await failureOf(stream.readUntilClose());
      await until(() => server.openConnections === 0);
    };
    for (let i = 0; i < 4; i += 1) await send('l123456789');
    for (let i = 0; i < 3; i += 1) await send('r123');
    const tooLong = (count: number) => ({
      level: 'warn',
      count,
      error: { cause: { code: 'ERR_STREAM_UNSATISFIABLE' } },
    });
    const truncated = (count: number) => ({ level: 'warn', count, error: { code: 'ERR_STREAM_TRUNCATED' } });
    const first = [tooLong(1), truncated(1)];
    expect(records).toMatchObject(first);
    await clock.advance(60_000);
    const counted = [tooLong(3), truncated(2)];
    expect(records).toMatchObject([...first, ...counted]);
    await send('r123');
    expect(records).toHaveLength(4);
    await server.stop();
    expect(records).toMatchObject([...first, ...counted, truncated(1)]);
    expect(clock.pending).toBe(0);
  });
});

import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type IOStream, TCPClient, TCPServer } from '../../src/index.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { host } from '../support/tls-fixture.ts';
import { openDescriptors, until } from '../support/until.ts';
import { SIDE_CASES, VERSIONS } from './support/echo-cases.ts';
import { SIDES } from './support/echo-ends.ts';
import { intrudeAsClient, intrudeAsServer } from './support/intruder.ts';
import { RECORD } from './support/records.ts';

let own: Certificates;
beforeAll(() => {
  own = makeCertificates();
});
afterAll(() => own.remove());

const CLOSE_NOTIFY = Buffer.of(1, 0);
const LINE = 'a line\n';
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

describe.each(SIDE_CASES)('a %s of %s', (side, version) => {
  it('is reset at any byte of a record, and reports that [STR-12] [STR-15]', async () => {
    // What a process opens once is no leak.
    await (await SIDES[side](own, version))[Symbol.asyncDispose]();
    const before = openDescriptors();
    // The header, its first byte, the whole header, and all but the last byte.
    for (const length of [0, 1, 5, 20, -1]) {
      await using end = await SIDES[side](own, version);
      const record = end.intruder.sealed(RECORD.data, Buffer.from(LINE));
      if (length !== 0) end.intruder.sendBytes(record.subarray(0, length));
      await turns(3);
      end.intruder.socket.resetAndDestroy();
      await end.stream.waitClosed();
      expect(end.stream.closeReason).toBe('peer-reset');
      expect(end.stream.error).toMatchObject({ code: 'ECONNRESET' });
      expect(end.stream.bytesReceived).toBe(0);
    }
    await until(() => openDescriptors() <= before);
  });

  it('delivers what came before a close_notify, and nothing after it [STR-15]', async () => {
    await using end = await SIDES[side](own, version);
    const { intruder } = end;
    const late = [
      intruder.sealed(RECORD.data, Buffer.from(LINE)),
      intruder.sealed(RECORD.alert, CLOSE_NOTIFY),
      intruder.sealed(RECORD.data, Buffer.from('late\n')),
    ];
    intruder.sendBytes(Buffer.concat(late));
    await end.stream.waitClosed();
    expect(end.stream.bytesReceived).toBe(LINE.length);
    expect(end.stream.error ?? null).toBeNull();
    expect((await intruder.nextData())?.plaintext.toString()).toBe(LINE);
  });

  it('closes in the middle of a record that is never completed [STR-15]', async () => {
    await using end = await SIDES[side](own, version);
    end.intruder.sendBytes(end.intruder.sealed(RECORD.data, Buffer.from(LINE)).subarray(0, 20));
    await turns(3);
    end.stream.close();
    await end.stream.waitClosed();
    expect(end.stream.closeReason).toBe('we-ended');
    // Nothing was unsent, so the close is announced.
    expect(await end.intruder.nextData()).toEqual({ type: RECORD.alert, plaintext: CLOSE_NOTIFY });
  });
});

/** Waits until a stream neither reads nor queues any more. @returns the bytes that it has queued and received */
async function untilItRests(stream: IOStream): Promise<[queued: number, received: number]> {
  let state: [number, number] = [0, 0];
  let rests = 0;
  await until(() => {
    const now: [number, number] = [stream.queuedBytes, stream.bytesReceived];
    rests = now[0] > 0 && now.join() === state.join() ? rests + 1 : 0;
    state = now;
    return rests === 100;
  });
  return state;
}

describe.each(VERSIONS)('a peer of %s that sends and never reads', (version) => {
  /** More than the buffers of the system take. */
  const MUCH = Buffer.alloc(64 * 1024, 'm');
  const LIMIT = 1024 * 1024;

  it.each(['server', 'client'] as const)(
    'is not read from while the %s cannot write, and memory stays bounded [STR-08]',
    async (side) => {
      const echo = async (stream: IOStream): Promise<void> => {
        try {
          for await (const piece of stream.chunks()) await stream.write(piece);
        } catch {
          stream.close();
        }
      };
      const options = { maxWriteBufferBytes: LIMIT };
      const server = new TCPServer({
        tls: { certFile: own.certFile, keyFile: own.keyFile },
        handleStream: (stream) => {
          streams.push(stream);
          return echo(stream);
        },
        ...options,
      });
      const streams: IOStream[] = [];
      await using _ = server;
      let intruder: Awaited<ReturnType<typeof intrudeAsClient>>;
      if (side === 'server') {
        await server.listen({ host });
        intruder = await intrudeAsClient(server.port, version);
      } else {
        const waiting = await intrudeAsServer(own, version);
        const { port } = waiting;
        const client = await new TCPClient().connect({ host, port, tls: { ca: own.cert }, ...options });
        streams.push(client);
        void echo(client);
        intruder = await waiting.intruder;
      }
      await using end = intruder;
      await until(() => streams.length === 1);
      const [stream] = streams as [IOStream];
      end.socket.pause();
      let sent = 0;
      // Until its own buffers are full: then the other end does not read any more.
      while (end.socket.writableLength < 4 * LIMIT) {
        end.send(RECORD.data, MUCH.subarray(0, 16_000));
        sent += 16_000;
        if (sent % 160_000 === 0) await turns(1);
      }
      const [queued, received] = await untilItRests(stream);
      expect(queued).toBeGreaterThan(0);
      expect(queued).toBeLessThanOrEqual(LIMIT);
      expect(received).toBeLessThan(sent);
      // What has to be sent is sent as soon as the peer reads.
      end.socket.resume();
      for (let echoed = 0; echoed < sent; ) {
        const record = await end.nextData();
        if (record === undefined) throw new Error('the stream has closed');
        echoed += record.plaintext.length;
      }
      stream.close();
    },
  );

  if (version === 'TLSv1.3')
    it('cannot make an end that cannot write collect responses to key updates [STR-15]', async () => {
      const streams: IOStream[] = [];
      await using server = await new TCPServer({
        tls: { certFile: own.certFile, keyFile: own.keyFile },
        async handleStream(stream) {
          streams.push(stream);
          // Never waits, and never reads to its end.
          for (let count = 0; count < 100; count += 1) stream.send(MUCH);
          await stream.readUntilClose().catch(() => {});
        },
      }).listen({ host });
      await using intruder = await intrudeAsClient(server.port, version);
      await until(() => streams.length === 1);
      const [stream] = streams as [IOStream];
      intruder.socket.pause();
      await turns(20);
      const queued = stream.queuedBytes;
      for (let batch = 0; batch < 60 && !stream.isClosed; batch += 1) {
        intruder.sendBytes(Buffer.concat(Array.from({ length: 20 }, () => intruder.sealedKeyUpdate(true))));
        await turns(2);
      }
      // Natively there is a limit for messages; node:tls adds no more than one response for each write.
      if (IOLoop.current().tls === 'native') await until(() => stream.isClosed);
      else expect(stream.queuedBytes).toBeLessThanOrEqual(queued);
      stream.close();
    });
});

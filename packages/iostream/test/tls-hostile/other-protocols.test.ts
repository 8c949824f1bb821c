import { once } from 'node:events';
import { connect } from 'node:net';
import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type IOStream, TCPClient, TCPServer } from '../../src/index.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { echoOf, echoServer, host, watchedLoop } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';
import { HEADER_BYTES, RECORD, recordOf } from './support/records.ts';

let own: Certificates;
beforeAll(() => {
  own = makeCertificates();
});
afterAll(() => own.remove());

/** What servers on the internet get. */
const FIRST_BYTES: readonly [name: string, bytes: Buffer][] = [
  ['a request of HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ['a request to a proxy', Buffer.from('CONNECT a.example:443 HTTP/1.1\r\n\r\n')],
  ['the preface of HTTP/2', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
  ['the greeting of SSH', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
  ['a command of SMTP', Buffer.from('EHLO localhost\r\n')],
  ['a greeting of SOCKS', Buffer.from([5, 1, 0, 0, 0])],
  ['a header of the PROXY protocol', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 5 6\r\n')],
  ['a hello of SSL 2', Buffer.from([0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10, ...Array(37).fill(1)])],
  [
    'a hello of SSL 3',
    recordOf(RECORD.handshake, Buffer.from([1, 0, 0, 38, 3, 0, ...Array(36).fill(0)]), 0x0300),
  ],
  ['zeros', Buffer.alloc(64)],
  ['data before any handshake', recordOf(RECORD.data, Buffer.alloc(64))],
  ['an alert', recordOf(RECORD.alert, Buffer.from([2, 40]))],
  ['a change of ciphers', recordOf(RECORD.changeCipherSpec, Buffer.of(1))],
  ['an empty hello', recordOf(RECORD.handshake, Buffer.from([1, 0, 0, 0]))],
  ['an empty record', recordOf(RECORD.handshake, Buffer.alloc(0))],
  [
    'a hello of the server',
    recordOf(RECORD.handshake, Buffer.from([2, 0, 0, 38, 3, 3, ...Array(36).fill(0)])),
  ],
  ['a record that is too long', recordOf(RECORD.handshake, Buffer.alloc(20_000))],
  ['a hello that announces 16 MiB', recordOf(RECORD.handshake, Buffer.from([1, 255, 255, 255, 3, 3]))],
];

/** Sends bytes to a port. @returns what came back until the end, however that came. */
async function sendTo(port: number, bytes: Uint8Array, endsFirst: boolean): Promise<Buffer> {
  const socket = connect({ port, host, allowHalfOpen: true });
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  socket.on('error', () => {});
  socket.write(bytes);
  if (endsFirst) socket.end();
  socket.on('end', () => socket.end());
  await once(socket, 'close');
  return Buffer.concat(pieces);
}

describe('TCPServer with TLS and a client of another protocol', () => {
  it.each(FIRST_BYTES)(
    'closes at %s, counts it, and serves the next client [STR-15]',
    async (_name, bytes) => {
      const { loop, clock, records } = watchedLoop();
      const { server } = await echoServer({ certFile: own.certFile, keyFile: own.keyFile }, { loop });
      await using _ = server;
      // Some are complete to OpenSSL only when the client ends.
      const answer = await sendTo(server.port, bytes, true);
      await until(() => server.openConnections === 0);
      // If anything is sent, it is one alert, in plain text.
      if (answer.length > 0) {
        expect([answer[0], answer.length]).toEqual([RECORD.alert, HEADER_BYTES + 2]);
      }
      expect(server.stats()).toMatchObject({ opened: 0, handshakesFailed: 1 });
      expect(records).toHaveLength(1);
      expect(records[0]?.error?.code).toMatch(/^ERR_STREAM_TLS$/);
      await using stream = await new TCPClient().connect({ host, port: server.port, tls: { ca: own.cert } });
      expect(await echoOf(stream)).toBe('hello\n');
      await clock.advance(60_000);
      expect(clock.pending).toBe(0);
    },
  );

  it('tells a client of HTTP by an alert, where TLS is native [STR-15]', async () => {
    const { loop } = watchedLoop();
    const { server } = await echoServer({ certFile: own.certFile, keyFile: own.keyFile }, { loop });
    await using _ = server;
    const answer = await sendTo(server.port, Buffer.from('GET / HTTP/1.1\r\n\r\n'), false);
    if (IOLoop.current().tls === 'native') expect(answer[0] ?? RECORD.alert).toBe(RECORD.alert);
  });
});

describe('TCPClient with TLS and a server of another protocol', () => {
  const answers: readonly [name: string, bytes: Buffer][] = [
    ['a response of HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')],
    ['the greeting of SMTP', Buffer.from('220 mail.example ESMTP\r\n')],
    ...FIRST_BYTES.filter(([name]) => !/of the server|of HTTP/.test(name)),
  ];

  it.each(answers)('fails at %s, with the reason, and closes [STR-15]', async (_name, bytes) => {
    await using server = await new TCPServer({
      async handleStream(stream: IOStream) {
        await stream.readBytes(HEADER_BYTES);
        await stream.write(bytes);
        stream.endWrite();
        await stream.readUntilClose().catch(() => {});
        stream.close();
      },
    }).listen({ host });
    const connecting = new TCPClient().connect({ host, port: server.port, tls: { ca: own.cert } });
    await expect(connecting).rejects.toMatchObject({
      name: 'StreamConnectError',
      code: 'ERR_STREAM_TLS',
      cause: { code: expect.stringMatching(/^E/) },
    });
    await until(() => server.openConnections === 0);
  });
});

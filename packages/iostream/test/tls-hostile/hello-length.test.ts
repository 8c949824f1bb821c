import { once } from 'node:events';
import { connect as netConnect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { itNatively } from '../support/native-case.ts';
import { echoServer, host, watchedLoop } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';
import { RECORD } from './support/records.ts';

let own: Certificates;
beforeAll(() => {
  own = makeCertificates();
});
afterAll(() => own.remove());

const CLIENT_HELLO = 1;
const PADDING = 21;

/** A message as records. @param single - how many of its first bytes have a record of their own. */
function recordsOf(message: Buffer, single: number): Buffer {
  const parts: Uint8Array[] = Array.from(message.subarray(0, single), (byte) => Buffer.of(byte));
  for (let at = single; at < message.length; at += 16_384) parts.push(message.subarray(at, at + 16_384));
  return Buffer.concat(parts.map((part) => Buffer.concat([headerOf(part.length), part])));
}

function headerOf(byteLength: number): Buffer {
  return Buffer.of(RECORD.handshake, 3, 1, byteLength >> 8, byteLength & 0xff);
}

/** The hello of node:tls, without the header of its record. */
async function realHello(): Promise<Buffer> {
  let record: Buffer | undefined;
  const wire = new Duplex({
    read: () => {},
    write: (bytes: Buffer) => {
      record ??= bytes;
    },
  });
  const secure = connect({ socket: wire, servername: 'localhost' }).on('error', () => {});
  await until(() => record !== undefined);
  secure.destroy();
  return (record as Buffer).subarray(5);
}

/** A hello of `byteLength` bytes, which a padding extension fills (RFC 7685). */
async function paddedHello(byteLength: number): Promise<Buffer> {
  const hello = await realHello();
  const added = byteLength - hello.length;
  const padding = Buffer.alloc(added);
  padding.writeUInt16BE(PADDING, 0);
  padding.writeUInt16BE(added - 4, 2);
  const padded = Buffer.concat([hello, padding]);
  padded.writeUIntBE(padded.length - 4, 1, 3);
  const extensionsAt = extensionsOf(hello);
  padded.writeUInt16BE(padded.length - extensionsAt - 2, extensionsAt);
  return padded;
}

/** Where the length of the extensions is: after version, random, session id, cipher suites and compression methods. */
function extensionsOf(hello: Buffer): number {
  let at = 4 + 2 + 32;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  return at + 1 + hello.readUInt8(at);
}

/** Resolves when the connection has closed, also by a reset. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.resume().once('close', () => resolve()));
}

async function dial(port: number): Promise<Socket> {
  const socket = netConnect({ port, host, noDelay: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

describe('a server whose client announces a long hello', () => {
  const announced = (byteLength: number): Buffer => {
    const hello = Buffer.alloc(40);
    hello.writeUInt8(CLIENT_HELLO, 0);
    hello.writeUIntBE(byteLength, 1, 3);
    return hello;
  };

  itNatively.each(Array.from({ length: 21 }, (_, single) => single))(
    'refuses 128 KiB before it has received them, with the first %i bytes in records of their own [STR-15]',
    async (single) => {
      const { loop, records } = watchedLoop();
      const { server } = await echoServer({ cert: own.cert, key: own.key }, { loop });
      await using _ = server;
      const socket = await dial(server.port);
      socket.write(recordsOf(announced(128 * 1024), single));
      // Without the limit, the server would wait for the rest.
      await closeOf(socket);
      await until(() => server.openConnections === 0);
      expect(server.stats()).toMatchObject({ handshakesFailed: 1 });
      expect(records).toMatchObject([
        { error: { code: 'ERR_STREAM_TLS', message: expect.stringContaining('hello is too long') } },
      ]);
    },
  );

  itNatively('refuses one that comes byte by byte in records and in segments [STR-15]', async () => {
    const { loop } = watchedLoop();
    const { server } = await echoServer({ cert: own.cert, key: own.key }, { loop });
    await using _ = server;
    const socket = await dial(server.port);
    const closed = closeOf(socket);
    for (const byte of recordsOf(announced(128 * 1024), 20)) {
      if (socket.destroyed) break;
      await new Promise((resolve) => socket.write(Buffer.of(byte), resolve));
    }
    await closed;
    expect(server.stats()).toMatchObject({ handshakesFailed: 1 });
  });

  it.each([0, 1, 4, 20])(
    'serves 16 KiB with padding, with the first %i bytes in records of their own (RFC 7685) [STR-15]',
    async (single) => {
      const { server } = await echoServer({ cert: own.cert, key: own.key });
      await using _ = server;
      const socket = await dial(server.port);
      const heard = once(socket, 'data');
      socket.write(recordsOf(await paddedHello(16 * 1024), single));
      const [response] = (await heard) as [Buffer];
      // The start of its hello, and no alert.
      expect([response[0], response[5]]).toEqual([RECORD.handshake, 2]);
      socket.destroy();
    },
  );

  it('serves one with a list of 16 KiB of protocols [STR-15]', async () => {
    const { server } = await echoServer({ cert: own.cert, key: own.key, alpnProtocols: ['last'] });
    await using _ = server;
    const many = Array.from({ length: 63 }, (_, index) => String(index).padStart(255, 'x'));
    const options = { port: server.port, host, ca: own.cert, servername: 'localhost' };
    const socket = connect({ ...options, ALPNProtocols: [...many, 'last'] });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe('last');
    socket.write('a line\n');
    expect(String((await once(socket, 'data'))[0])).toBe('a line\n');
    socket.destroy();
  });
});

import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type IOStream, startTls, TCPClient, TCPServer, TlsSessionCache } from '../../src/index.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { echoLines, echoOf, host } from '../support/tls-fixture.ts';
import { openDescriptors, until } from '../support/until.ts';

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());

const clientTls = () => ({ servername: 'localhost', caFile: certificates.certFile });

/** A server that echoes lines over TLS; what connects to it has not begun its handshake. */
function tlsServer(): Promise<TCPServer> {
  const { certFile, keyFile } = certificates;
  const tls = { certFile, keyFile, alpnProtocols: ['known'] };
  return new TCPServer({ tls, handleStream: echoLines }).listen({ host });
}

/** A server that echoes lines over TLS inside of TLS. */
function nestedServer(): Promise<TCPServer> {
  const { certFile, keyFile } = certificates;
  const tls = { certFile, keyFile };
  return new TCPServer({
    tls,
    async handleStream(stream) {
      await stream.write('READY\n');
      // Some clients break off the second handshake.
      const secured = await startTls(stream, { server: true, tls }).catch(() => stream.close());
      if (secured !== undefined) await echoLines(secured);
    },
  }).listen({ host });
}

async function askedToStart(port: number, tls?: object): Promise<IOStream> {
  const stream = await new TCPClient().connect({ host, port, ...(tls === undefined ? {} : { tls }) });
  if (tls !== undefined) await stream.readUntil('READY\n');
  return stream;
}

/** A server that accepts, and does what `onSocket` does. */
async function withSilentServer(
  test: (port: number, sockets: readonly Socket[]) => Promise<void>,
  onSocket: (socket: Socket) => void = () => {},
): Promise<void> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    socket.resume();
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  try {
    await test((server.address() as { port: number }).port, sockets);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe("startTls on a client's stream", () => {
  it('negotiates ALPN, and resumes the sessions of an earlier connection [STR-14] [CON-02]', async () => {
    await using server = await tlsServer();
    const tls = { ...clientTls(), alpnProtocols: ['known'], sessions: new TlsSessionCache() };
    const seen: unknown[] = [];
    for (let round = 0; round < 2; round += 1) {
      await using stream = await startTls(await askedToStart(server.port), { server: false, tls });
      expect(await echoOf(stream)).toBe('hello\n');
      seen.push([stream.tls?.alpnProtocol, stream.tls?.isSessionReused]);
    }
    expect(seen).toEqual([
      ['known', false],
      ['known', true],
    ]);
  });

  it('runs over a stream that has TLS already [STR-14]', async () => {
    await using server = await nestedServer();
    const before = openDescriptors();
    const plain = await askedToStart(server.port, clientTls());
    const { remoteAddress } = plain;
    const stream = await startTls(plain, { server: false, tls: clientTls() });
    expect(stream.tls).toMatchObject({ authorized: true, servername: 'localhost' });
    expect(stream.remoteAddress).toEqual(remoteAddress);
    const line = `${'x'.repeat(300_000)}\n`;
    expect(await echoOf(stream, line)).toBe(line);
    stream.close();
    await stream.waitClosed();
    await until(() => server.openConnections === 0 && openDescriptors() <= before);
  });

  it.each(['close', 'reset'] as const)('closes both layers at a %s [STR-14]', async (how) => {
    await using server = await nestedServer();
    const before = openDescriptors();
    const plain = await askedToStart(server.port, clientTls());
    const stream = await startTls(plain, { server: false, tls: clientTls() });
    stream[how]();
    await stream.waitClosed();
    await until(() => server.openConnections === 0 && openDescriptors() <= before);
  });

  it('refuses another name than that of the certificate, and closes both layers [STR-14]', async () => {
    await using server = await nestedServer();
    const before = openDescriptors();
    const plain = await askedToStart(server.port, clientTls());
    const tls = { ...clientTls(), servername: 'another.example' };
    await expect(startTls(plain, { server: false, tls })).rejects.toMatchObject({ code: 'ERR_STREAM_TLS' });
    await until(() => server.openConnections === 0 && openDescriptors() <= before);
  });

  it('refuses a stream that is being read, and leaves it as it was [STR-14]', async () => {
    await using server = await tlsServer();
    const plain = await askedToStart(server.port);
    const tls = clientTls();
    const stop = new AbortController();
    const read = plain.readBytes(1, { signal: stop.signal });
    await expect(startTls(plain, { server: false, tls })).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
    stop.abort('enough');
    await expect(read).rejects.toBe('enough');
    plain.setConsumer({ received() {}, ended() {}, drained() {}, closed() {} });
    await expect(startTls(plain, { server: false, tls })).rejects.toMatchObject({
      code: 'ERR_STREAM_USAGE',
    });
    plain.setConsumer(undefined);
    await using stream = await startTls(plain, { server: false, tls });
    expect(await echoOf(stream)).toBe('hello\n');
  });

  it('refuses a stream with bytes in its buffer, which can still be read [STR-14]', async () => {
    await withSilentServer(
      async (port) => {
        const plain = await askedToStart(port);
        plain.unread(await plain.readBytes(5));
        const starting = startTls(plain, { server: false, tls: clientTls() });
        await expect(starting).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
        expect((await plain.readBytes(5)).toString()).toBe('early');
        plain.close();
      },
      (socket) => socket.write('early'),
    );
  });

  it('leaves nothing open after an abort in the handshake [STR-14]', async () => {
    await withSilentServer(async (port, sockets) => {
      const before = openDescriptors();
      const controller = new AbortController();
      const { signal } = controller;
      const plain = await askedToStart(port);
      const starting = startTls(plain, { server: false, tls: clientTls(), signal }).catch(
        (error: unknown) => error,
      );
      await until(() => (sockets[0]?.bytesRead ?? 0) > 0);
      controller.abort('enough');
      expect(await starting).toBe('enough');
      await until(() => sockets[0]?.destroyed === true && openDescriptors() <= before);
      const late = await askedToStart(port);
      await expect(startTls(late, { server: false, tls: clientTls(), signal })).rejects.toBe('enough');
      late.close();
    });
  });
});

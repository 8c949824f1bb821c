import { connect as nodeConnect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type IOStream, startTls, TCPClient, TCPServer, type TCPServerOptions } from '../../src/index.ts';
import { TlsServerContext } from '../../src/tls/server/server-context.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { runSClient } from '../support/openssl-peer.ts';
import { echoLines, echoOf, host, watchedLoop } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';

let certificates: Certificates;
let context: TlsServerContext;
beforeAll(() => {
  certificates = makeCertificates();
  const { certFile, keyFile } = certificates;
  context = new TlsServerContext({ certFile, keyFile, alpnProtocols: ['known'] });
});
afterAll(() => certificates.remove());

const clientTls = () => ({ servername: 'localhost', caFile: certificates.certFile });

/** A server of a tiny protocol: STARTTLS and READY in the clear, echoed lines afterwards. */
async function startingServer(
  secured: (stream: IOStream) => unknown = echoLines,
  options: Partial<TCPServerOptions> = {},
): Promise<{ server: TCPServer; failures: unknown[] }> {
  const failures: unknown[] = [];
  const server = new TCPServer({
    async handleStream(stream) {
      await stream.readUntil('STARTTLS\n');
      await stream.write('READY\n');
      try {
        await secured(await startTls(stream, { server: true, tls: context }));
      } catch (error) {
        failures.push(error);
        stream.close();
      }
    },
    ...options,
  });
  return { server: await server.listen({ host }), failures };
}

async function askedToStart(port: number): Promise<IOStream> {
  const stream = await new TCPClient().connect({ host, port });
  void stream.write('STARTTLS\n');
  await stream.readUntil('READY\n');
  return stream;
}

describe('startTls in the middle of a connection', () => {
  it('secures both sides, and keeps the addresses [STR-14]', async () => {
    const seen: IOStream[] = [];
    const { server } = await startingServer((stream) => {
      seen.push(stream);
      return echoLines(stream);
    });
    await using _ = server;
    const plain = await askedToStart(server.port);
    const { localAddress } = plain;
    await using stream = await startTls(plain, { server: false, tls: clientTls() });
    expect(await echoOf(stream)).toBe('hello\n');
    expect(stream.tls).toMatchObject({ authorized: true, servername: 'localhost' });
    expect(stream.remoteAddress).toMatchObject({ port: server.port });
    expect(seen[0]?.remoteAddress).toEqual(localAddress);
  });

  it('serves openssl s_client -starttls smtp [STR-14] [STR-15]', async () => {
    const greeted: string[] = [];
    await using server = await new TCPServer({
      async handleStream(stream) {
        await stream.write('220 mail.example ESMTP\r\n');
        greeted.push((await stream.readUntil('\r\n')).toString());
        await stream.write('250-mail.example\r\n250 STARTTLS\r\n');
        greeted.push((await stream.readUntil('\r\n')).toString());
        await stream.write('220 go ahead\r\n');
        await echoLines(await startTls(stream, { server: true, tls: context }));
      },
    }).listen({ host });
    const { output } = await runSClient(server.port, [
      '-starttls',
      'smtp',
      '-alpn',
      'known',
      '-CAfile',
      certificates.certFile,
    ]);
    expect(greeted).toEqual([expect.stringMatching(/^EHLO /), 'STARTTLS\r\n']);
    expect(output).toContain('Verify return code: 0 (ok)');
    expect(output).toContain('ALPN protocol: known');
    expect(output).toContain('an echo\n');
    await until(() => server.openConnections === 0);
  });

  it('does not take what was sent in the clear for protected [STR-14]', async () => {
    const { server, failures } = await startingServer();
    await using _ = server;
    const socket = nodeConnect(server.port, host);
    socket.on('error', () => {});
    socket.resume();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write('STARTTLS\nMAIL FROM:<injected@example.org>\n');
    await closed;
    expect(failures).toMatchObject([{ code: 'ERR_STREAM_USAGE' }]);
  });

  it('fails with the peer gone meanwhile, and settles [STR-14] [STR-15]', async () => {
    const { server, failures } = await startingServer();
    await using _ = server;
    for (const how of ['close', 'reset'] as const) {
      const plain = await askedToStart(server.port);
      plain[how]();
      await until(() => server.openConnections === 0);
    }
    expect(failures).toMatchObject([
      { code: 'ERR_STREAM_TLS', cause: { code: 'ECONNRESET' } },
      { code: 'ERR_STREAM_TLS', cause: { code: 'ECONNRESET' } },
    ]);
  });

  it('leaves the stream as it was for invalid options [STR-14] [NET-06]', async () => {
    const { server } = await startingServer();
    await using _ = server;
    const plain = await askedToStart(server.port);
    const wrong = { ...clientTls(), typo: true };
    await expect(startTls(plain, { server: false, tls: wrong })).rejects.toMatchObject({
      code: 'ERR_STREAM_USAGE',
    });
    await using stream = await startTls(plain, { server: false, tls: clientTls() });
    expect(await echoOf(stream)).toBe('hello\n');
  });

  it('leaves the connection counted by its server, which closes it with the others [STR-14]', async () => {
    const { server } = await startingServer(echoLines, { maxConnections: 2 });
    await using _ = server;
    const inHandshake = await askedToStart(server.port);
    const plain = await askedToStart(server.port);
    await using secured = await startTls(plain, { server: false, tls: clientTls() });
    expect(await echoOf(secured)).toBe('hello\n');
    expect(server.openConnections).toBe(2);
    await using third = await new TCPClient().connect({ host, port: server.port });
    expect((await third.readUntilClose()).length).toBe(0);
    await server.closeAll();
    await secured.readUntilClose();
    await inHandshake.readUntilClose().catch(() => {});
    inHandshake.close();
    await until(() => server.openConnections === 0);
    expect(context.handshakes).toBe(0);
  });

  it('closes the connection of a handler that fails after it [STR-14]', async () => {
    const failing = new Error('the handler is at fault');
    await using server = await new TCPServer({
      async handleStream(stream) {
        await stream.readUntil('STARTTLS\n');
        await stream.write('READY\n');
        await startTls(stream, { server: true, tls: context });
        throw failing;
      },
      loop: watchedLoop().loop,
    }).listen({ host });
    await using stream = await startTls(await askedToStart(server.port), { server: false, tls: clientTls() });
    expect((await stream.readUntilClose()).length).toBe(0);
    stream.close();
    await until(() => server.openConnections === 0);
  });

  it.each(['close', 'reset'] as const)(
    'stops at a %s of the old stream by the server [STR-14]',
    async (how) => {
      let old: IOStream | undefined;
      const { server, failures } = await startingServer(() => {}, {
        async handleStream(stream) {
          await stream.readUntil('STARTTLS\n');
          await stream.write('READY\n');
          old = stream;
          await startTls(stream, { server: true, tls: context }).catch((error) => failures.push(error));
        },
      });
      await using _ = server;
      // A client that never begins its handshake.
      const stream = await askedToStart(server.port);
      old?.[how]();
      await until(() => failures.length === 1);
      expect(failures[0]).toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      await stream.readUntilClose().catch(() => {});
      stream.close();
      await until(() => server.openConnections === 0);
    },
  );

  it('moves the limits of a stream, and those who wait for its close, to the new one [STR-14]', async () => {
    const { server } = await startingServer();
    await using _ = server;
    const plain = await new TCPClient().connect({
      host,
      port: server.port,
      maxReadBufferBytes: 5_000,
      maxWriteBufferBytes: 100_000,
      writeOverflow: 'close',
    });
    void plain.write('STARTTLS\n');
    await plain.readUntil('READY\n');
    const told: string[] = [];
    plain.setCloseCallback(() => told.push('callback'));
    const waited = plain.waitClosed().then(() => told.push('waiter'));
    const stream = await startTls(plain, { server: false, tls: clientTls() });
    expect(stream.options).toMatchObject({
      maxReadBufferBytes: 5_000,
      maxWriteBufferBytes: 100_000,
      writeOverflow: 'close',
    });
    expect(await echoOf(stream, 'still open\n')).toBe('still open\n');
    expect(told).toEqual([]);
    stream.close();
    await waited;
    expect(told.sort()).toEqual(['callback', 'waiter']);
  });

  it('tells those who wait for the close when the handshake fails [STR-14]', async () => {
    const { server } = await startingServer();
    await using _ = server;
    const plain = await askedToStart(server.port);
    const waited = plain.waitClosed();
    const tls = { servername: 'another.example', caFile: certificates.certFile };
    await expect(startTls(plain, { server: false, tls })).rejects.toMatchObject({ code: 'ERR_STREAM_TLS' });
    await waited;
  });

  it('moves the limits of the server to the new stream [STR-14]', async () => {
    const { server, failures } = await startingServer((stream) => stream.readUntil('\n'), {
      maxReadBufferBytes: 100,
    });
    await using _ = server;
    await using stream = await startTls(await askedToStart(server.port), { server: false, tls: clientTls() });
    void stream.write('x'.repeat(1_000));
    await until(() => failures.length === 1);
    expect(failures).toMatchObject([
      { code: 'ERR_STREAM_CLOSED', cause: { code: 'ERR_STREAM_UNSATISFIABLE' } },
    ]);
  });
});

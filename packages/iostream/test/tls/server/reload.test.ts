import { once } from 'node:events';
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TCPClient, TCPServer, type TlsServerOptions } from '../../../src/index.ts';
import { TlsServerContext } from '../../../src/tls/server/server-context.ts';
import { type Authority, type IssuedCertificate, makeAuthority } from '../../support/certificates.ts';
import { runSClient } from '../../support/openssl-peer.ts';
import { echoLines, echoOf, echoServer, host } from '../../support/tls-fixture.ts';
import { until } from '../../support/until.ts';

let authority: Authority;
let before: IssuedCertificate;
let after: IssuedCertificate;
let files: { certFile: string; keyFile: string };
beforeAll(() => {
  authority = makeAuthority();
  before = authority.issue('before', 'DNS:localhost');
  after = authority.issue('after', 'DNS:localhost');
  files = { certFile: join(authority.folder, 'live.pem'), keyFile: join(authority.folder, 'live.key') };
});
afterAll(() => authority.remove());
beforeEach(() => install(before));

function install({ certFile, keyFile }: IssuedCertificate): void {
  copyFileSync(certFile, files.certFile);
  copyFileSync(keyFile, files.keyFile);
}

async function shownTo(port: number, ...options: string[]): Promise<string | undefined> {
  const { output } = await runSClient(port, options);
  return /subject=CN = (\S+)/.exec(output)?.[1];
}

/** The common name of the certificate that a client gets on an open connection. */
async function certificateOver(socket: Socket): Promise<unknown> {
  const secure = connectTls({ socket, servername: 'localhost', ca: authority.cert });
  await once(secure, 'secureConnect');
  const { CN } = secure.getPeerCertificate().subject;
  secure.destroy();
  return CN;
}

describe('TCPServer.reloadTls', () => {
  it('shows new connections the new certificate, and lets the old go on [NET-06]', async () => {
    const { server } = await echoServer(files);
    await using _ = server;
    const tls = { servername: 'localhost', caFile: authority.certFile };
    await using stream = await new TCPClient().connect({ host, port: server.port, tls });
    expect(await echoOf(stream)).toBe('hello\n');
    install(after);
    expect(await shownTo(server.port)).toBe('before');
    server.reloadTls();
    expect(await shownTo(server.port)).toBe('after');
    expect(await echoOf(stream, 'still here\n')).toBe('still here\n');
    expect(stream.tls?.getPeerCertificate()?.subject.CN).toBe('before');
    expect(server.openConnections).toBe(1);
  });

  it('completes a handshake that has started with the certificates of its start [NET-06]', async () => {
    const context = new TlsServerContext({ certificates: [{ ...files, names: ['a.example', 'localhost'] }] });
    const { server } = await echoServer(context);
    await using _ = server;
    const socket = connectPlain(server.port, host);
    await until(() => context.handshakes === 1);
    install(after);
    server.reloadTls();
    server.reloadTls();
    expect(await certificateOver(socket)).toBe('before');
    expect(await certificateOver(connectPlain(server.port, host))).toBe('after');
    await until(() => context.handshakes === 0);
  });

  it('reloads each of several certificates [NET-06]', async () => {
    const { certFile, keyFile } = before;
    const { server } = await echoServer({
      certificates: [
        { certFile, keyFile, names: ['first.example'] },
        { ...files, names: ['second.example'] },
      ],
    });
    await using _ = server;
    install(after);
    server.reloadTls();
    expect(await shownTo(server.port, '-servername', 'second.example')).toBe('after');
    expect(await shownTo(server.port, '-servername', 'first.example')).toBe('before');
  });

  it.each<[string, () => void]>([
    ['a certificate without its key', () => copyFileSync(after.certFile, files.certFile)],
    ['a file that is half written', () => writeFileSync(files.certFile, before.cert.subarray(0, 100))],
    ['no file at all', () => rmSync(files.keyFile)],
  ])('keeps the old one when there is %s, and says so [NET-06] [SRV-01]', async (_what, spoil) => {
    const { server } = await echoServer(files);
    await using _ = server;
    spoil();
    expect(() => server.reloadTls()).toThrow(
      expect.objectContaining({ name: 'StreamConnectError', code: 'ERR_STREAM_TLS' }),
    );
    expect(await shownTo(server.port)).toBe('before');
    install(after);
    server.reloadTls();
    expect(await shownTo(server.port)).toBe('after');
  });

  it('takes other options, and keeps the old where they are wrong [NET-06]', async () => {
    const { server } = await echoServer({ cert: before.cert, key: before.key });
    await using _ = server;
    expect(() => server.reloadTls({ cert: after.cert, key: before.key })).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_TLS' }),
    );
    expect(() => server.reloadTls({ ...files, typo: true } as TlsServerOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE' }),
    );
    expect(await shownTo(server.port)).toBe('before');
    server.reloadTls({ cert: after.cert, key: after.key, alpnProtocols: ['new'] });
    const { output } = await runSClient(server.port, ['-alpn', 'new']);
    expect(output).toContain('subject=CN = after');
    expect(output).toContain('ALPN protocol: new');
    server.reloadTls(files);
    expect(await shownTo(server.port)).toBe('before');
    install(after);
    server.reloadTls();
    expect(await shownTo(server.port)).toBe('after');
  });

  it('refuses where there is nothing to read again [NET-06]', async () => {
    const secureContext = createSecureContext({ cert: before.cert, key: before.key });
    for (const tls of [{ cert: before.cert, key: before.key }, secureContext, { secureContext }]) {
      const server = new TCPServer({ handleStream: echoLines, tls });
      expect(() => server.reloadTls()).toThrow(expect.objectContaining({ code: 'ERR_STREAM_USAGE' }));
    }
    const plain = new TCPServer({ handleStream: echoLines });
    expect(() => plain.reloadTls(files)).toThrow(expect.objectContaining({ code: 'ERR_STREAM_USAGE' }));
  });
});

describe('TlsServerContext', () => {
  it('serves several servers, and reloads for all of them [NET-06]', async () => {
    const context = new TlsServerContext(files);
    const one = await echoServer(context);
    await using first = one.server;
    const other = await echoServer(context);
    await using second = other.server;
    expect([await shownTo(first.port), await shownTo(second.port)]).toEqual(['before', 'before']);
    install(after);
    context.reload();
    expect([await shownTo(first.port), await shownTo(second.port)]).toEqual(['after', 'after']);
    expect(context.handshakes).toBe(0);
  });
});

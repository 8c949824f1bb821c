import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TCPClient, type TlsServerOptions } from '../../src/index.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { runSClient, startSServer } from '../support/openssl-peer.ts';
import { echoOf, echoServer, host, watchedLoop } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());

const own = (): TlsServerOptions => ({ certFile: certificates.certFile, keyFile: certificates.keyFile });
const trusting = () => ({ caFile: certificates.certFile });
const serverFiles = () => ['-cert', certificates.certFile, '-key', certificates.keyFile];

describe('TCPServer and what openssl offers', () => {
  it.each([
    ['http/1.1', 'http/1.1'],
    ['http/1.1,h2', 'h2'],
    ['other,http/1.1', 'http/1.1'],
  ])('chooses of %s the protocol that it likes best, %s [NET-06]', async (offered, chosen) => {
    const { server, seen } = await echoServer({ ...own(), alpnProtocols: ['h2', 'http/1.1'] });
    await using _ = server;
    const { output } = await runSClient(server.port, ['-alpn', offered]);
    expect(output).toContain(`ALPN protocol: ${chosen}`);
    expect(seen).toMatchObject([{ alpnProtocol: chosen }]);
  });

  it('serves a client that names no protocol, or to whom it names none [NET-06]', async () => {
    const naming = await echoServer({ ...own(), alpnProtocols: ['h2'] });
    await using one = naming.server;
    const silent = await echoServer(own());
    await using other = silent.server;
    const { output } = await runSClient(one.port, []);
    expect(output).toContain('No ALPN negotiated');
    expect((await runSClient(other.port, ['-alpn', 'h2'])).output).toContain('No ALPN negotiated');
    expect([...naming.seen, ...silent.seen]).toMatchObject([
      { alpnProtocol: false },
      { alpnProtocol: false },
    ]);
  });

  it('refuses a client with other protocols only (RFC 7301 §3.2) [NET-06] [STR-15]', async () => {
    const { loop, records } = watchedLoop();
    const { server, seen } = await echoServer({ ...own(), alpnProtocols: ['h2'] }, { loop });
    await using _ = server;
    const { output, status } = await runSClient(server.port, ['-alpn', 'http/1.1']);
    expect(output).toContain('no application protocol');
    expect(status).not.toBe(0);
    await until(() => server.openConnections === 0);
    expect(seen).toHaveLength(0);
    expect(records).toMatchObject([{ level: 'warn', error: { code: 'ERR_STREAM_TLS' } }]);
  });

  it.each([
    ['TLSv1.2', '-tls1_2', '-tls1_3'],
    ['TLSv1.3', '-tls1_3', '-tls1_2'],
  ] as const)('speaks %s alone where it is told so [NET-06] [STR-15]', async (version, spoken, refused) => {
    const { loop, records } = watchedLoop();
    const tls = { ...own(), minVersion: version, maxVersion: version };
    const { server, seen } = await echoServer(tls, { loop });
    await using _ = server;
    expect((await runSClient(server.port, [spoken])).output).toContain(`New, ${version}`);
    expect((await runSClient(server.port, [refused])).status).not.toBe(0);
    await until(() => server.openConnections === 0);
    expect(seen).toMatchObject([{ protocol: version }]);
    expect(records).toMatchObject([{ level: 'warn', error: { code: 'ERR_STREAM_TLS' } }]);
  });

  it.each(['-tls1', '-tls1_1'])('refuses what is older (RFC 8996), %s [NET-06] [STR-15]', async (old) => {
    const { loop, records } = watchedLoop();
    const { server, seen } = await echoServer(own(), { loop });
    await using _ = server;
    // Level 0 lets openssl itself offer it.
    const { output, status } = await runSClient(server.port, [old, '-cipher', 'ALL:@SECLEVEL=0']);
    expect(output).toContain('protocol version');
    expect(status).not.toBe(0);
    await until(() => server.openConnections === 0);
    expect(seen).toHaveLength(0);
    expect(records).toMatchObject([
      { level: 'warn', error: { cause: { code: 'ERR_SSL_UNSUPPORTED_PROTOCOL' } } },
    ]);
  });

  it('never compresses, also not for who asks (RFC 7525 §3.3) [NET-06]', async () => {
    const { server } = await echoServer(own());
    await using _ = server;
    const { output } = await runSClient(server.port, ['-tls1_2', '-comp']);
    expect(output).toContain('Compression: NONE');
    expect(output).toContain('an echo\n');
  });

  it('uses the ciphers that it is told, and says which [NET-06]', async () => {
    const { server, seen } = await echoServer({
      ...own(),
      maxVersion: 'TLSv1.2',
      ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384',
    });
    await using _ = server;
    const { output } = await runSClient(server.port, []);
    expect(output).toContain('Cipher is ECDHE-ECDSA-AES256-GCM-SHA384');
    expect(seen).toMatchObject([{ cipher: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384' }]);
  });

  it('closes the connection of a client that wants to negotiate again [STR-15]', async () => {
    const { server, seen } = await echoServer({ ...own(), maxVersion: 'TLSv1.2' });
    await using _ = server;
    const { output } = await runSClient(server.port, [], { input: 'R\n', until: 'that it is closed' });
    expect(output).toContain('RENEGOTIATING');
    await until(() => server.openConnections === 0);
    expect(seen).toHaveLength(1);
  });
});

describe('TCPClient and openssl s_server', () => {
  it('agrees on a protocol, a version and a cipher, and verifies [NET-06] [STR-15]', async () => {
    await using server = await startSServer([...serverFiles(), '-rev', '-alpn', 'h2,http/1.1', '-tls1_3']);
    const tls = { ...trusting(), alpnProtocols: ['http/1.1'], servername: 'localhost' };
    await using stream = await new TCPClient().connect({ host, port: server.port, tls });
    expect(await echoOf(stream, 'abc\n')).toBe('cba\n');
    expect(stream.tls).toMatchObject({
      protocol: 'TLSv1.3',
      cipher: expect.stringMatching(/^TLS_/),
      alpnProtocol: 'http/1.1',
      authorized: true,
      authorizationError: undefined,
      servername: 'localhost',
      isSessionReused: false,
    });
  });

  it('presents its certificate where one is demanded [NET-06]', async () => {
    const demanding = [...serverFiles(), '-rev', '-CAfile', certificates.certFile, '-Verify', '1'];
    await using server = await startSServer(demanding);
    const tls = { ...own(), ...trusting() };
    await using stream = await new TCPClient().connect({ host, port: server.port, tls });
    expect(await echoOf(stream, 'abc\n')).toBe('cba\n');
    await server.until('verify return:1');
  });

  it('says whom it does not believe, when told to go on [NET-06]', async () => {
    await using server = await startSServer([...serverFiles(), '-rev']);
    const tls = { rejectUnauthorized: false };
    await using stream = await new TCPClient().connect({ host, port: server.port, tls });
    expect(await echoOf(stream, 'abc\n')).toBe('cba\n');
    expect(stream.tls).toMatchObject({
      authorized: false,
      authorizationError: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
  });

  it('does not speak what is older than it may, or older than all may [NET-06] [STR-15]', async () => {
    await using server = await startSServer([...serverFiles(), '-rev', '-tls1_2']);
    const tls = { ...trusting(), minVersion: 'TLSv1.3' } as const;
    const connecting = new TCPClient().connect({ host, port: server.port, tls });
    await expect(connecting).rejects.toMatchObject({ name: 'StreamConnectError', code: 'ERR_STREAM_TLS' });
    const old = ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'];
    await using oldServer = await startSServer([...serverFiles(), '-rev', ...old]);
    const olden = new TCPClient().connect({ host, port: oldServer.port, tls: trusting() });
    await expect(olden).rejects.toMatchObject({ name: 'StreamConnectError', code: 'ERR_STREAM_TLS' });
  });
});

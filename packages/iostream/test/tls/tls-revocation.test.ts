import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TCPClient, TCPServer, type TlsServerOptions } from '../../src/index.ts';
import { type Authority, type IssuedCertificate, makeAuthority } from '../support/certificates.ts';
import { runSClient } from '../support/openssl-peer.ts';
import { echoLines, echoOf, echoServer, host, watchedLoop } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';

const isNative = IOLoop.current().tls === 'native';

let authority: Authority;
let own: IssuedCertificate;
let good: IssuedCertificate;
let revoked: IssuedCertificate;
let crlFile: string;
beforeAll(() => {
  authority = makeAuthority();
  own = authority.issue('server', 'DNS:localhost,IP:127.0.0.1');
  good = authority.issue('good', 'DNS:good.example');
  revoked = authority.issue('revoked', 'DNS:localhost,IP:127.0.0.1');
  crlFile = authority.revoke('revoked', [revoked]);
});
afterAll(() => authority.remove());

const files = ({ certFile, keyFile }: IssuedCertificate) => ({ certFile, keyFile });
const demanding = (): TlsServerOptions => ({
  ...files(own),
  caFile: authority.certFile,
  requestCert: true,
  crlFile,
});
const presented = ({ certFile, keyFile }: IssuedCertificate) => ['-cert', certFile, '-key', keyFile];
const VERSIONS = ['-tls1_2', '-tls1_3'];

describe('TCPServer with a revocation list', () => {
  it.each(VERSIONS)('refuses a revoked client, and serves the others, %s [NET-06]', async (version) => {
    const { loop, records } = watchedLoop();
    const { server, seen } = await echoServer(demanding(), { loop });
    await using _ = server;
    const served = await runSClient(server.port, [version, ...presented(good)]);
    expect(served.output).toContain('an echo\n');
    const refused = await runSClient(server.port, [version, ...presented(revoked)], { until: 'closed' });
    expect(refused.output).not.toContain('an echo\n');
    if (isNative) expect(refused.output).toContain('alert certificate revoked');
    await until(() => server.openConnections === 0);
    expect(seen).toMatchObject([{ authorized: true }]);
    expect(records).toMatchObject([{ level: 'warn', error: { cause: { code: 'CERT_REVOKED' } } }]);
    expect(server.stats().handshakeFailures).toEqual({ CERT_REVOKED: 1 });
  });

  it('says of an optional certificate that it is revoked [NET-06]', async () => {
    const { server, seen } = await echoServer({ ...demanding(), rejectUnauthorized: false });
    await using _ = server;
    await runSClient(server.port, presented(revoked));
    expect(seen).toMatchObject([{ authorized: false, authorizationError: 'CERT_REVOKED' }]);
  });

  it('refuses clients of an authority without a list [NET-06]', async () => {
    const other = makeAuthority('Another authority of a test');
    try {
      const { loop, records } = watchedLoop();
      const ca = [authority.cert, other.cert];
      const rest = { ...files(own), ca, requestCert: true };
      const { server } = await echoServer({ ...rest, crlFile }, { loop });
      await using _ = server;
      const client = other.issue('other', 'DNS:other.example');
      await runSClient(server.port, presented(client), { until: 'closed' });
      await until(() => records.length === 1);
      expect(records).toMatchObject([{ error: { cause: { code: 'UNABLE_TO_GET_CRL' } } }]);
      const both = `${readFileSync(crlFile, 'utf8')}${readFileSync(other.revoke('none', []), 'utf8')}`;
      server.reloadTls({ ...rest, crl: both });
      const { output } = await runSClient(server.port, presented(client));
      expect(output).toContain('an echo\n');
      await runSClient(server.port, presented(revoked), { until: 'closed' });
      await until(() => server.stats().handshakesFailed === 2);
      expect(server.stats().handshakeFailures).toEqual({ UNABLE_TO_GET_CRL: 1, CERT_REVOKED: 1 });
    } finally {
      other.remove();
    }
  });

  it('reads the file again at a reload, and resumes no session from before [NET-06]', async () => {
    const live = join(authority.folder, 'live.crl');
    writeFileSync(live, readFileSync(authority.revoke('empty', [])));
    const ticketKeys = Buffer.alloc(48, 'k');
    const { loop } = watchedLoop();
    const { server } = await echoServer({ ...demanding(), crlFile: live, ticketKeys }, { loop });
    await using _ = server;
    const session = join(authority.folder, 'before.pem');
    await runSClient(server.port, [...presented(revoked), '-sess_out', session]);
    writeFileSync(live, readFileSync(crlFile));
    server.reloadTls();
    const { output } = await runSClient(server.port, [...presented(revoked), '-sess_in', session], {
      until: 'closed',
    });
    expect(output).not.toContain('an echo\n');
    await until(() => server.stats().handshakesFailed === 1);
  });

  it.each<[string, string, () => Partial<TlsServerOptions>]>([
    ['ERR_STREAM_TLS', 'a list that is none', () => ({ crlFile: own.certFile })],
    ['ERR_STREAM_TLS', 'a list that is cut off', () => ({ crl: readFileSync(crlFile).subarray(0, 200) })],
    ['ERR_STREAM_TLS', 'a missing file', () => ({ crlFile: join(authority.folder, 'missing.crl') })],
    ['ERR_STREAM_USAGE', 'text and a file', () => ({ crlFile, crl: 'text' })],
  ])('fails at construction with %s for %s [SRV-01]', (code, _, tls) => {
    const options = { ...files(own), caFile: authority.certFile, requestCert: true, ...tls() };
    const make = () => new TCPServer({ handleStream: echoLines, tls: options });
    expect(make).toThrow(expect.objectContaining({ code }));
  });
});

describe('TCPClient with a revocation list', () => {
  it('refuses a revoked server, and accepts another [NET-06]', async () => {
    const { loop } = watchedLoop();
    const bad = await echoServer(files(revoked), { loop });
    const fine = await echoServer(files(own), { loop });
    await using badServer = bad.server;
    await using fineServer = fine.server;
    const tls = { caFile: authority.certFile, crlFile };
    await using stream = await new TCPClient().connect({ host, port: fineServer.port, tls });
    expect(await echoOf(stream)).toBe('hello\n');
    const connecting = new TCPClient().connect({ host, port: badServer.port, tls });
    await expect(connecting).rejects.toMatchObject({
      code: 'ERR_STREAM_TLS',
      cause: { code: 'CERT_REVOKED' },
    });
  });
});

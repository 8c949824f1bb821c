import { createSecureContext } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TCPClient, type TlsServerOptions } from '../../../src/index.ts';
import { type KeptSession, TlsSessionCache } from '../../../src/tls/session-cache.ts';
import {
  type Authority,
  type Certificates,
  type IssuedCertificate,
  makeAuthority,
  makeCertificates,
} from '../../support/certificates.ts';
import { itNatively } from '../../support/native-case.ts';
import { runSClient } from '../../support/openssl-peer.ts';
import { echoOf, echoServer, host, watchedLoop } from '../../support/tls-fixture.ts';
import { until } from '../../support/until.ts';

let authority: Authority;
let own: IssuedCertificate;
let known: IssuedCertificate;
let stranger: Certificates;
beforeAll(() => {
  authority = makeAuthority();
  own = authority.issue('server', 'DNS:localhost,IP:127.0.0.1');
  known = authority.issue('known', 'DNS:known.example');
  stranger = makeCertificates('DNS:stranger.example');
});
afterAll(() => {
  authority.remove();
  stranger.remove();
});

const demanding = (): TlsServerOptions => ({
  certFile: own.certFile,
  keyFile: own.keyFile,
  caFile: authority.certFile,
  requestCert: true,
});
const optional = (): TlsServerOptions => ({ ...demanding(), rejectUnauthorized: false });
const presented = ({ certFile, keyFile }: IssuedCertificate) => ['-cert', certFile, '-key', keyFile];
const VERSIONS = ['-tls1_2', '-tls1_3'];

describe('TCPServer that demands client certificates', () => {
  it.each(VERSIONS)(
    'serves an openssl client with a certificate that it believes, %s [NET-06]',
    async (version) => {
      const { server, seen } = await echoServer(demanding());
      await using _ = server;
      const { output } = await runSClient(server.port, [version, ...presented(known)]);
      expect(output).toContain('an echo\n');
      expect(seen).toMatchObject([{ authorized: true, authorizationError: undefined }]);
    },
  );

  it.each(VERSIONS)(
    'refuses one of an unknown authority, and says why, %s [NET-06] [STR-15]',
    async (version) => {
      const { loop, records } = watchedLoop();
      const { server, seen } = await echoServer(demanding(), { loop });
      await using _ = server;
      const { output } = await runSClient(server.port, [version, ...presented(stranger)], {
        until: 'closed',
      });
      expect(output).not.toContain('an echo\n');
      await until(() => server.openConnections === 0);
      expect(seen).toHaveLength(0);
      expect(records).toMatchObject([
        {
          level: 'warn',
          remoteAddress: { family: 'IPv4', address: host },
          error: { code: 'ERR_STREAM_TLS', cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } },
        },
      ]);
    },
  );

  itNatively.each(VERSIONS)(
    'tells a client that it refuses why, by an alert, %s (RFC 8446 §6.2) [NET-06] [STR-15]',
    async (version) => {
      const { loop } = watchedLoop();
      const { server } = await echoServer(demanding(), { loop });
      await using _ = server;
      const { output } = await runSClient(server.port, [version, ...presented(stranger)], {
        until: 'closed',
      });
      expect(output).toContain('alert unknown ca');
      const without = await runSClient(server.port, [version], { until: 'closed' });
      expect(without.output).toMatch(
        version === '-tls1_3' ? /alert certificate required/ : /alert handshake failure/,
      );
    },
  );

  it('names its authorities to clients (RFC 8446 §4.2.4) [NET-06]', async () => {
    const { server } = await echoServer(optional());
    await using _ = server;
    const { output } = await runSClient(server.port, presented(known));
    expect(output).toMatch(/Acceptable client certificate CA names\nCN = Authority of a test\n/);
  });

  it.each(VERSIONS)('refuses a client without, %s [NET-06] [STR-15]', async (version) => {
    const { loop, records } = watchedLoop();
    const { server, seen } = await echoServer(demanding(), { loop });
    await using _ = server;
    const { status } = await runSClient(server.port, [version]);
    expect(status).not.toBe(0);
    await until(() => server.openConnections === 0);
    expect(seen).toHaveLength(0);
    expect(records).toMatchObject([
      { level: 'warn', error: { cause: { code: 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE' } } },
    ]);
  });

  it('gives the certificate to the handler, again when a session is gone on with [NET-06]', async () => {
    const names: unknown[] = [];
    const { server, seen } = await echoServer(demanding(), {
      async handleStream(stream) {
        if (stream.tls !== undefined) seen.push(stream.tls);
        names.push(stream.tls?.getPeerCertificate()?.subject.CN);
        await stream.write(await stream.readUntil('\n'));
        stream.close();
      },
    });
    await using _ = server;
    const client = new TCPClient();
    const tls = { certFile: known.certFile, keyFile: known.keyFile, caFile: authority.certFile };
    for (let i = 0; i < 2; i += 1) {
      await using stream = await client.connect({ host, port: server.port, tls });
      expect(await echoOf(stream)).toBe('hello\n');
    }
    expect(names).toEqual(['known', 'known']);
    expect(seen).toMatchObject([
      { authorized: true, isSessionReused: false },
      { authorized: true, isSessionReused: true },
    ]);
  });

  it('does not let a session stand for a certificate that was never shown [NET-06] [STR-15]', async () => {
    // One context, as two servers of a program may share it: what one of them demands is no part of it.
    const { cert, key } = own;
    const secureContext = createSecureContext({ cert, key, ca: authority.cert, sessionIdContext: 'shared' });
    const { loop, records } = watchedLoop();
    const lenient = await echoServer({ secureContext, requestCert: true, rejectUnauthorized: false });
    const strict = await echoServer({ secureContext, requestCert: true }, { loop });
    await using first = lenient.server;
    await using second = strict.server;
    const sessions = new TlsSessionCache();
    let kept: KeptSession | undefined;
    // The cache of a client that wants to get in hands out what it has, whoever asks.
    sessions.put = (_, session) => {
      kept = session;
    };
    sessions.take = () => kept;
    const tls = { caFile: authority.certFile, sessions };
    await using opened = await new TCPClient().connect({ host, port: first.port, tls });
    expect(await echoOf(opened)).toBe('hello\n');
    expect(lenient.seen).toMatchObject([{ authorized: false }]);
    const entering = new TCPClient().connect({ host, port: second.port, tls }).then(async (stream) => {
      await using _ = stream;
      return await echoOf(stream);
    });
    await expect(entering).rejects.toMatchObject({ code: expect.stringContaining('ERR_STREAM_') });
    expect(strict.seen).toHaveLength(0);
    expect(records).toMatchObject([{ level: 'warn', error: { code: 'ERR_STREAM_TLS' } }]);
  });
});

describe('TCPServer that demands client certificates, with several certificates of its own', () => {
  const several = (): TlsServerOptions => ({
    certificates: [
      { certFile: own.certFile, keyFile: own.keyFile, names: ['first.example'] },
      { certFile: own.certFile, keyFile: own.keyFile, names: ['second.example'] },
    ],
    caFile: authority.certFile,
    requestCert: true,
    alpnProtocols: ['known'],
  });

  it.each(VERSIONS)('verifies clients under each of its names, %s [NET-06]', async (version) => {
    const keyLines: string[] = [];
    const { loop } = watchedLoop();
    const tls: TlsServerOptions = { ...several(), keyLog: (line) => keyLines.push(line) };
    const { server, seen } = await echoServer(tls, { loop });
    await using _ = server;
    for (const name of ['first.example', 'second.example', 'another.example']) {
      const asked = [version, '-servername', name, '-alpn', 'known'];
      const served = await runSClient(server.port, [...asked, ...presented(known)]);
      expect(served.output).toContain('an echo\n');
      expect(served.output).toContain('ALPN protocol: known');
      expect(served.output).toContain('CN = Authority of a test');
      expect(keyLines.splice(0).length).toBeGreaterThan(0);
      for (const refused of [presented(stranger), []]) {
        const { output } = await runSClient(server.port, [...asked, ...refused], { until: 'closed' });
        expect(output).not.toContain('an echo\n');
      }
    }
    await until(() => server.stats().handshakesFailed === 6);
    expect(seen).toHaveLength(3);
    expect(seen).toMatchObject(seen.map(() => ({ authorized: true, alpnProtocol: 'known' })));
  });

  it.each(VERSIONS)('resumes the session of a name with its client, %s [NET-06]', async (version) => {
    const { server, seen } = await echoServer(several());
    await using _ = server;
    const session = `${authority.folder}/named${version}.pem`;
    const asked = [version, '-servername', 'second.example', '-alpn', 'known', ...presented(known)];
    await runSClient(server.port, [...asked, '-sess_out', session]);
    const { output } = await runSClient(server.port, [...asked, '-sess_in', session]);
    expect(output).toContain('Reused, ');
    expect(seen).toMatchObject([
      { isSessionReused: false, authorized: true },
      { isSessionReused: true, authorized: true },
    ]);
  });
});

describe('TCPServer that asks for client certificates', () => {
  it.each(VERSIONS)('serves every client, and says who is believed, %s [NET-06]', async (version) => {
    const { server, seen } = await echoServer(optional());
    await using _ = server;
    for (const certificate of [presented(known), presented(stranger), []]) {
      const { output } = await runSClient(server.port, [version, ...certificate]);
      expect(output).toContain('an echo\n');
    }
    expect(seen).toMatchObject([
      { authorized: true, authorizationError: undefined },
      { authorized: false, authorizationError: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
      { authorized: false, authorizationError: undefined },
    ]);
  });

  it.each(VERSIONS)(
    'does not believe a client without one that comes back with a session, %s [NET-06]',
    async (version) => {
      const { server, seen } = await echoServer(optional());
      await using _ = server;
      const session = `${authority.folder}/session${version}.pem`;
      await runSClient(server.port, [version, '-sess_out', session]);
      const { output } = await runSClient(server.port, [version, '-sess_in', session]);
      expect(output).toContain('Reused, ');
      expect(seen).toMatchObject([
        { isSessionReused: false, authorized: false, authorizationError: undefined },
        { isSessionReused: true, authorized: false, authorizationError: undefined },
      ]);
    },
  );

  it.each(VERSIONS)(
    'gives the error of a certificate again when its session is resumed, %s [NET-06]',
    async (version) => {
      const { server, seen } = await echoServer(optional());
      await using _ = server;
      const session = `${authority.folder}/stranger${version}.pem`;
      await runSClient(server.port, [version, ...presented(stranger), '-sess_out', session]);
      const { output } = await runSClient(server.port, [version, '-sess_in', session]);
      expect(output).toContain('Reused, ');
      const refusal = { authorized: false, authorizationError: 'DEPTH_ZERO_SELF_SIGNED_CERT' };
      expect(seen).toMatchObject([
        { ...refusal, isSessionReused: false },
        { ...refusal, isSessionReused: true },
      ]);
    },
  );
});

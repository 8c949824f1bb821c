import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TCPClient, type TlsServerOptions, type TlsVersion } from '../../src/index.ts';
import type { IssuedCertificate } from '../support/certificates.ts';
import { watchedLoop } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';
import { expectAlert } from './support/alerts.ts';
import { bodyServer, exchangeBody } from './support/body-server.ts';
import type { ForeignClient, ForeignServer } from './support/foreign-end.ts';
import { FOREIGN_CLIENTS, FOREIGN_SERVERS } from './support/foreign-ends.ts';
import { TestAuthority } from './support/pki.ts';

let authority: TestAuthority;
let own: IssuedCertificate;
let second: IssuedCertificate;
let wild: IssuedCertificate;
beforeAll(() => {
  authority = new TestAuthority();
  own = authority.issue('own');
  second = authority.issue('second', { names: 'DNS:second.example,DNS:own.wild.example' });
  wild = authority.issue('wild', { names: 'DNS:*.wild.example' });
});
afterAll(() => authority.remove());

const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3'];
const BODY = Buffer.from('a body');
const NOTHING = Buffer.alloc(0);

const files = ({ certFile, keyFile }: IssuedCertificate) => ({ certFile, keyFile });
const several = (): TlsServerOptions => ({
  certificates: [own, wild, second].map(files),
  unknownName: 'refuse',
});

describe.each(Object.keys(FOREIGN_CLIENTS))('TCPServer and the client of %s', (name) => {
  const foreign = FOREIGN_CLIENTS[name] as ForeignClient;
  const connect = (port: number, options: Partial<Parameters<ForeignClient>[0]>) =>
    foreign({ port, body: BODY, caFile: authority.certFile, ...options });

  it.each(VERSIONS)('go on with a session, %s [STR-15]', async (version) => {
    const { server, seen } = await bodyServer(BODY.length, files(own));
    await using _ = server;
    const outcome = await connect(server.port, { version, connections: 3 });
    expect(outcome).toMatchObject({ failure: undefined, received: BODY });
    expect(seen.map(({ isSessionReused }) => isSessionReused)).toEqual([false, true, true]);
    expect([true, undefined]).toContain(outcome.isResumed);
  });

  it.each(VERSIONS)('find the certificate of each name, wildcards too, %s [NET-06]', async (version) => {
    const { server, seen } = await bodyServer(BODY.length, several());
    await using _ = server;
    const names = ['second.example', 'any.wild.example', 'own.wild.example'];
    for (const servername of names) {
      // It verifies the name, so each of them needs another certificate.
      const outcome = await connect(server.port, { version, servername });
      expect(outcome).toMatchObject({ failure: undefined, received: BODY });
    }
    expect(seen.map(({ servername }) => servername)).toEqual(names);
  });

  it.each(VERSIONS)('end with an alert at an unknown name, %s [NET-06] [STR-15]', async (version) => {
    const { loop, records } = watchedLoop();
    const { server, seen } = await bodyServer(BODY.length, several(), { loop });
    await using _ = server;
    const servername = 'too.deep.wild.example';
    const outcome = await connect(server.port, { version, servername, body: NOTHING });
    expect(outcome.received).toHaveLength(0);
    expect(outcome.failure).toEqual(expect.any(String));
    expectAlert(outcome.failure, 'unrecognized name');
    await until(() => server.openConnections === 0);
    expect(seen).toHaveLength(0);
    expect(records).toMatchObject([
      { level: 'warn', error: { code: 'ERR_STREAM_TLS', message: expect.stringContaining(servername) } },
    ]);
  });

  it.each(VERSIONS)('agree on a protocol, %s [NET-06]', async (version) => {
    const tls = { ...files(own), alpnProtocols: ['h2', 'http/1.1'] };
    const { server, seen } = await bodyServer(BODY.length, tls);
    await using _ = server;
    const outcome = await connect(server.port, { version, alpn: ['other', 'http/1.1'] });
    expect(outcome).toMatchObject({ failure: undefined, received: BODY });
    expect(['http/1.1', undefined]).toContain(outcome.alpn);
    expect(seen).toMatchObject([{ alpnProtocol: 'http/1.1' }]);
  });

  it.each(VERSIONS)(
    'end with an alert if they have no protocol in common, %s [NET-06] [STR-15]',
    async (version) => {
      const { loop, records } = watchedLoop();
      const { server } = await bodyServer(BODY.length, { ...files(own), alpnProtocols: ['h2'] }, { loop });
      await using _ = server;
      const outcome = await connect(server.port, { version, alpn: ['other'], body: NOTHING });
      expect(outcome.failure).toContain('no application protocol');
      await until(() => server.openConnections === 0);
      expect(records).toMatchObject([{ level: 'warn', error: { code: 'ERR_STREAM_TLS' } }]);
    },
  );

  it('end with an alert if its version is too old [NET-06] [STR-15]', async () => {
    const { loop, records } = watchedLoop();
    const { server } = await bodyServer(BODY.length, { ...files(own), minVersion: 'TLSv1.3' }, { loop });
    await using _ = server;
    const outcome = await connect(server.port, { version: 'TLSv1.2', body: NOTHING });
    expect(outcome.failure).toContain('protocol version');
    await until(() => server.openConnections === 0);
    expect(records).toMatchObject([
      { level: 'warn', error: { code: 'ERR_STREAM_TLS', cause: { code: 'ERR_SSL_UNSUPPORTED_PROTOCOL' } } },
    ]);
  });
});

describe.each(Object.keys(FOREIGN_SERVERS))('TCPClient and the server of %s', (name) => {
  const foreign = FOREIGN_SERVERS[name] as ForeignServer;

  async function withServer(
    options: Partial<Parameters<ForeignServer>[0]>,
    use: (port: number) => Promise<unknown>,
  ): Promise<Awaited<Awaited<ReturnType<ForeignServer>>['outcome']>> {
    const running = await foreign({ bytes: BODY.length, certificate: own, ...options });
    try {
      await use(running.port);
      return await running.outcome;
    } finally {
      await running.stop();
    }
  }

  it.each(VERSIONS)('go on with a session, %s [STR-15]', async (version) => {
    await withServer({ version, connections: 2 }, async (port) => {
      const client = new TCPClient();
      const reused = [];
      for (let count = 0; count < 2; count += 1) {
        const { tls, peer } = await exchangeBody(port, BODY, { caFile: authority.certFile }, client);
        reused.push(tls.isSessionReused);
        expect(tls).toMatchObject({ authorized: true, protocol: version });
        expect(peer).toBe('own');
      }
      expect(reused).toEqual([false, true]);
    });
  });

  it.each(VERSIONS)('agree on a protocol, %s [NET-06]', async (version) => {
    await withServer({ version, alpn: ['h2', 'http/1.1'] }, async (port) => {
      const offer = { caFile: authority.certFile, alpnProtocols: ['other', 'http/1.1'] };
      expect((await exchangeBody(port, BODY, offer)).tls.alpnProtocol).toBe('http/1.1');
    });
  });

  it('fail if its version is too old, which the server learns [NET-06] [STR-15]', async () => {
    const { failure } = await withServer({ version: 'TLSv1.2' }, async (port) => {
      const tls = { caFile: authority.certFile, minVersion: 'TLSv1.3' } as const;
      await expect(exchangeBody(port, BODY, tls)).rejects.toMatchObject({ code: 'ERR_STREAM_TLS' });
    });
    expect(failure).toEqual(expect.any(String));
  });

  it('get the certificate of a wildcard name [NET-06]', async () => {
    await withServer({ certificate: wild }, async (port) => {
      const tls = { caFile: authority.certFile, servername: 'any.wild.example' };
      expect((await exchangeBody(port, BODY, tls)).tls).toMatchObject({ authorized: true });
    });
  });
});

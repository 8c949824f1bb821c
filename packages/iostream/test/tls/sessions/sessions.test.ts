import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type IOStream, TCPClient, type TlsServerOptions } from '../../../src/index.ts';
import { TlsSessionCache } from '../../../src/tls/session-cache.ts';
import { type Certificates, makeCertificates } from '../../support/certificates.ts';
import { runSClient, startSServer } from '../../support/openssl-peer.ts';
import { echoOf, echoServer, host, watchedLoop } from '../../support/tls-fixture.ts';

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());

const own = (): TlsServerOptions => ({ certFile: certificates.certFile, keyFile: certificates.keyFile });
const trusting = () => ({ caFile: certificates.certFile });
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
const optionOf = (version: string) => (version === 'TLSv1.2' ? '-tls1_2' : '-tls1_3');

let sessionFiles = 0;
const sessionFile = (): string => {
  sessionFiles += 1;
  return join(certificates.folder, `session-${sessionFiles}.pem`);
};

describe('TCPServer and the sessions of clients', () => {
  it.each(VERSIONS)('goes on with a session of openssl, %s [STR-15]', async (version) => {
    const { server, seen } = await echoServer(own());
    await using _ = server;
    const file = sessionFile();
    const first = await runSClient(server.port, [optionOf(version), '-sess_out', file]);
    const second = await runSClient(server.port, [optionOf(version), '-sess_in', file]);
    expect(first.output).toContain(`New, ${version}`);
    expect(second.output).toContain(`Reused, ${version}`);
    expect(second.output).toContain('an echo\n');
    expect(seen).toMatchObject([
      { protocol: version, isSessionReused: false },
      { protocol: version, isSessionReused: true },
    ]);
  });

  /** What openssl says of a session of one server when it comes to another. */
  async function reuseBetween(one: TlsServerOptions, other: TlsServerOptions): Promise<string> {
    const first = await echoServer(one);
    await using firstServer = first.server;
    const second = await echoServer(other);
    await using secondServer = second.server;
    const file = sessionFile();
    await runSClient(firstServer.port, ['-sess_out', file]);
    const { output } = await runSClient(secondServer.port, ['-sess_in', file]);
    return /^(New|Reused), /m.exec(output)?.[1] ?? output;
  }

  it('takes sessions of other processes with the same ticket keys, and of no others [NET-06]', async () => {
    const ticketKeys = randomBytes(48);
    const file = join(certificates.folder, 'ticket.keys');
    writeFileSync(file, ticketKeys);
    expect(await reuseBetween({ ...own(), ticketKeys }, { ...own(), ticketKeysFile: file })).toBe('Reused');
    expect(await reuseBetween({ ...own(), ticketKeys }, own())).toBe('New');
    expect(await reuseBetween({ ...own(), ticketKeys }, { ...own(), ticketKeys: randomBytes(48) })).toBe(
      'New',
    );
  });

  it('takes no session that was made under other demands on clients [NET-06]', async () => {
    const ticketKeys = randomBytes(48);
    const optional = { ...own(), ...trusting(), ticketKeys, requestCert: true, rejectUnauthorized: false };
    const elsewhere = { ...optional, caFile: undefined, ca: certificates.cert.toString().concat('\n') };
    const { caFile: _, ...otherAuthority } = elsewhere;
    expect(await reuseBetween(optional, optional)).toBe('Reused');
    expect(await reuseBetween({ ...own(), ticketKeys }, optional)).toBe('New');
    expect(await reuseBetween(otherAuthority, optional)).toBe('New');
  });
});

describe('TCPClient and the sessions of servers', () => {
  async function connectAndEcho(client: TCPClient, port: number, tls: object): Promise<boolean | undefined> {
    await using stream: IOStream = await client.connect({ host, port, tls });
    await echoOf(stream);
    return stream.tls?.isSessionReused;
  }

  it.each([
    // Good for many connections.
    ['TLSv1.2', [false, true, true, true]],
    // A server gives two for one connection each.
    ['TLSv1.3', [false, true, true]],
  ] as const)('goes on with the sessions of earlier connections, %s [STR-15]', async (version, expected) => {
    const { server } = await echoServer({ ...own(), maxVersion: version });
    await using _ = server;
    const client = new TCPClient();
    const reused = [];
    for (const _round of expected) reused.push(await connectAndEcho(client, server.port, trusting()));
    expect(reused).toEqual(expected);
  });

  it.each(VERSIONS)('goes on with a session of openssl s_server, %s [STR-15]', async (version) => {
    const options = ['-cert', certificates.certFile, '-key', certificates.keyFile, '-rev', optionOf(version)];
    await using server = await startSServer(options);
    const client = new TCPClient();
    const reused = [];
    for (let i = 0; i < 2; i += 1) {
      await using stream = await client.connect({ host, port: server.port, tls: trusting() });
      expect(await echoOf(stream, 'abc\n')).toBe('cba\n');
      reused.push(stream.tls?.isSessionReused);
      expect(stream.tls?.getPeerCertificate()?.subject.CN).toBe('localhost');
    }
    expect(reused).toEqual([false, true]);
  });

  it('goes on with none of other options, names or servers [NET-06]', async () => {
    const ticketKeys = randomBytes(48);
    const { loop } = watchedLoop();
    const one = await echoServer({ ...own(), ticketKeys }, { loop });
    const other = await echoServer({ ...own(), ticketKeys }, { loop });
    await using server = one.server;
    await using otherServer = other.server;
    const client = new TCPClient();
    const unverified = { rejectUnauthorized: false };
    expect(await connectAndEcho(client, server.port, unverified)).toBe(false);
    // Nobody has verified that server, so its session must not stand for a verification.
    const verifying = client.connect({ host, port: server.port, tls: true });
    await expect(verifying).rejects.toMatchObject({ cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } });
    const wrongName = { ...trusting(), servername: 'wrong.example' };
    expect(await connectAndEcho(client, server.port, { ...wrongName, ...unverified })).toBe(false);
    await expect(client.connect({ host, port: server.port, tls: wrongName })).rejects.toMatchObject({
      cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
    expect(await connectAndEcho(client, server.port, trusting())).toBe(false);
    expect(await connectAndEcho(client, server.port, { ...trusting(), servername: 'localhost' })).toBe(false);
    expect(await connectAndEcho(client, otherServer.port, trusting())).toBe(false);
    expect(await connectAndEcho(client, server.port, { ...trusting(), ...own() })).toBe(false);
    expect(await connectAndEcho(client, server.port, { ...trusting(), alpnProtocols: ['a'] })).toBe(false);
    expect(await connectAndEcho(client, server.port, trusting())).toBe(true);
  });

  it('keeps none with maxTlsSessions 0, and as many as a cache of the caller takes [NET-06]', async () => {
    const { server } = await echoServer(own());
    await using _ = server;
    const client = new TCPClient({ maxTlsSessions: 0 });
    for (let i = 0; i < 2; i += 1) expect(await connectAndEcho(client, server.port, trusting())).toBe(false);
    const tls = { ...trusting(), sessions: new TlsSessionCache() };
    expect(await connectAndEcho(client, server.port, tls)).toBe(false);
    expect(await connectAndEcho(new TCPClient(), server.port, tls)).toBe(true);
    tls.sessions.clear();
    expect(await connectAndEcho(client, server.port, tls)).toBe(false);
  });

  it.each([-1, 0.5, Number.NaN])('refuses maxTlsSessions of %s [NET-06]', (maxTlsSessions) => {
    expect(() => new TCPClient({ maxTlsSessions })).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE' }),
    );
  });
});

describe('TlsSessionCache', () => {
  const kept = (name: string) => ({ session: Buffer.from(name) });
  const taken = (cache: TlsSessionCache, key: string) => cache.take(key)?.session.toString();

  it('hands each session out once, the latest of its key first [NET-06]', () => {
    const cache = new TlsSessionCache();
    cache.put('a', kept('old'));
    cache.put('a', kept('new'));
    expect(cache.size).toBe(2);
    expect([taken(cache, 'a'), taken(cache, 'a'), taken(cache, 'a')]).toEqual(['new', 'old', undefined]);
    expect(cache.size).toBe(0);
  });

  it('forgets those that it has had for longest when it is full [NET-06]', () => {
    const cache = new TlsSessionCache(2);
    for (const key of ['a', 'b', 'c']) cache.put(key, kept(key));
    expect(cache.size).toBe(2);
    expect([taken(cache, 'a'), taken(cache, 'b'), taken(cache, 'c')]).toEqual([undefined, 'b', 'c']);
    cache.put('d', kept('d'));
    expect([cache.size, taken(cache, 'd')]).toEqual([1, 'd']);
  });

  it('keeps 100 by default, and four of one server [NET-06]', () => {
    const cache = new TlsSessionCache();
    for (let i = 0; i < 150; i += 1) cache.put(String(i), kept('many'));
    expect(cache.size).toBe(100);
    cache.clear();
    for (let i = 0; i < 10; i += 1) cache.put('one', kept(String(i)));
    expect(cache.size).toBe(4);
    expect(taken(cache, 'one')).toBe('9');
  });
});

import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TCPClient, TCPServer, type TlsServerOptions } from '../../../src/index.ts';
import { type Authority, type IssuedCertificate, makeAuthority } from '../../support/certificates.ts';
import { runSClient } from '../../support/openssl-peer.ts';
import { echoLines, echoOf, echoServer, host, watchedLoop } from '../../support/tls-fixture.ts';

let authority: Authority;
let first: IssuedCertificate;
let second: IssuedCertificate;
let anyWild: IssuedCertificate;
let rsa: IssuedCertificate;
beforeAll(() => {
  authority = makeAuthority();
  first = authority.issue('first', 'DNS:first.example');
  anyWild = authority.issue('wild', 'DNS:*.wild.example');
  second = authority.issue('second', 'DNS:second.example,DNS:own.wild.example');
  rsa = authority.issue('rsa', 'DNS:rsa.example', 'rsa');
});
afterAll(() => authority.remove());

const files = ({ certFile, keyFile }: IssuedCertificate) => ({ certFile, keyFile });
const several = (): TlsServerOptions => ({ certificates: [first, anyWild, second].map(files) });

/** The common name of the certificate that openssl is shown. */
async function shownTo(port: number, ...options: string[]): Promise<string | undefined> {
  const { output } = await runSClient(port, options);
  return /subject=CN = (\S+)/.exec(output)?.[1];
}

describe('TCPServer with several certificates', () => {
  it.each([
    ['first.example', 'first'],
    ['second.example', 'second'],
    ['SECOND.example', 'second'],
    ['some.wild.example', 'wild'],
    ['own.wild.example', 'second'],
    ['too.deep.wild.example', 'first'],
    ['wild.example', 'first'],
    ['nobody.example', 'first'],
  ])('shows openssl, which asks for %s, that of %s [NET-06]', async (servername, shown) => {
    const { server, seen } = await echoServer(several());
    await using _ = server;
    expect(await shownTo(server.port, '-servername', servername)).toBe(shown);
    expect(seen[0]?.servername?.toLowerCase()).toBe(servername.toLowerCase());
  });

  it('shows the first to a client that asks for no name [NET-06]', async () => {
    const { server, seen } = await echoServer(several());
    await using _ = server;
    expect(await shownTo(server.port, '-noservername')).toBe('first');
    expect(seen[0]?.servername).toBeUndefined();
  });

  it('proves each of its names to a client that verifies [NET-06] [STR-14]', async () => {
    const { server } = await echoServer(several());
    await using _ = server;
    for (const servername of ['first.example', 'second.example', 'some.wild.example']) {
      const tls = { servername, caFile: authority.certFile };
      await using stream = await new TCPClient().connect({ host, port: server.port, tls });
      expect(await echoOf(stream)).toBe('hello\n');
    }
  });

  it('goes by the names it is given, in place of those in the certificates [NET-06]', async () => {
    const { server } = await echoServer({
      certificates: [
        { ...files(first), names: ['Told.example'] },
        { ...files(second), names: ['*.told.example'] },
      ],
    });
    await using _ = server;
    expect(await shownTo(server.port, '-servername', 'told.example')).toBe('first');
    expect(await shownTo(server.port, '-servername', 'one.told.example')).toBe('second');
    expect(await shownTo(server.port, '-servername', 'one.more.told.example')).toBe('first');
    expect(await shownTo(server.port, '-servername', 'second.example')).toBe('first');
  });

  it('shows nothing to a client that asks for an unknown name, when told so [NET-06] [STR-15]', async () => {
    const { loop, records } = watchedLoop();
    const { server, seen } = await echoServer({ ...several(), unknownName: 'refuse' }, { loop });
    await using _ = server;
    expect(await shownTo(server.port, '-servername', 'second.example')).toBe('second');
    const refused = await runSClient(server.port, ['-servername', 'nobody.example']);
    expect(refused.output).toContain('no peer certificate available');
    expect(refused.status).not.toBe(0);
    expect(seen).toHaveLength(1);
    expect(records).toMatchObject([
      {
        level: 'warn',
        error: { code: 'ERR_STREAM_TLS', message: expect.stringContaining('nobody.example') },
      },
    ]);
    expect(server.stats().handshakeFailures).toEqual({ ERR_TLS_UNRECOGNIZED_NAME: 1 });
  });

  it('refuses an unknown name with the alert for it, where it can (RFC 6066 §3) [NET-06] [STR-15]', async () => {
    const { loop } = watchedLoop();
    const { server } = await echoServer({ ...several(), unknownName: 'refuse' }, { loop });
    await using _ = server;
    const { output } = await runSClient(server.port, ['-servername', 'nobody.example']);
    if (IOLoop.current().tls === 'native') expect(output).toContain('unrecognized name');
    else expect(output).toContain('no peer certificate available');
  });

  it('goes by the common name of a certificate without host names (RFC 6125 §6.4.4) [NET-06]', async () => {
    const nameless = authority.issue('common.example', 'IP:127.0.0.1');
    const { server } = await echoServer({ certificates: [files(first), files(nameless)] });
    await using _ = server;
    expect(await shownTo(server.port, '-servername', 'common.example')).toBe('common.example');
    expect(await shownTo(server.port, '-servername', 'first.example')).toBe('first');
  });

  it('refuses an unknown name with one certificate too [NET-06]', async () => {
    const { loop } = watchedLoop();
    const { server } = await echoServer({ ...files(first), unknownName: 'refuse' }, { loop });
    await using _ = server;
    expect(await shownTo(server.port, '-servername', 'first.example')).toBe('first');
    expect(await shownTo(server.port, '-servername', 'second.example')).toBeUndefined();
  });

  it('takes certificates as text, and with the key in the same file [NET-06]', async () => {
    const together = { cert: Buffer.concat([second.key, second.cert]) };
    const { server } = await echoServer({
      certificates: [{ cert: first.cert.toString(), key: first.key }, together],
    });
    await using _ = server;
    expect(await shownTo(server.port, '-servername', 'second.example')).toBe('second');
    expect(await shownTo(server.port, '-servername', 'first.example')).toBe('first');
  });
});

describe('TCPServer with wrong certificates', () => {
  const construct = (tls: object) => () =>
    new TCPServer({ handleStream: echoLines, tls: tls as TlsServerOptions });

  it('fails at construction when a file of any certificate is missing, and names it [SRV-01]', () => {
    const missing = join(authority.folder, 'missing.pem');
    const wrong: object[] = [
      { certificates: [files(first), { ...files(second), certFile: missing }] },
      { certificates: [files(first), { ...files(second), keyFile: missing }] },
      { ...files(first), ticketKeysFile: missing },
    ];
    for (const tls of wrong) {
      expect(construct(tls)).toThrow(
        expect.objectContaining({
          name: 'StreamConnectError',
          code: 'ERR_STREAM_TLS',
          message: expect.stringContaining(missing),
          cause: expect.objectContaining({ code: 'ENOENT' }),
        }),
      );
    }
  });

  it('fails at construction when key and certificate differ, in kind or number [SRV-01]', () => {
    for (const other of [second, rsa]) {
      const mixed = { certFile: first.certFile, keyFile: other.keyFile };
      for (const tls of [mixed, { certificates: [files(first), mixed] }]) {
        expect(construct(tls)).toThrow(
          expect.objectContaining({
            code: 'ERR_STREAM_TLS',
            message: expect.stringContaining(`(${first.certFile}, ${other.keyFile})`),
          }),
        );
      }
    }
  });

  it('fails at construction, on node:tls, for keys of different kinds [NET-06] [SRV-01]', () => {
    const tls = { certificates: [files(first), files(rsa)] };
    if (IOLoop.current().tls === 'native') {
      expect(construct(tls)).not.toThrow();
    } else {
      expect(construct(tls)).toThrow(
        expect.objectContaining({
          code: 'ERR_STREAM_USAGE',
          message: expect.stringMatching(/got ec and rsa; native TLS .* not used here: ./),
        }),
      );
    }
  });

  it.each<[string, () => object]>([
    ['no certificate', () => ({ certificates: [] })],
    ['more certificates than it may have', () => ({ certificates: Array(1_001).fill(files(first)) })],
    ['a certificate that is none', () => ({ certificates: [{ names: ['a.example'] }] })],
    [
      'an unknown key of a certificate',
      () => ({ certificates: [{ ...files(first), caFile: first.certFile }] }),
    ],
    ['one certificate besides several', () => ({ ...files(first), certificates: [files(second)] })],
    ['what an unknown name is to get', () => ({ ...files(first), unknownName: 'reject' })],
    [
      'unknown names of a ready context',
      () => ({ secureContext: createSecureContext(), unknownName: 'refuse' }),
    ],
    [
      'ticket keys of a ready context',
      () => ({ secureContext: createSecureContext(), ticketKeys: Buffer.alloc(48) }),
    ],
    ['versions of a ready context', () => ({ secureContext: createSecureContext(), minVersion: 'TLSv1.3' })],
    ['an old version', () => ({ ...files(first), minVersion: 'TLSv1.1' })],
    ['versions upside down', () => ({ ...files(first), minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' })],
    ['short ticket keys', () => ({ ...files(first), ticketKeys: Buffer.alloc(47) })],
    [
      'ticket keys twice',
      () => ({ ...files(first), ticketKeys: Buffer.alloc(48), ticketKeysFile: first.certFile }),
    ],
    ['a nameless protocol', () => ({ ...files(first), alpnProtocols: [''] })],
    ['an endless protocol', () => ({ ...files(first), alpnProtocols: ['h'.repeat(256)] })],
    ['a part of a handshake', () => ({ ...files(first), maxHandshakes: 0.5 })],
    ['a deadline that no timer can keep', () => ({ ...files(first), handshakeTimeoutMs: 2 ** 31 })],
  ])('refuses %s [NET-06] [SRV-01]', (_, tls) => {
    expect(construct(tls())).toThrow(
      expect.objectContaining({ name: 'StreamUsageError', code: 'ERR_STREAM_USAGE' }),
    );
  });

  it('fails at construction for ciphers and authorities that OpenSSL does not take [SRV-01]', () => {
    for (const tls of [
      { ...files(first), ciphers: 'NO-SUCH-CIPHER' },
      { ...files(first), ca: 'this is no certificate' },
      { ...files(first), keyFile: first.certFile },
    ]) {
      expect(construct(tls)).toThrow(expect.objectContaining({ code: 'ERR_STREAM_TLS' }));
    }
  });
});

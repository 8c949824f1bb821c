import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { IOLoop } from '@landspout/ioloop';
import type { TlsServerOptions } from '@landspout/iostream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IssuedCertificate } from '../../../iostream/test/support/certificates.ts';
import { KEY_TYPES, type KeyType, TestAuthority } from '../../../iostream/test/tls-foreign/support/pki.ts';
import { waitUntil } from '../fixtures/running-server.ts';
import { BODY, BODY_DIGEST, digest, withHttps } from './support/https-server.ts';

let authority: TestAuthority;
let crlFile: string;
const certificates = new Map<string, IssuedCertificate>();
beforeAll(() => {
  authority = new TestAuthority();
  for (const key of KEY_TYPES) certificates.set(key, authority.issue(key, { key }));
  certificates.set('wild', authority.issue('wild', { names: 'DNS:*.wild.example' }));
  certificates.set('known', authority.issue('known'));
  certificates.set('revoked', authority.issue('revoked'));
  certificates.set('expired', authority.issue('expired', { validity: 'expired' }));
  crlFile = authority.revoke(certificates.get('revoked') as IssuedCertificate);
  writeFileSync(authority.file('body'), BODY);
});
afterAll(() => authority.remove());

const filesOf = (name: string) => {
  const { certFile, keyFile } = certificates.get(name) as IssuedCertificate;
  return { certFile, keyFile };
};
const own = (key: KeyType = 'ECDSA'): TlsServerOptions => filesOf(key);
const CANNOT_CONNECT = 35;

interface CurlRun {
  readonly code: number | null;
  readonly output: Buffer;
  readonly errors: string;
}

/** Runs curl, with the authority of the tests and no proxy. */
async function curl(...args: readonly string[]): Promise<CurlRun> {
  const child = spawn('curl', ['-sS', '--cacert', authority.certFile, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {},
  });
  const pieces: Buffer[] = [];
  let errors = '';
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  child.stderr.on('data', (piece: Buffer) => {
    errors += String(piece);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: Buffer.concat(pieces), errors };
}

const VERSIONS = [
  ['TLSv1.2', ['--tls-max', '1.2']],
  ['TLSv1.3', ['--tlsv1.3']],
] as const;
const cases = VERSIONS.flatMap(([version, flags]) => KEY_TYPES.map((key) => [version, key, flags] as const));

describe('HTTPServer over TLS and curl', () => {
  it.each(cases)('exchange large bodies both ways, %s, key type %s [NET-06]', (version, key, flags) =>
    withHttps(own(key), async ({ port, server, records }) => {
      const url = `https://localhost:${port}`;
      const downloads = [`${url}/body`, `${url}/chunks`];
      for (const download of downloads) {
        const { code, output, errors } = await curl(...flags, download);
        expect([code, errors, digest(output)]).toEqual([0, '', BODY_DIGEST]);
      }
      const upload = await curl(...flags, '--data-binary', `@${authority.file('body')}`, url);
      expect([upload.code, upload.output.toString()]).toEqual([0, BODY_DIGEST]);
      const chunked = await curl(
        ...flags,
        '-H',
        'Transfer-Encoding: chunked',
        '-T',
        authority.file('body'),
        `${url}/upload`,
      );
      expect([chunked.code, chunked.output.toString()]).toEqual([0, BODY_DIGEST]);
      const { output } = await curl(...flags, url);
      expect(JSON.parse(output.toString())).toMatchObject({ protocol: version, servername: 'localhost' });
      await waitUntil(() => server.openConnections === 0);
      expect(records).toEqual([]);
    }),
  );

  it.each(VERSIONS)('agree on the end of a body that only the end delimits, %s [NET-06]', (_version, flags) =>
    withHttps(own(), async ({ port }) => {
      // curl reports an end without close_notify as an error.
      const { code, output, errors } = await curl(
        ...flags,
        '--http1.0',
        `https://localhost:${port}/until-close`,
      );
      expect([code, errors, digest(output)]).toEqual([0, '', BODY_DIGEST]);
    }),
  );

  it.each(VERSIONS)(
    'use one connection for several requests, and a session for the next connection, %s [NET-06]',
    (_version, flags) =>
      withHttps(own(), async ({ port, server }) => {
        const url = `https://localhost:${port}/`;
        const kept = await curl(...flags, '-w', '|%{num_connects}|', url, url, url);
        expect(kept.output.toString().match(/\|\d\|/g)).toEqual(['|1|', '|0|', '|0|']);
        const fresh = await curl(...flags, '-v', '-H', 'Connection: close', url, url);
        expect(fresh.code).toBe(0);
        expect(fresh.errors).toContain('close notify');
        expect(server.stats()).toMatchObject({ opened: 3, handshakesFailed: 0 });
      }),
  );

  it('choose the certificate of the requested name, wildcards too, and refuse unknown names [NET-06]', () =>
    withHttps(
      { certificates: [filesOf('ECDSA'), filesOf('wild')], unknownName: 'refuse' },
      async ({ port, server }) => {
        const ask = (name: string) =>
          curl('--resolve', `${name}:${port}:127.0.0.1`, `https://${name}:${port}/`);
        for (const name of ['localhost', 'any.wild.example']) {
          const { code, output } = await ask(name);
          expect([code, JSON.parse(output.toString())]).toMatchObject([0, { servername: name }]);
        }
        const refused = await ask('other.example');
        expect(refused.code).toBe(CANNOT_CONNECT);
        if (IOLoop.current().tls === 'native') expect(refused.errors).toContain('unrecognized name');
        await waitUntil(() => server.stats().handshakesFailed === 1);
      },
    ));

  it.each(VERSIONS)('require certificates of clients, %s [NET-06]', (_version, flags) => {
    const tls = { ...own(), caFile: authority.certFile, crlFile, requestCert: true };
    return withHttps(tls, async ({ port, server }) => {
      const url = `https://localhost:${port}/`;
      const withCertificate = (name: string) => {
        const { certFile, keyFile } = filesOf(name);
        return curl(...flags, '--cert', certFile, '--key', keyFile, url);
      };
      const known = await withCertificate('known');
      expect([known.code, JSON.parse(known.output.toString())]).toMatchObject([
        0,
        { authorized: true, client: 'known' },
      ]);
      for (const run of [withCertificate('revoked'), withCertificate('expired'), curl(...flags, url)]) {
        const { code, output } = await run;
        expect(code).not.toBe(0);
        expect(output).toHaveLength(0);
      }
      await waitUntil(() => server.stats().handshakesFailed === 3);
      expect(server.stats().opened).toBe(1);
    });
  });

  it('refuse each other if the version is too old, or the certificate is of another name [NET-06]', () =>
    withHttps({ ...own(), minVersion: 'TLSv1.3' }, async ({ port }) => {
      const old = await curl('--tls-max', '1.2', `https://localhost:${port}/`);
      expect(old.code).toBe(CANNOT_CONNECT);
      expect(old.errors).toContain('protocol version');
      const renamed = await curl(
        '--resolve',
        `other.example:${port}:127.0.0.1`,
        `https://other.example:${port}/`,
      );
      expect(renamed.code).toBe(60);
    }));

  it('agree on http/1.1, which curl offers besides h2 [NET-06]', () =>
    withHttps({ ...own(), alpnProtocols: ['http/1.1'] }, async ({ port }) => {
      const { output } = await curl('--http2', '-w', '|%{http_version}', `https://localhost:${port}/`);
      const [body = '', version] = output.toString().split('|');
      expect([JSON.parse(body).alpnProtocol, version]).toEqual(['http/1.1', '1.1']);
    }));

  it('say nothing useful to a client that speaks plain HTTP to the port [NET-06]', () =>
    withHttps(own(), async ({ port, server }) => {
      const { code, output } = await curl('--http0.9', `http://localhost:${port}/`);
      // An alert at most: 7 bytes.
      expect(output.length).toBeLessThanOrEqual(7);
      expect([0, 52, 56]).toContain(code);
      await waitUntil(() => server.stats().handshakesFailed === 1);
    }));
});

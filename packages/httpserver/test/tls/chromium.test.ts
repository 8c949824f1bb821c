import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IOLoop } from '@landspout/ioloop';
import type { TlsVersion } from '@landspout/iostream';
import { CHROMIUM_ARGS, chromiumPath } from '@landspout/tooling-chromium';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IssuedCertificate } from '../../../iostream/test/support/certificates.ts';
import { type KeyType, TestAuthority } from '../../../iostream/test/tls-foreign/support/pki.ts';
import { HTTPServer } from '../../src/index.ts';
import { BODY, BODY_DIGEST, digest, respond } from './support/https-server.ts';

let authority: TestAuthority;
const certificates = new Map<string, IssuedCertificate>();
beforeAll(() => {
  authority = new TestAuthority();
  for (const key of ['RSA', 'ECDSA'] as const) {
    certificates.set(key, authority.issue(key, { key }));
    const names = 'DNS:*.wild.example';
    certificates.set(`wild ${key}`, authority.issue(`wild-${key}`, { key, names }));
  }
});
afterAll(() => authority.remove());

/** Downloads and uploads, several at a time, from its own origin and from that of another name. */
const PAGE = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script>
  const hex = async (bytes) => Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)),
    (byte) => byte.toString(16).padStart(2, '0')).join('');
  const load = async (path) => hex(await (await fetch(path)).arrayBuffer());
  (async () => {
    const result = {};
    try {
      const body = await (await fetch('/body')).arrayBuffer();
      result.downloads = await Promise.all(['/body', '/chunks', '/body', '/chunks'].map(load));
      result.uploads = await Promise.all([1, 2, 3].map(async () =>
        (await fetch('/upload', { method: 'POST', body })).text()));
      result.own = await (await fetch('/facts')).json();
      result.other = await (await fetch('https://any.wild.example:' + location.port + '/facts')).json();
    } catch (error) {
      result.problem = String(error);
    }
    await fetch('/result', { method: 'POST', body: JSON.stringify(result) });
  })();
</script>`;

/** Chromium has no list of authorities of its own, but accepts certificates with given keys. */
function acceptedKeys(): string {
  const hashes = [...certificates.values()].map(({ cert }) => {
    const key = new X509Certificate(cert).publicKey.export({ format: 'der', type: 'spki' });
    return createHash('sha256').update(key).digest('base64');
  });
  return `--ignore-certificate-errors-spki-list=${hashes.join()}`;
}

/** Shows a page until `done` settles. */
async function browse<T>(url: string, flags: readonly string[], done: Promise<T>): Promise<T> {
  const profile = mkdtempSync(join(tmpdir(), 'landspout-chromium-'));
  const own = [`--user-data-dir=${profile}`, acceptedKeys(), '--host-resolver-rules=MAP *.example 127.0.0.1'];
  const child: ChildProcess = spawn(chromiumPath(), [...CHROMIUM_ARGS, ...own, ...flags, url], {
    detached: true,
    stdio: 'ignore',
  });
  const exited = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  try {
    const early = exited.then(() => Promise.reject(new Error('Chromium ended before the page had finished')));
    return await Promise.race([done, early]);
  } finally {
    // Its process group: all processes of the browser.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    await exited;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

const CASES: readonly [TlsVersion, KeyType, readonly string[]][] = [
  ['TLSv1.3', 'ECDSA', []],
  ['TLSv1.2', 'RSA', ['--ssl-version-max=tls1.2']],
];

describe('HTTPServer over TLS and Chromium', { timeout: 60_000 }, () => {
  it.each(CASES)(
    'exchange large bodies both ways under several names, %s, key type %s [NET-06]',
    async (version, key, flags) => {
      let finished!: (result: unknown) => void;
      const result = new Promise<unknown>((resolve) => {
        finished = resolve;
      });
      const files = [key, `wild ${key}`].map((name) => {
        const { certFile, keyFile } = certificates.get(name) as IssuedCertificate;
        return { certFile, keyFile };
      });
      const server = new HTTPServer(
        async (request) => {
          const { target } = request;
          if (target === '/') return request.respond(200, PAGE, { 'Content-Type': 'text/html' });
          if (target === '/result') {
            finished(JSON.parse(Buffer.from(request.body).toString()));
            return request.respond(204);
          }
          if (target !== '/facts') return respond(request);
          const { protocol, servername } = request.exchange.connection.tls ?? {};
          const headers = { 'Access-Control-Allow-Origin': '*', 'Content-Type': 'application/json' };
          request.respond(200, JSON.stringify({ protocol, servername }), headers);
        },
        {
          tls: { certificates: files },
          maxBodyBytes: 2 * BODY.length,
        },
      );
      await server.listen({ host: '127.0.0.1' });
      try {
        const outcome = await browse(`https://localhost:${server.port}/`, flags, result);
        // node:tls forgets the name of a client that resumes a session of TLS 1.2.
        const named = (name: string) =>
          IOLoop.current().tls === 'native' ? { protocol: version, servername: name } : { protocol: version };
        expect(outcome).toMatchObject({
          downloads: Array(4).fill(BODY_DIGEST),
          uploads: Array(3).fill(BODY_DIGEST),
          own: named('localhost'),
          other: named('any.wild.example'),
        });
        expect(digest(BODY)).toBe(BODY_DIGEST);
      } finally {
        await server.closeAll();
      }
    },
  );
});

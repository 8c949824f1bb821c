import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls, { rootCertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TCPServer } from '../../../src/index.ts';
import { type Authority, makeAuthority } from '../../support/certificates.ts';
import { echoServer } from '../../support/tls-fixture.ts';

const PROGRAM = fileURLToPath(new URL('../../support/trust-program.mjs', import.meta.url));
const REFUSED = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';

let folder: string;
let authority: Authority;
let stranger: Authority;
let server: TCPServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'landspout-trust-'));
  authority = makeAuthority();
  stranger = makeAuthority();
  const { cert, key } = authority.issue('server', 'DNS:localhost');
  ({ server } = await echoServer({ cert, key }));
});
afterAll(async () => {
  await server.stop();
  authority.remove();
  stranger.remove();
  rmSync(folder, { recursive: true });
});

interface Run {
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Files of authorities that replace Node's list, one after the other. */
  readonly lists?: readonly string[];
}

/** Runs a client without authorities of its own. @returns its outcomes and its warnings. */
async function runClient({
  flags = [],
  env = {},
  lists = [],
}: Run): Promise<{ said: string; errors: string }> {
  const { NODE_EXTRA_CA_CERTS: _, NODE_OPTIONS: __, ...inherited } = process.env;
  const child = spawn(process.execPath, [...flags, PROGRAM, String(server.port), ...lists], {
    env: { ...inherited, ...env },
  });
  let [said, errors] = ['', ''];
  child.stdout.on('data', (chunk) => {
    said += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  await once(child, 'close');
  return { said: said.trim(), errors };
}

function file(name: string, ...parts: (string | Buffer)[]): string {
  const path = join(folder, name);
  writeFileSync(path, parts.map(String).join('\n'));
  return path;
}

describe('TCPClient without authorities of its own', () => {
  it('trusts the authorities of Node, and no other [NET-06]', async () => {
    expect(await runClient({})).toEqual({ said: REFUSED, errors: '' });
    expect(rootCertificates.length).toBeGreaterThan(100);
  });

  it('trusts those of NODE_EXTRA_CA_CERTS, among others in the file [NET-06]', async () => {
    const extra = file('extra.pem', 'a comment', stranger.cert, authority.cert);
    const { said, errors } = await runClient({ env: { NODE_EXTRA_CA_CERTS: extra } });
    expect({ said, errors }).toEqual({ said: 'trusted', errors: '' });
  });

  it('warns of a file in NODE_EXTRA_CA_CERTS that is unreadable, and goes on without [NET-06]', async () => {
    const { said, errors } = await runClient({ env: { NODE_EXTRA_CA_CERTS: join(folder, 'missing.pem') } });
    expect(said).toBe(REFUSED);
    expect(errors).toMatch(/Warning: Ignoring extra certs from `.*missing\.pem`, load failed: /);
  });

  it('warns of an invalid certificate in the file, and trusts those before it [NET-06]', async () => {
    const invalid = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
    const before = file('before.pem', authority.cert, invalid, stranger.cert);
    const after = file('after.pem', stranger.cert, invalid, authority.cert);
    const runs = [before, after].map((extra) => runClient({ env: { NODE_EXTRA_CA_CERTS: extra } }));
    const [first, second] = await Promise.all(runs);
    expect([first?.said, second?.said]).toEqual(['trusted', REFUSED]);
    for (const run of [first, second])
      expect(run?.errors).toMatch(
        /^.*Warning: Ignoring extra certs from `[^`]*`, load failed: [^\n]*\n(\(Use.*\n)?$/,
      );
  });

  it.each(['--use-openssl-ca', '--use_openssl_ca'])(
    'trusts what OpenSSL does, and not the list in Node, with %s [NET-06]',
    async (flag) => {
      const trusting = { SSL_CERT_FILE: file('openssl.pem', authority.cert), SSL_CERT_DIR: folder };
      expect((await runClient({ flags: [flag], env: trusting })).said).toBe('trusted');
      const elsewhere = { SSL_CERT_FILE: file('other.pem', stranger.cert), SSL_CERT_DIR: folder };
      expect((await runClient({ flags: [flag], env: elsewhere })).said).toBe(REFUSED);
      expect((await runClient({ env: trusting })).said).toBe(REFUSED);
      const extra = { ...elsewhere, NODE_EXTRA_CA_CERTS: file('extra-too.pem', authority.cert) };
      expect((await runClient({ flags: [flag], env: extra })).said).toBe('trusted');
      const { NODE_OPTIONS = '' } = process.env;
      const asOption = { ...trusting, NODE_OPTIONS: `${NODE_OPTIONS} ${flag}`.trim() };
      expect((await runClient({ env: asOption })).said).toBe('trusted');
    },
  );

  it('trusts what the system does with --use-system-ca, where Node has that flag [NET-06]', async () => {
    const env = { SSL_CERT_FILE: file('system.pem', authority.cert), SSL_CERT_DIR: folder };
    const hasFlag = process.allowedNodeEnvironmentFlags.has('--use-system-ca');
    if (hasFlag) expect((await runClient({ flags: ['--use-system-ca'], env })).said).toBe('trusted');
    expect((await runClient({ env })).said).toBe(REFUSED);
  });

  it('trusts the list that replaces that of Node, from the next connection on [NET-06]', async () => {
    const lists = [authority.certFile, stranger.certFile, authority.certFile];
    const outcomes = 'setDefaultCACertificates' in tls ? `${REFUSED} trusted ${REFUSED} trusted` : REFUSED;
    expect((await runClient('setDefaultCACertificates' in tls ? { lists } : {})).said).toBe(outcomes);
  });
});

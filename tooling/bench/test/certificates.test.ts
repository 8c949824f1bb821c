import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createServer, type Server, type TlsOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { certificateFiles, connectTls, makeCertificates } from '../tls/certificates.mjs';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const folder = mkdtempSync(path.join(tmpdir(), 'landspout-bench-test-'));
const [certificate, key] = certificateFiles({ certificate: 'ecdsa' }, { folder });
let server: Server | undefined;

async function serve(options: TlsOptions): Promise<number> {
  server = createServer({ cert: readFileSync(certificate), key: readFileSync(key), ...options });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

describe.runIf(hasOpenssl)('connectTls', () => {
  beforeAll(() => makeCertificates({ folder }));
  afterEach(() => void server?.close());
  afterAll(() => rmSync(folder, { recursive: true }));

  it('connects to a server that has the certificate and takes what is offered', async () => {
    const socket = await connectTls(await serve({}), certificate);
    expect(socket.getProtocol()).toBe('TLSv1.3');
    socket.destroy();
  });

  it('refuses another certificate', async () => {
    const port = await serve({});
    const [other] = certificateFiles({ certificate: 'rsa' }, { folder });
    await expect(connectTls(port, other)).rejects.toThrow('the certificate of a connection is');
  });

  it.each([
    ['version', { maxVersion: 'TLSv1.2' } as const],
    ['cipher', { ciphers: 'TLS_AES_256_GCM_SHA384' }],
    ['group', { ecdhCurve: 'P-384' }],
  ])('refuses a server with another %s', async (_what, options) => {
    await expect(connectTls(await serve(options), certificate)).rejects.toMatchObject({
      code: 'ERR_BENCH',
      message: expect.stringContaining('the handshake with what is offered fails'),
    });
  });
});

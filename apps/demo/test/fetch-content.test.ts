import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runExample } from './demo-process.ts';

const PAGE = 'a page of a stranger\n'.repeat(20_000);
const PRINTED = `${PAGE.length} bytes\n`;

// Node's own servers, so that our client is not tested against our own server.
describe('fetch-content.ts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'landspout-'));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const servers: Server[] = [];
  let plain: string;
  let secure: string;
  /** Where `/redirect` leads to. */
  let target = '';

  const respond: RequestListener = ({ url }, response) => {
    if (url === '/redirect') response.writeHead(302, { Location: target }).end();
    else if (url === '/gzip') response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(PAGE));
    else response.end(PAGE);
  };

  async function portOf(server: Server): Promise<number> {
    servers.push(server);
    // On all addresses of localhost.
    server.listen(0);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  beforeAll(async () => {
    const { status, stderr } = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-subj', '/CN=landspout test', '-addext', 'subjectAltName=DNS:localhost'],
      ...['-keyout', keyFile, '-out', certFile],
    ]);
    if (status !== 0) throw new Error(`these tests need the openssl command: ${stderr}`);
    plain = `http://127.0.0.1:${await portOf(createServer(respond))}`;
    const identity = { key: readFileSync(keyFile), cert: readFileSync(certFile) };
    secure = `https://localhost:${await portOf(createSecureServer(identity, respond))}`;
  });
  afterAll(() => {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true });
  });

  async function printed(url: string): Promise<string> {
    const { code, stdout, stderr } = await runExample('fetch-content', [url], {
      NODE_EXTRA_CA_CERTS: certFile,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  }

  it('prints the number of bytes over http and over https [LOOP-03] [HC-07]', async () => {
    expect(await printed(plain)).toBe(PRINTED);
    expect(await printed(secure)).toBe(PRINTED);
  });

  it('prints that of the page to which another host redirects [SH-07]', async () => {
    target = `${secure}/`;
    expect(await printed(`${plain}/redirect`)).toBe(PRINTED);
    target = `${plain}/`;
    expect(await printed(`${secure}/redirect`)).toBe(PRINTED);
  });

  it('prints that of the decoded page if it is encoded with gzip [CU-02]', async () => {
    expect(await printed(`${plain}/gzip`)).toBe(PRINTED);
    expect(await printed(`${secure}/gzip`)).toBe(PRINTED);
  });
});

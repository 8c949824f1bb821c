import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DemoProcess } from './demo-process.ts';

const PORTABLE = process.env.LANDSPOUT_BACKEND === 'portable';
/** More than one read returns. */
const BODY = 'a page of a stranger\n'.repeat(20_000);

describe('the small programs', () => {
  // Node's own server, so that our client is not tested against our own server.
  const server = createServer((request, response) => {
    if (request.url === '/page?x=1') response.end(BODY);
    else response.writeHead(404).end();
  });
  let url: string;

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
  });

  async function run(...args: string[]) {
    await using demo = new DemoProcess(args);
    return await demo.ending();
  }

  it('selector prints the whole response of an address, or says on the portable backend why it cannot', async () => {
    const { code, stdout, stderr } = await run('selector', `${url}/page?x=1`);
    if (PORTABLE) {
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^DefaultSelector needs the native backend.*ERR_LOOP_NOT_SUPPORTED\)\n$/);
    } else {
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(stdout.split('\r\n\r\n')[1]).toBe(`${BODY}\n`);
    }
  });

  it('selector finds a server of its own without an address, where it can run', async () => {
    const { code, stdout } = await run('selector');
    expect(code).toBe(PORTABLE ? 1 : 0);
    expect(stdout).toMatch(PORTABLE ? /^$/ : /\r\n\r\nHello from a landspout!\n/);
  });

  it('selector says that nothing listens, or that it needs the other backend, and ends with 1', async () => {
    const { code, stderr } = await run('selector', 'http://127.0.0.1:1/');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      PORTABLE ? /ERR_LOOP_NOT_SUPPORTED/ : /^connect 127\.0\.0\.1:1: .*ECONNREFUSED\)\n$/,
    );
  });

  it('fetch prints the number of bytes of an address', async () => {
    expect(await run('fetch', `${url}/page?x=1`)).toEqual({
      code: 0,
      signal: null,
      stdout: `${BODY.length} bytes from ${url}/page?x=1\n`,
      stderr: '',
    });
  });

  it('fetch finds a server of its own without an address', async () => {
    const { code, stdout } = await run('fetch');
    expect(stdout).toMatch(/^24 bytes from http:\/\/127\.0\.0\.1:\d+\/\n$/);
    expect(code).toBe(0);
  });

  it('fetch says in one line what went wrong, and ends with 1', async () => {
    const { code, stdout, stderr } = await run('fetch', `${url}/missing`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^.*404.*ERR_HTTPCLIENT_STATUS\)\n$/);
  });

  it('ends with 2 and one line for what it does not know', async () => {
    const { code, stdout, stderr } = await run('dance');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^there is no demo called "dance"; usage: .*\n$/);
  });
});

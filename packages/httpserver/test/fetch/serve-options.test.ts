import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { FetchServer, type ServeOptions } from '../../src/fetch/index.ts';
import { makeCertificate } from '../fixtures/certificate.ts';
import { RawClient, statusLines } from '../fixtures/raw-client.ts';
import { ask, type Reply } from './compat/servers.ts';

const fetch = ({ url }: Request): Response => new Response(url);

function made(options: object): FetchServer {
  return new FetchServer({ fetch, manual: true, ...options } as ServeOptions);
}

async function served(options: object, test: (port: number) => Promise<void>): Promise<void> {
  const server = await new FetchServer({
    fetch,
    port: 0,
    hostname: '127.0.0.1',
    ...options,
  } as ServeOptions).ready();
  try {
    await test(server.port as number);
  } finally {
    await server.close(true);
  }
}

afterEach(() => vi.unstubAllEnvs());

describe('the options of serve', () => {
  it.each<[string, object, RegExp]>([
    ['a name that no library has', { fetcher: 1 }, /unknown option "fetcher": did you mean "fetch"/],
    ['host', { host: 'a' }, /hostname instead of host/],
    ['a handler that is no function', { fetch: {} }, /fetch: a function/],
    [
      'an Express application as a handler',
      { fetch: express() },
      /use new HTTPServer\(new NodeContainer\(app\)\)/,
    ],
    ['middleware that is no list', { middleware: () => {} }, /middleware: a list of functions/],
    ['plugins of another type', { plugins: ['a'] }, /plugins: a list of functions/],
    ['an error handler that is no function', { error: 'page' }, /error: a function/],
    ['a flag that is no boolean', { silent: 'yes' }, /silent: true or false/],
    ['a port that is none', { port: 70_000 }, /port: 0 to 65535/],
    ['an empty hostname', { hostname: '' }, /hostname: a name or an address/],
    ['websocket', { websocket: { server: {} } }, /injectWebSocket\(server\) of @hono\/node-ws/],
    [
      'createServer of node:http2',
      { createServer: createSecureServer },
      /put a proxy in front of it for HTTP\/2/,
    ],
    [
      'createServer of node:https without a certificate',
      { createServer: createHttpsServer },
      /tls: a certificate/,
    ],
    ['protocol https with an empty tls', { protocol: 'https', tls: {} }, /tls: a certificate/],
    ['an empty tls', { tls: {} }, /tls: a certificate/],
    ['tls null', { tls: null }, /tls/],
    [
      'tls with files that are undefined',
      { tls: { certFile: undefined, keyFile: undefined } },
      /tls: a certificate/,
    ],
    [
      'tls with PEM text that is undefined',
      { tls: { cert: undefined, key: undefined } },
      /tls: a certificate/,
    ],
    ['node with a certificate that is undefined', { node: { cert: undefined } }, /tls: a certificate/],
    [
      'serverOptions with a key that is undefined',
      { serverOptions: { key: undefined } },
      /tls: a certificate/,
    ],
    ['an unknown protocol', { protocol: 'h2' }, /protocol: 'http' or 'https'/],
    ['node.http2', { node: { http2: true } }, /node\.http2 is not supported: .*HTTP\/1\.1/],
    ['serverOptions.SNICallback', { serverOptions: { SNICallback: () => {} } }, /certificates: \[/],
    [
      'serverOptions.highWaterMark',
      { serverOptions: { highWaterMark: 1 } },
      /serverOptions\.highWaterMark is not/,
    ],
    ['node that is no object', { node: 1 }, /node: an object/],
    ['trustProxy of another type', { trustProxy: 1 }, /trustProxy: true, false, 'loopback' or a list/],
    [
      'trustProxy and trustedProxies',
      { trustProxy: true, trustedProxies: ['::1'] },
      /together with trustedProxies/,
    ],
    ['two limits of bodies', { maxRequestBodySize: 1, maxBodyBytes: 1 }, /together with maxBodyBytes/],
    ['processes and path', { processes: 2, path: '/a' }, /no option path together with processes/],
    ['stopOnSignals of another type', { stopOnSignals: 1 }, /stopOnSignals: true or false/],
    [
      'a negative timeout',
      { gracefulShutdown: { gracefulTimeout: -1 } },
      /gracefulShutdown\.gracefulTimeout/,
    ],
  ])('refuse %s', (_what, options, message) => {
    expect(() => made(options)).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE', message: expect.stringMatching(message) }),
    );
  });

  it('refuse a port in the environment that is none', () => {
    vi.stubEnv('PORT', 'http');
    expect(() => made({})).toThrow(/PORT: 0 to 65535 was expected, not "http"/);
    vi.stubEnv('PORT', '');
    expect(made({}).options.port).toBeUndefined();
  });

  it.each<[string, object]>([
    ['createServer of node:http', { createServer: createHttpServer }],
    ['what cannot be set, at the value that it has', { node: { http2: false, noDelay: true } }],
    ['options for other runtimes', { bun: { a: 1 }, deno: {}, serviceWorker: {} }],
    ['autoCleanupIncoming', { autoCleanupIncoming: false }],
    ['undefined for any option', { nonsense: undefined, port: undefined, tls: undefined }],
  ])('accept %s', (_what, options) => {
    expect(made(options).listening).toBe(false);
  });

  it('translate limits of node:http', () =>
    served({ node: { maxHeaderSize: 200 } }, async (port) => {
      const reply = await ask(port, '/', { headers: { 'X-Long': 'x'.repeat(300) } });
      expect(reply.status).toBe(431);
    }));

  it('limit the body of a request with maxRequestBodySize', () =>
    served(
      { maxRequestBodySize: 4, fetch: async (request: Request) => new Response(await request.text()) },
      async (port) => {
        expect((await ask(port, '/', { method: 'POST', body: '1234' })).text).toBe('1234');
        expect((await ask(port, '/', { method: 'POST', body: '12345' })).status).toBe(413);
      },
    ));

  it.each<[string, unknown]>([
    ['true', true],
    ['loopback', 'loopback'],
    ['a list', ['127.0.0.1']],
  ])('believe proxies with trustProxy: %s', (_name, trustProxy) => {
    const handler = ({ url, ip }: { url: string; ip?: string }): Response => new Response(`${ip} ${url}`);
    return served({ trustProxy, fetch: handler }, async (port) => {
      const headers = {
        'X-Forwarded-For': '192.0.2.7',
        'X-Forwarded-Proto': 'https',
        'X-Forwarded-Host': 'example.com',
      };
      expect((await ask(port, '/a', { headers })).text).toBe('192.0.2.7 https://example.com/a');
    });
  });

  it('believe no proxy by default', () =>
    served({}, async (port) => {
      const headers = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'example.com' };
      expect((await ask(port, '/a', { headers })).text).toBe(`http://127.0.0.1:${port}/a`);
    }));

  it('set the scheme behind a proxy that terminates TLS with protocol', () =>
    served({ protocol: 'https' }, async (port) => {
      expect((await ask(port, '/')).text).toBe(`https://127.0.0.1:${port}/`);
    }));

  it.each([
    [false, 'the signal aborts', 'aborted'],
    [true, 'it gets its response', 'response'],
  ])('with halfOpen: %s, if a client ends its side, %s', (halfOpen, _what, outcome) => {
    const outcomes: string[] = [];
    const handler = ({ signal }: Request): Response | Promise<Response> => {
      if (halfOpen) return new Promise((resolve) => setImmediate(() => resolve(new Response('response'))));
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          outcomes.push('aborted');
          reject(signal.reason);
        });
      });
    };
    return served({ halfOpen, fetch: handler }, async (port) => {
      const client = await RawClient.connect({ port });
      client.socket.end('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      const received = await client.untilEnd();
      if (statusLines(received).length > 0) outcomes.push('response');
      expect(outcomes).toEqual([outcome]);
    });
  });
});

describe('HTTPS with serve', () => {
  const { cert, key } = makeCertificate();
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'landspout-serve-tls-'));
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key);
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const get = (port: number): Promise<Reply> => ask(port, '/a', { ca: cert, headers: { Host: 'localhost' } });

  it.each<[string, () => object]>([
    ['the options of HTTPServer', () => ({ tls: { cert, key } })],
    ['PEM text, as srvx has it', () => ({ tls: { cert: cert.toString(), key: key.toString() } })],
    [
      'files, as srvx has them',
      () => ({ tls: { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') } }),
    ],
    [
      'createServer, as @hono/node-server has it',
      () => ({ createServer: createHttpsServer, serverOptions: { cert, key } }),
    ],
    ['node, as srvx has it', () => ({ node: { cert, key } })],
  ])('uses %s', (_what, options) =>
    served(options(), async (port) => {
      expect((await get(port)).text).toBe('https://localhost/a');
    }),
  );

  it('is not used with protocol: http', () =>
    served({ tls: { cert, key }, protocol: 'http' }, async (port) => {
      expect((await ask(port, '/')).text).toBe(`http://127.0.0.1:${port}/`);
    }));

  it('has https in the URL of the server', async () => {
    const server = await new FetchServer({ fetch, tls: { cert, key }, port: 0 }).ready();
    expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/$/);
    await server.close(true);
  });
});

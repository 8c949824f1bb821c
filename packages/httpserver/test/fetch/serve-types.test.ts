import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { HttpBindings, serve as honoServe } from '@hono/node-server';
import { H3 } from 'h3';
import { Hono } from 'hono';
import type { ServerOptions as SrvxOptions } from 'srvx';
import type { mtlsPlugin } from 'srvx/mtls';
import { describe, expect, it } from 'vitest';
import { FetchServer, type ServeOptions, serve } from '../../src/fetch/index.ts';

/** The compiler checks the types; the options of each case are accepted when the server is made. */
function accepted(options: ServeOptions): void {
  expect(new FetchServer({ ...options, manual: true })).toBeInstanceOf(FetchServer);
}

describe('the types of serve', () => {
  it('accept what is written for @hono/node-server', () => {
    const app = new Hono<{ Bindings: HttpBindings }>().get('/', (c) => c.text(String(c.env.incoming.url)));
    accepted({ fetch: app.fetch });
    accepted({ fetch: app.fetch, port: 8787, hostname: '127.0.0.1', overrideGlobalObjects: false });
    accepted({ fetch: (request, env) => app.fetch(request, env), autoCleanupIncoming: false, createServer });
    const pem = { key: '-----BEGIN PRIVATE KEY-----', cert: '-----BEGIN CERTIFICATE-----' };
    const https: ServeOptions = { fetch: app.fetch, createServer: createHttpsServer, serverOptions: pem };
    expect(() => serve(https)).toThrow(expect.objectContaining({ code: 'ERR_STREAM_TLS' }));
    const listening: Parameters<typeof honoServe>[1] = undefined;
    expect(() => serve({ fetch: app.fetch, port: 70_000 }, listening)).toThrow(/port/);
  });

  it('accept what is written for srvx', () => {
    const none: ReturnType<typeof mtlsPlugin>[] = [];
    accepted({
      fetch: (request) => new Response(`${request.ip} ${request.runtime?.name} ${request.context?.user}`),
      error: (error) => new Response(String(error), { status: 500 }),
      middleware: [(request, next) => (request.method === 'GET' ? next() : new Response('no'))],
      plugins: [(server) => void server.options.middleware.push(), ...none],
      port: '3000',
      protocol: 'http',
      tls: { cert: './a.crt', key: './a.key', passphrase: 'secret' },
      trustProxy: 'loopback',
      maxRequestBodySize: 1024,
      gracefulShutdown: { gracefulTimeout: 5, forceTimeout: 10 },
      reusePort: true,
      silent: true,
      node: { maxHeaderSize: 32_768, ipv6Only: false, http2: false },
      bun: { idleTimeout: 1 },
      deno: { port: 1 },
    });
    const options: SrvxOptions = { fetch: (request) => new Response(request.ip) };
    accepted({ fetch: options.fetch, middleware: options.middleware ?? [], ...{ port: options.port } });
  });

  it('accept applications', () => {
    accepted({ fetch: new H3().get('/', () => 'h3').fetch });
    const start = (): FetchServer[] => [serve(new Hono()), serve(new H3())];
    expect(start).toBeInstanceOf(Function);
  });
});

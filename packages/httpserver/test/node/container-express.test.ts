import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import compression from 'compression';
import connect from 'connect';
import cookieParser from 'cookie-parser';
import cors from 'cors';
import express, { type Express, type RequestHandler } from 'express';
import session from 'express-session';
import helmet from 'helmet';
import httpProxy from 'http-proxy';
import morgan from 'morgan';
import multer from 'multer';
import { describe, expect, it } from 'vitest';
import { NodeContainer, type NodeHandler } from '../../src/node/index.ts';
import { converse, RawClient } from '../fixtures/raw-client.ts';
import { waitUntil, withServer } from '../fixtures/running-server.ts';

const JSON_POST = {
  method: 'POST',
  body: JSON.stringify({ name: 'Ada' }),
  headers: { 'content-type': 'application/json' },
};

function withApp(app: Express, test: (url: string, port: number) => Promise<void>): Promise<void> {
  return withServer(new NodeContainer(app), ({ port }) => test(`http://127.0.0.1:${port}`, port));
}

describe('an Express application in a NodeContainer [WG-01]', () => {
  it('responds as on node:http', () => {
    const app = express();
    app.get('/', (_request, response) => void response.send('Hello World!'));
    return withApp(app, async (url, port) => {
      const response = await fetch(url);
      expect([response.status, await response.text()]).toEqual([200, 'Hello World!']);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(response.headers.get('content-length')).toBe('12');
      const etag = response.headers.get('etag') ?? '';
      const again = await converse(
        port,
        `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nIf-None-Match: ${etag}\r\n\r\n`,
      );
      expect(again).toMatch(/^HTTP\/1\.1 304 Not Modified\r\n[\s\S]*\r\n\r\n$/);
    });
  });

  it('parses bodies: JSON, forms and text', () => {
    const app = express();
    app.use(express.json(), express.urlencoded(), express.text());
    app.post('/people', (request, response) => void response.status(201).json({ got: request.body }));
    return withApp(app, async (url) => {
      const send = async (init: RequestInit): Promise<unknown> =>
        (await fetch(`${url}/people`, { method: 'POST', ...init })).json();
      expect(await send(JSON_POST)).toEqual({ got: { name: 'Ada' } });
      expect(await send({ body: new URLSearchParams({ a: 'b' }) })).toEqual({ got: { a: 'b' } });
      expect(await send({ body: 'plain' })).toEqual({ got: 'plain' });
    });
  });

  it('refuses an invalid and a large body with the status of the parser', () => {
    const app = express();
    app.use(express.json({ limit: 100_000 }));
    app.post('/', (_request, response) => void response.send('no'));
    return withApp(app, async (url) => {
      const invalid = await fetch(url, { ...JSON_POST, body: '{' });
      expect(invalid.status).toBe(400);
      const large = await fetch(url, { ...JSON_POST, body: JSON.stringify('x'.repeat(300_000)) });
      expect(large.status).toBe(413);
    });
  });

  it('has routers, parameters, redirects and the addresses of the client', () => {
    const app = express();
    const api = express.Router();
    api.get('/users/:id', (request, response) => {
      const { baseUrl, originalUrl, params, protocol, ip, hostname } = request;
      response.json({ baseUrl, originalUrl, params, protocol, ip, hostname });
    });
    app.use('/api', api);
    app.get('/old', (_request, response) => response.redirect('/new'));
    return withApp(app, async (url) => {
      expect(await (await fetch(`${url}/api/users/7?x=1`)).json()).toEqual({
        baseUrl: '/api',
        originalUrl: '/api/users/7?x=1',
        params: { id: '7' },
        protocol: 'http',
        ip: '127.0.0.1',
        hostname: '127.0.0.1',
      });
      const redirect = await fetch(`${url}/old`, { redirect: 'manual' });
      expect([redirect.status, redirect.headers.get('location')]).toEqual([302, '/new']);
    });
  });

  it('is a 404 without a route, and a 500 without details if a route fails', () => {
    const app = express();
    app.get('/fails', async () => {
      throw new Error('a secret');
    });
    return withServer(new NodeContainer(app, { logger: silent }), async ({ port }) => {
      const missing = await fetch(`http://127.0.0.1:${port}/missing`);
      expect([missing.status, await missing.text()]).toEqual([404, 'Cannot GET /missing\n']);
      const failed = await fetch(`http://127.0.0.1:${port}/fails`);
      expect([failed.status, await failed.text()]).toEqual([500, 'Internal Server Error\n']);
    });
  });

  it('sends files, whole and in ranges', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'container-'));
    const content = 'abcdefghij'.repeat(50_000);
    writeFileSync(path.join(folder, 'file.txt'), content);
    const app = express();
    app.use(express.static(folder));
    return withApp(app, async (url) => {
      expect(await (await fetch(`${url}/file.txt`)).text()).toBe(content);
      const part = await fetch(`${url}/file.txt`, { headers: { range: 'bytes=10-14' } });
      expect([part.status, await part.text()]).toEqual([206, 'abcde']);
      const head = await fetch(`${url}/file.txt`, { method: 'HEAD' });
      expect(head.headers.get('content-length')).toBe(String(content.length));
    });
  });

  it('runs middleware that wraps the methods of the response', () => {
    const lines: string[] = [];
    const app = express();
    app.use(morgan(':method :url :status', { stream: { write: (line) => lines.push(line.trim()) } }));
    app.use(helmet(), cors(), compression({ threshold: 0 }), cookieParser());
    app.use(session({ secret: 's', resave: false, saveUninitialized: true }));
    app.get('/', (request, response) => {
      const visits = request.session as unknown as { count?: number };
      visits.count = (visits.count ?? 0) + 1;
      response.send(`visit ${visits.count} ${'x'.repeat(10_000)}`);
    });
    return withApp(app, async (url) => {
      const first = await fetch(url);
      expect(await first.text()).toMatch(/^visit 1 x{10000}$/);
      expect(first.headers.get('content-encoding')).toBeTruthy();
      expect(first.headers.get('x-content-type-options')).toBe('nosniff');
      expect(first.headers.get('access-control-allow-origin')).toBe('*');
      const cookie = first.headers.getSetCookie()[0] as string;
      const second = await fetch(url, { headers: { cookie } });
      expect(await second.text()).toMatch(/^visit 2 /);
      await waitUntil(() => lines.length === 2);
      expect(lines).toEqual(['GET / 200', 'GET / 200']);
    });
  });

  it('receives uploads with multer', () => {
    const app = express();
    const upload = multer({ storage: multer.memoryStorage() });
    app.post('/', upload.single('file'), (request, response) => {
      response.json({ name: request.file?.originalname, size: request.file?.size, note: request.body.note });
    });
    return withApp(app, async (url) => {
      const body = new FormData();
      body.set('note', 'hello');
      body.set('file', new Blob(['x'.repeat(300_000)]), 'x.txt');
      const response = await fetch(url, { method: 'POST', body });
      expect(await response.json()).toEqual({ name: 'x.txt', size: 300_000, note: 'hello' });
    });
  });

  it('leaves no listener on the socket of a connection that stays open', () => {
    const counts: number[] = [];
    const app = express();
    app.use(morgan('tiny', { stream: { write() {} } }), express.json());
    app.get('/', (request, response) => {
      counts.push(request.socket.listenerCount('close') + request.socket.listenerCount('error'));
      response.send('x');
    });
    return withApp(app, async (_url, port) => {
      const client = await RawClient.connect({ port });
      for (let round = 1; round <= 5; round += 1) {
        client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        await client.until((text) => text.split('HTTP/1.1 200').length === round + 1 && text.endsWith('x'));
      }
      client.close();
      expect(new Set(counts).size).toBe(1);
    });
  });
});

describe('other handlers in a NodeContainer', () => {
  it('are applications of Connect', () => {
    const app = connect();
    app.use('/api', (request, response) => void response.end(`${request.originalUrl} ${request.url}`));
    return withServer(new NodeContainer(app), async ({ port }) => {
      expect(await (await fetch(`http://127.0.0.1:${port}/api/x`)).text()).toBe('/api/x /x');
      expect((await fetch(`http://127.0.0.1:${port}/other`)).status).toBe(404);
    });
  });

  it('are proxies of http-proxy', async () => {
    const target = createServer((request, response) => {
      request.pipe(response.writeHead(203, { 'X-Method': request.method }));
    });
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
    const { port: targetPort } = target.address() as AddressInfo;
    const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${targetPort}`, xfwd: true });
    const container = new NodeContainer((request, response) => proxy.web(request, response));
    await withServer(container, async ({ port }) => {
      const body = 'x'.repeat(200_000);
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'PUT', body });
      expect([response.status, response.headers.get('x-method')]).toEqual([203, 'PUT']);
      expect(await response.text()).toBe(body);
    });
    target.closeAllConnections();
    await new Promise((resolve) => target.close(resolve));
  });

  it('get the request line and the header fields as they were sent', async () => {
    let seen: unknown;
    const container = new NodeContainer((request, response) => {
      const { method, url, httpVersion, rawHeaders, headers, headersDistinct } = request;
      seen = { method, url, httpVersion, rawHeaders, headers, list: headersDistinct['x-list'] };
      response.end();
    });
    await withServer(container, async ({ port }) => {
      await converse(
        port,
        'PURGE /a%20b?c HTTP/1.1\r\nhost: a\r\nX-List: 1\r\nx-list: 2\r\nConnection: close\r\n\r\n',
      );
    });
    expect(seen).toEqual({
      method: 'PURGE',
      url: '/a%20b?c',
      httpVersion: '1.1',
      rawHeaders: ['host', 'a', 'X-List', '1', 'x-list', '2', 'Connection', 'close'],
      headers: { host: 'a', 'x-list': '1, 2', connection: 'close' },
      list: ['1', '2'],
    });
  });
});

const silent = { debug() {}, info() {}, warn() {}, error() {} };

describe('the prototypes of requests and responses', () => {
  /** What an application adds to its requests. */
  type Named = IncomingMessage & { readonly nameOfApp?: string };

  function named(name: string): Express {
    const app = express();
    Object.defineProperty(app.request, 'nameOfApp', { value: name });
    return app;
  }

  it('have what is added to those of an application later', () => {
    const app = express();
    app.get('/', (request, response) => void response.send((request as Named).nameOfApp));
    return withApp(app, async (url) => {
      Object.defineProperty(app.request, 'nameOfApp', { value: 'later' });
      expect(await (await fetch(url)).text()).toBe('later');
    });
  });

  it('are those of the application if it replaces its own later', () => {
    const app = express();
    app.get('/', (request, response) => void response.send((request as Named).nameOfApp));
    return withApp(app, async (url) => {
      app.request = Object.create(app.request, { nameOfApp: { value: 'replaced' } });
      expect(await (await fetch(url)).text()).toBe('replaced');
    });
  });

  it('are those of a mounted application while it runs', () => {
    const outer = named('outer');
    const inner = named('inner');
    const names: unknown[] = [];
    const note: RequestHandler = (request, _response, next) => {
      names.push([(request as Named).nameOfApp, request.app === inner ? 'inner' : 'outer']);
      next();
    };
    inner.use(note);
    outer.use(note);
    outer.use('/inner', inner);
    outer.use(note, (_request, response) => void response.json(names));
    return withApp(outer, async (url) => {
      expect(await (await fetch(`${url}/inner`)).json()).toEqual([
        ['outer', 'outer'],
        ['inner', 'inner'],
        ['outer', 'outer'],
      ]);
    });
  });

  it('are those of node:http until a handler passes the request to an application', async () => {
    const app = named('express');
    app.use((request, response) => void response.json([(request as Named).nameOfApp, request.originalUrl]));
    const before: unknown[] = [];
    const note = (request: IncomingMessage, response: ServerResponse): void => {
      before.push(Object.getPrototypeOf(request) === IncomingMessage.prototype);
      before.push(Object.getPrototypeOf(response) === ServerResponse.prototype);
      before.push('originalUrl' in request, 'locals' in response);
    };
    const inConnect = connect();
    inConnect.use((request, response, next) => {
      note(request, response);
      next();
    });
    inConnect.use('/app', app);
    const wrapped: NodeHandler = (request, response) => {
      note(request, response);
      app(request, response);
    };
    const ask = async (handler: NodeHandler): Promise<unknown> => {
      let got: unknown;
      await withServer(new NodeContainer(handler), async ({ port }) => {
        got = await (await fetch(`http://127.0.0.1:${port}/app`)).json();
      });
      return got;
    };
    expect(await ask(wrapped)).toEqual(['express', '/app']);
    expect(before.splice(0)).toEqual([true, true, false, false]);
    expect(await ask(inConnect)).toEqual(['express', '/app']);
    // Connect sets originalUrl before it calls the first middleware.
    expect(before).toEqual([true, true, true, false]);
  });

  it('leave properties that Express adds absent until it has added them', () => {
    const app = express();
    const seen: unknown[] = [];
    const { handle } = app as unknown as { handle(...args: unknown[]): void };
    Object.assign(app, {
      handle(request: IncomingMessage, response: ServerResponse, next: () => void) {
        for (const name of ['originalUrl', 'baseUrl', 'params', 'res', 'next', 'route', '_parsedUrl'])
          if (name in request) seen.push(name);
        for (const name of ['locals', 'req']) if (Object.hasOwn(response, name)) seen.push(name);
        handle.call(app, request, response, next);
      },
    });
    app.get('/', (_request, response) => void response.json(seen));
    return withApp(app, async (url) => {
      expect(await (await fetch(url)).json()).toEqual(['req']);
    });
  });
});

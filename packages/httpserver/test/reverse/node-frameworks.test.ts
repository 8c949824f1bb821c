import type { IncomingMessage, ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { HTTPHeaders } from '@landspout/http1';
import compression from 'compression';
import connect from 'connect';
import cors from 'cors';
import express from 'express';
import session from 'express-session';
import helmet from 'helmet';
import morgan from 'morgan';
import { describe, expect, it } from 'vitest';
import { NodeContainer, toNodeHandler } from '../../src/node/index.ts';
import { RawClient } from '../fixtures/raw-client.ts';
import { RecordingDelegate } from '../fixtures/recording-delegate.ts';
import { withServer } from '../fixtures/running-server.ts';
import { deferred, RecordingLogger, respond, withNodeServer } from './outer-servers.ts';

describe('toNodeHandler in Express', () => {
  it('gets the rest of the target below a path, and the path as mountPath', async () => {
    const delegate = new RecordingDelegate();
    const app = express();
    app.use('/live', toNodeHandler(delegate, { mountPath: '/live' }));
    app.get('/', (_request, response) => void response.send('express'));
    await withNodeServer(app, async ({ url }) => {
      await (await fetch(`${url}/live/items/1?a=b`)).text();
      await (await fetch(`${url}/live`)).text();
      await (await fetch(`${url}/live?a=b`)).text();
      expect(await (await fetch(url)).text()).toBe('express');
      expect(delegate.requests.map(({ head }) => [head?.mountPath, head?.target])).toEqual([
        ['/live', '/items/1?a=b'],
        ['/live', '/'],
        ['/live', '/?a=b'],
      ]);
    });
  });

  it('falls through to other routes', async () => {
    const delegate = new RecordingDelegate({ finish: ({ exchange }) => respond(exchange, 404, 'ours') });
    const app = express();
    app.use(toNodeHandler(delegate, { fallthrough: true }));
    app.get('/theirs', (_request, response) => void response.send('express'));
    await withNodeServer(app, async ({ url }) => {
      expect(await (await fetch(`${url}/theirs`)).text()).toBe('express');
      expect((await fetch(`${url}/none`)).status).toBe(404);
    });
  });

  it('takes a body that express.raw has read', async () => {
    const delegate = new RecordingDelegate();
    const app = express();
    app.use(express.raw({ type: () => true }), toNodeHandler(delegate));
    await withNodeServer(app, async ({ url }) => {
      expect(await (await fetch(url, { method: 'POST', body: 'a body' })).text()).toBe('6 bytes');
    });
  });

  it('says what to do if express.json has read the body', async () => {
    const logger = new RecordingLogger();
    const app = express();
    app.use(express.json(), toNodeHandler(new RecordingDelegate(), { logger }));
    await withNodeServer(app, async ({ url }) => {
      const headers = { 'Content-Type': 'application/json' };
      expect((await fetch(url, { method: 'POST', body: '{}', headers })).status).toBe(500);
      expect(String(logger.problems[0]?.error)).toMatch(/express\.json\(\)/);
    });
  });

  it('keeps the cookie and the session of express-session', async () => {
    const delegate = new RecordingDelegate({
      finish: ({ exchange }) => respond(exchange, 200, 'ok', { 'Set-Cookie': 'ours=1' }),
    });
    const app = express();
    app.use(session({ secret: 'test', resave: false, saveUninitialized: true }));
    app.use((request, _response, next) => {
      const kept = request.session as unknown as { views?: number };
      kept.views = (kept.views ?? 0) + 1;
      next();
    });
    app.use('/live', toNodeHandler(delegate));
    app.get('/views', (request, response) => {
      response.send(String((request.session as unknown as { views: number }).views));
    });
    await withNodeServer(app, async ({ url }) => {
      const response = await fetch(`${url}/live`);
      expect(await response.text()).toBe('ok');
      const cookies = response.headers.getSetCookie();
      expect(cookies).toHaveLength(2);
      const sid = cookies.find((cookie) => cookie.startsWith('connect.sid='))?.split(';')[0] as string;
      expect(await (await fetch(`${url}/views`, { headers: { Cookie: sid } })).text()).toBe('2');
    });
  });
});

describe('toNodeHandler in Connect', () => {
  it('gets the rest of the target below a path, and the path as mountPath', async () => {
    const delegate = new RecordingDelegate();
    const app = connect();
    app.use('/live', toNodeHandler(delegate));
    await withNodeServer(app, async ({ url }) => {
      for (const path of ['/live/items/1?a=b', '/live', '/live?a=b']) await (await fetch(url + path)).text();
      expect(delegate.requests.map(({ head }) => [head?.mountPath, head?.target])).toEqual([
        ['/live', '/items/1?a=b'],
        ['/live', '/'],
        ['/live', '/?a=b'],
      ]);
    });
  });

  it('works with helmet, cors, morgan and compression', async () => {
    const lines: string[] = [];
    const text = 'text '.repeat(1_000);
    const delegate = new RecordingDelegate({
      finish: ({ exchange, head }) =>
        respond(exchange, 200, head?.target === '/small' ? 'small' : text, {
          'Content-Type': 'text/plain',
          Vary: 'Accept',
        }),
    });
    const app = connect();
    app.use(
      morgan(':method :url :status :res[content-length]', { stream: { write: (line) => lines.push(line) } }),
    );
    app.use(helmet());
    app.use(cors({ origin: 'http://a.example' }));
    app.use(compression() as never);
    app.use(toNodeHandler(delegate));
    await withNodeServer(app, async ({ url, port }) => {
      const response = await fetch(url, { headers: { Origin: 'http://a.example' } });
      expect(response.headers.get('Content-Encoding')).toMatch(/^(?:gzip|br)$/);
      expect(await response.text()).toBe(text);
      expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff');
      expect(response.headers.get('Access-Control-Allow-Origin')).toBe('http://a.example');
      expect(response.headers.get('Vary')).toBe('Origin, Accept, Accept-Encoding');
      const small = await fetch(`http://127.0.0.1:${port}/small`);
      expect(small.headers.get('Content-Encoding')).toBeNull();
      expect(small.headers.get('Content-Length')).toBe('5');
      expect(await small.text()).toBe('small');
      expect(lines).toEqual(['GET / 200 -\n', 'GET /small 200 5\n']);
    });
  });

  it('sends events through compression as they are written, and waits for slow clients', async () => {
    const gates = [deferred(), deferred()] as const;
    const delegate = new RecordingDelegate({
      finish: async ({ exchange }) => {
        exchange.writeHead(200, '', HTTPHeaders.from({ 'Content-Type': 'text/event-stream' }));
        exchange.write('data: one\n\n');
        await gates[0].promise;
        exchange.write('data: two\n\n');
        await gates[1].promise;
        for (let at = 0; at < 40; at += 1) {
          exchange.write('x'.repeat(50_000));
          if (exchange.isDrained !== true) await exchange.waitDrained();
        }
        exchange.finish();
      },
    });
    const app = connect();
    app.use(compression() as never).use(toNodeHandler(delegate));
    await withNodeServer(app, async ({ url }) => {
      const response = await fetch(url);
      expect(response.headers.get('Content-Encoding')).not.toBeNull();
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const decoder = new TextDecoder();
      let text = '';
      const until = async (end: string) => {
        while (!text.endsWith(end)) text += decoder.decode((await reader.read()).value);
      };
      await until('one\n\n');
      gates[0].resolve();
      await until('two\n\n');
      gates[1].resolve();
      let length = 0;
      for (let read = await reader.read(); !read.done; read = await reader.read())
        length += read.value.length;
      expect(length).toBe(2_000_000);
    });
  });
});

describe('toNodeHandler on our own server', () => {
  it('serves a delegate inside a NodeContainer', async () => {
    const delegate = new RecordingDelegate();
    const handler = toNodeHandler(delegate);
    const container = new NodeContainer((request: IncomingMessage, response: ServerResponse) =>
      handler(request, response),
    );
    await withServer(container, async ({ port }) => {
      const client = await RawClient.connect(
        { port },
        'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc',
      );
      expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 200 Said[\s\S]*3 bytes$/);
      client.close();
      expect(delegate.requests[0]?.exchange.connection.remoteAddress).toMatchObject({ address: '127.0.0.1' });
    });
  });

  it('compresses with middleware of Node inside a NodeContainer', async () => {
    const text = 'text '.repeat(1_000);
    const delegate = new RecordingDelegate({
      finish: ({ exchange }) => respond(exchange, 200, text, { 'Content-Type': 'text/plain' }),
    });
    const app = connect();
    app.use(compression() as never).use(toNodeHandler(delegate));
    await withServer(new NodeContainer(app), async ({ port }) => {
      const client = await RawClient.connect(
        { port },
        'GET / HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n',
      );
      const received = await client.untilEnd();
      client.close();
      const body = Buffer.from(received.slice(received.indexOf('\r\n\r\n') + 4), 'latin1');
      expect(gunzipSync(body).toString()).toBe(text);
    });
  });
});

describe('what Express adds to a request', () => {
  it('reaches a NodeContainer behind toNodeHandler, but the state of the router does not', async () => {
    const seen: object[] = [];
    const inner = new NodeContainer((request, response) => {
      const added = request as unknown as Readonly<Record<string, unknown>>;
      const { user, lazy, next, params, originalUrl } = added;
      seen.push({ user, lazy, url: request.url, originalUrl, next, params });
      response.end();
    });
    const app = express();
    app.use((request, _response, next) => {
      Object.defineProperty(request, 'lazy', { get: () => 'computed' });
      Object.assign(request, { user: 'me' });
      next();
    });
    app.use('/live', toNodeHandler(inner));
    await withNodeServer(app, async ({ url }) => {
      await (await fetch(`${url}/live/a?b=c`)).text();
      const originalUrl = '/live/a?b=c';
      expect(seen).toEqual([{ user: 'me', lazy: 'computed', url: '/a?b=c', originalUrl }]);
    });
  });
});

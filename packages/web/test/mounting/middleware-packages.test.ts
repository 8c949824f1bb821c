import compression from 'compression';
import cookieParser from 'cookie-parser';
import cors from 'cors';
import express from 'express';
import session from 'express-session';
import helmet from 'helmet';
import morgan from 'morgan';
import { describe, expect, it } from 'vitest';
import { Application, HTTPError, mount, RequestHandler } from '../../src/index.ts';
import { nodeMiddleware, nodeRequestOf } from '../../src/node/index.ts';
import { TestClient } from '../../src/testing/index.ts';
import { ask, headerOf } from '../fixtures/raw-client.ts';
import { type Running, withApp } from '../fixtures/running-application.ts';
import { responding } from './fallback-delegates.ts';

const TEXT = 'some text '.repeat(500);

class Page extends RequestHandler {
  override get(): void {
    this.setHeader('X-Page', 'page');
    this.write(TEXT);
  }

  override post(): void {
    this.write(`${this.request.body.length}`);
  }
}

class Pieces extends RequestHandler {
  override async get(): Promise<void> {
    this.setHeader('Content-Type', 'text/plain');
    for (const piece of ['one ', 'two ', 'three']) {
      this.write(piece);
      await this.flush();
    }
  }
}

class Missing extends RequestHandler {
  override get(): void {
    throw new HTTPError(404);
  }
}

type NodeFunction = Parameters<typeof nodeMiddleware>[0];

const withMiddleware = (
  middleware: readonly NodeFunction[],
  test: (running: Running) => Promise<void>,
): Promise<void> =>
  withApp(
    [
      ['/', Page],
      ['/pieces', Pieces],
      ['/missing', Missing],
    ],
    test,
    { middleware: middleware.map((one) => nodeMiddleware(one)) },
  );

describe('nodeMiddleware runs', () => {
  it('helmet, whose headers pages and error pages have', () =>
    withMiddleware([helmet()], async ({ url }) => {
      for (const [target, status] of [
        ['/', 200],
        ['/pieces', 200],
        ['/missing', 404],
        ['/none', 404],
      ] as const) {
        const fetched = await fetch(url + target);
        expect([fetched.status, fetched.headers.get('X-Frame-Options')]).toEqual([status, 'SAMEORIGIN']);
        expect(fetched.headers.get('X-Powered-By')).toBeNull();
        expect((await fetched.text()).length).toBeGreaterThan(0);
      }
    }));

  it('cors, which responds to preflights itself', () =>
    withMiddleware([cors({ origin: 'https://a.example' })], async ({ url, log }) => {
      const page = await fetch(url, { headers: { Origin: 'https://a.example' } });
      expect([page.headers.get('Access-Control-Allow-Origin'), page.headers.get('Vary')]).toEqual([
        'https://a.example',
        'Origin',
      ]);
      const headers = { Origin: 'https://a.example', 'Access-Control-Request-Method': 'PUT' };
      const preflight = await fetch(url, { method: 'OPTIONS', headers });
      expect([preflight.status, preflight.headers.get('Access-Control-Allow-Methods')]).toEqual([
        204,
        'GET,HEAD,PUT,PATCH,POST,DELETE',
      ]);
      expect(log.records).toEqual([]);
    }));

  it('compression, of whole pages and of those in pieces', () =>
    withMiddleware([compression({ threshold: 0 })], async ({ port, url }) => {
      const page = await ask(port, '/', 'GET', 'Accept-Encoding: gzip', 'Connection: close');
      expect([headerOf(page, 'Content-Encoding'), headerOf(page, 'Content-Length')]).toEqual([
        'gzip',
        undefined,
      ]);
      const pieces = await fetch(`${url}/pieces`);
      expect([pieces.headers.has('Content-Encoding'), await pieces.text()]).toEqual([true, 'one two three']);
      const whole = await fetch(url);
      expect([whole.headers.get('Vary'), await whole.text()]).toEqual(['Accept-Encoding', TEXT]);
    }));

  it('compression in front of a delegate, and behind other middleware', () => {
    const delegate = responding((request) => request.respond(TEXT, { 'Content-Type': 'text/plain' }));
    const middleware = [nodeMiddleware(helmet()), nodeMiddleware(compression())];
    return withApp(
      [mount('/api', delegate)],
      async ({ url }) => {
        const fetched = await fetch(`${url}/api`, { headers: { 'Accept-Encoding': 'gzip' } });
        expect([fetched.headers.get('Content-Encoding'), fetched.headers.get('X-Frame-Options')]).toEqual([
          'gzip',
          'SAMEORIGIN',
        ]);
        expect(await fetched.text()).toBe(TEXT);
      },
      { middleware },
    );
  });

  it('morgan, which logs each response once', async () => {
    const lines: string[] = [];
    const stream = { write: (line: string) => void lines.push(line.trim()) };
    await withMiddleware(
      [morgan(':method :url :status :res[content-length]', { stream })],
      async ({ url }) => {
        await (await fetch(`${url}/?a=b`)).text();
        await (await fetch(`${url}/missing`)).text();
        await (await fetch(`${url}/pieces`)).text();
        expect(lines).toEqual([
          `GET /?a=b 200 ${TEXT.length}`,
          expect.stringMatching(/^GET \/missing 404 \d+$/),
          'GET /pieces 200 -',
        ]);
      },
    );
  });

  it('express-session, which handlers reach with nodeRequestOf', async () => {
    class Count extends RequestHandler {
      override get(): void {
        const { session: stored } = nodeRequestOf<{ session: { count?: number } }>(this);
        stored.count = (stored.count ?? 0) + 1;
        this.setCookie('own', 'cookie');
        this.write({ count: stored.count });
      }
    }
    const options = { secret: 'a secret for a test', resave: false, saveUninitialized: false };
    const app = new Application([['/', Count]], {
      middleware: [nodeMiddleware(cookieParser()), nodeMiddleware(session(options))],
    });
    await using client = new TestClient(app);
    const counts: unknown[] = [];
    for (let time = 0; time < 3; time += 1) counts.push((await client.request('/')).json());
    expect(counts).toEqual([{ count: 1 }, { count: 2 }, { count: 3 }]);
    expect([...client.cookies.keys()].sort()).toEqual(['connect.sid', 'own']);
  });

  it('body parsers, and gives the handler the body too', () =>
    withMiddleware([express.json()], async ({ url }) => {
      const post = (body: string): Promise<Response> =>
        fetch(url, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
      expect(await (await post('{"a":1}')).text()).toBe('7');
      const large = JSON.stringify({ text: 'x'.repeat(90_000) });
      expect(await (await post(large)).text()).toBe(String(large.length));
      const malformed = await post('{"a":');
      expect([malformed.status, await malformed.text()]).toEqual([400, expect.stringContaining('JSON')]);
      const tooLarge = await post(JSON.stringify({ text: 'x'.repeat(200_000) }));
      expect(tooLarge.status).toBe(413);
    }));
});

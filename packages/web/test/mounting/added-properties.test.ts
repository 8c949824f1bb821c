import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FetchContainer, type FetchEnvironment } from '@landspout/httpserver/fetch';
import { NodeContainer, toNodeHandler } from '@landspout/httpserver/node';
import express from 'express';
import session from 'express-session';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { Application, mount, RequestHandler } from '../../src/index.ts';
import { nodeMiddleware, nodeRequestOf, nodeResponseOf } from '../../src/node/index.ts';
import { withApp } from '../fixtures/running-application.ts';

type NodeFunction = Parameters<typeof nodeMiddleware>[0];

interface Added {
  readonly user?: string;
  readonly session?: { visits?: number };
  readonly lazy?: string;
  readonly note?: string;
}

const SECRET_SYMBOL = Symbol('of a middleware');

/** Adds a value, an accessor and a symbol, as middleware does. */
const addsUser = nodeMiddleware((request, _response, next) => {
  Object.assign(request, { user: 'me', session: { visits: 1 }, [SECRET_SYMBOL]: 'symbol' });
  Object.defineProperty(request, 'lazy', { get: () => 'computed', configurable: true });
  next();
});

const seenOf = (request: object) => {
  const { user, session: ofClient, lazy } = request as Added;
  return { user, session: ofClient, lazy, symbol: (request as Record<symbol, unknown>)[SECRET_SYMBOL] };
};

const SEEN = { user: 'me', session: { visits: 1 }, lazy: 'computed', symbol: 'symbol' };

const legacy = express();
legacy.get('/seen', (request, response) => void response.json(seenOf(request)));
legacy.post('/seen', (request, response) => {
  request.resume().on('end', () => response.json(seenOf(request)));
});
legacy.get('/where', (request, response) => {
  response.json([request.url, request.originalUrl, request.baseUrl, request.res === response]);
});

const hono = new Hono<{ Bindings: FetchEnvironment }>().get('/seen', (context) =>
  context.json(seenOf(context.env.incoming)),
);

class Seen extends RequestHandler {
  override get(): void {
    this.write(seenOf(nodeRequestOf(this)));
  }
}

const inner = new Application([['/seen', Seen]]);

const routes = [
  mount('/legacy', new NodeContainer(legacy)),
  mount('/api', new FetchContainer(hono.fetch)),
  mount('/inner', inner),
];

describe('what nodeMiddleware adds to the request reaches', () => {
  it.each([
    ['Express', '/legacy/seen'],
    ['Hono', '/api/seen'],
    ['another application', '/inner/seen'],
  ])('%s, mounted behind it', (_what, target) =>
    withApp(
      routes,
      async ({ url }) => {
        expect(await (await fetch(url + target)).json()).toEqual(SEEN);
      },
      { middleware: [addsUser] },
    ),
  );

  it('Express with a body, which Express reads itself', () =>
    withApp(
      routes,
      async ({ url }) => {
        const fetched = await fetch(`${url}/legacy/seen`, { method: 'POST', body: 'x'.repeat(1000) });
        expect(await fetched.json()).toEqual(SEEN);
      },
      { middleware: [addsUser] },
    ));

  it('Express, but not the state of a router in front', () =>
    withApp(
      routes,
      async ({ url }) => {
        const fetched = await fetch(`${url}/legacy/where?a=b`);
        expect(await fetched.json()).toEqual(['/where?a=b', '/legacy/where?a=b', '/legacy', true]);
      },
      {
        middleware: [
          nodeMiddleware((request, _response, next) => {
            Object.assign(request, { originalUrl: '/x', baseUrl: '/y', res: {}, params: {} });
            next();
          }),
        ],
      },
    ));
});

async function withNodeServer(
  listener: RequestListener,
  test: (url: string) => Promise<void>,
): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await test(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** An Express application that adds `user` and a session, and has a delegate below `/live`. */
function outer(delegate: Parameters<typeof toNodeHandler>[0]) {
  const app = express();
  app.use(session({ secret: 'secret', resave: false, saveUninitialized: true }) as express.RequestHandler);
  app.use((request, response, next) => {
    Object.assign(request, { user: 'me' });
    Object.assign(response.locals, { note: 'local' });
    Object.assign(request.session, { visits: 3 });
    next();
  });
  app.use('/live', toNodeHandler(delegate));
  return app;
}

class Visits extends RequestHandler {
  override get(): void {
    const request = nodeRequestOf<Added>(this);
    const { locals } = nodeResponseOf<{ locals: Added }>(this);
    this.write({ user: request.user, visits: request.session?.visits, note: locals.note });
  }
}

const VISITS = { user: 'me', visits: 3, note: 'local' };

describe('in an application inside Express, nodeRequestOf is the request of Express', () => {
  it('without nodeMiddleware', () =>
    withNodeServer(outer(new Application([['/visits', Visits]])), async (url) => {
      expect(await (await fetch(`${url}/live/visits`)).json()).toEqual(VISITS);
    }));

  it('and behind nodeMiddleware, a request that has the same additions', async () => {
    const seen: IncomingMessage[] = [];
    const sees: NodeFunction = (request, _response, next) => {
      seen.push(request);
      next();
    };
    class User extends RequestHandler {
      override get(): void {
        const { user, session: ofClient } = nodeRequestOf<Added>(this);
        this.write({ user, visits: ofClient?.visits, isOwn: nodeRequestOf(this) === seen[0] });
      }
    }
    const app = new Application([['/user', User]], { middleware: [nodeMiddleware(sees)] });
    await withNodeServer(outer(app), async (url) => {
      const fetched = await fetch(`${url}/live/user`);
      expect(await fetched.json()).toEqual({ user: 'me', visits: 3, isOwn: true });
    });
  });

  it.each([
    ['Express', '/live/legacy/seen'],
    ['Hono', '/live/api/seen'],
  ])('and %s, mounted in the application, sees the same additions', (_what, target) =>
    withNodeServer(outer(new Application(routes)), async (url) => {
      expect(await (await fetch(url + target)).json()).toMatchObject({ user: 'me', session: { visits: 3 } });
    }),
  );

  it('and a FetchContainer in place of the application sees them too', () =>
    withNodeServer(outer(new FetchContainer(hono.fetch)), async (url) => {
      expect(await (await fetch(`${url}/live/seen`)).json()).toMatchObject({ user: 'me' });
    }));
});

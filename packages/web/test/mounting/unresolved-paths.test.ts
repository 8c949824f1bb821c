import { FetchContainer } from '@landspout/httpserver/fetch';
import { NodeContainer } from '@landspout/httpserver/node';
import express from 'express';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import {
  Application,
  FallbackHandler,
  HTTPError,
  type Middleware,
  mount,
  RequestHandler,
  type RouteSpec,
} from '../../src/index.ts';
import { ask, bodyOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

class Deny extends RequestHandler {
  override prepare(): void {
    throw new HTTPError(403);
  }
}

const hono = new FetchContainer(
  new Hono()
    .get('/admin/secret', (context) => context.text('secret'))
    .get('/api/admin/secret', (context) => context.text('secret')).fetch,
);
const ofExpress = express();
ofExpress.get('/admin/secret', (_request, response) => {
  response.send('secret');
});
const legacy = new NodeContainer(ofExpress);

const DETOURS = [
  '/api/x/../admin/secret',
  '/api/./admin/secret',
  '/api/%2e/admin/secret',
  '/api/x/%2E%2e/admin/secret',
  '/api/x/.%2e/admin/secret',
  '/api/x\\..\\admin\\secret',
  '/api/admin\\secret',
  'http://example.com/api/x/../admin/secret',
  '/api/admin/secret/.',
];

const deny: RouteSpec = ['/api/admin/*path', Deny];

describe('a mounted delegate', () => {
  it.each<[string, readonly RouteSpec[]]>([
    ['a FetchContainer', [deny, mount('/api', hono)]],
    ['a NodeContainer', [deny, mount('/api', legacy)]],
    ['one that gets the prefix', [deny, mount('/api', hono, { stripPrefix: false })]],
    [
      'one in an application that is mounted',
      [['/api', new Application([['/admin/*path', Deny], mount('/', hono)])]],
    ],
    ['one in an application that is a delegate', [deny, mount('/api', new Application([mount('/', hono)]))]],
    [
      'one of a lazy route',
      [
        deny,
        ['/api/*path', async () => ({ default: FallbackHandler }), { fallback: hono, stripPrefix: true }],
      ],
    ],
    ['one with a prefix of parameters', [deny, mount('/:name', hono)]],
  ])('is not reached by a detour around other routes: %s', (_, routes) =>
    withApp(routes, async ({ port }) => {
      expect(statusOf(await ask(port, '/api/admin/secret'))).toBe(403);
      for (const target of DETOURS.slice(0, -1)) {
        const answer = await ask(port, target);
        expect([target, statusOf(answer)]).toEqual([target, 400]);
        expect(bodyOf(answer)).toContain('dot segments');
      }
    }),
  );

  it('is not reached by a detour if it is the default handler', () =>
    withApp(
      [deny],
      async ({ port }) => {
        const answers = await Promise.all(DETOURS.map((target) => ask(port, target)));
        expect(answers.map(statusOf)).toEqual(DETOURS.map((target) => (target.endsWith('/.') ? 403 : 400)));
      },
      {
        defaultHandlerClass: FallbackHandler,
        defaultHandlerInit: { fallback: hono },
      },
    ));

  it('is not reached by such a path, which is refused before middleware runs', async () => {
    let calls = 0;
    const count: Middleware = (_context, next) => {
      calls += 1;
      return next();
    };
    await withApp([mount('/api', hono, { middleware: [count] })], async ({ port, log }) => {
      expect(statusOf(await ask(port, '/api/x/../y', 'POST', 'Content-Length: 5'))).toBe(400);
      expect(calls).toBe(0);
      expect(log.records).toEqual([]);
    });
  });

  it('gets every other path as it was sent', () =>
    withApp(
      [mount('/api', new FetchContainer((request) => new Response(new URL(request.url).pathname)))],
      async ({ port }) => {
        const paths = ['/a//b', '/...', '/.well-known/x', '/a%2Fb', '/a/%5C..', '/a;..;b', '/?q=/../x'];
        for (const path of paths) {
          const shown = path.split('?')[0];
          expect(bodyOf(await ask(port, `/api${path}`))).toBe(shown);
        }
      },
    ));

  it('gets a query with any text', () =>
    withApp([mount('/api', legacy)], async ({ port }) => {
      expect(bodyOf(await ask(port, '/api/admin/secret?next=/../x\\y'))).toBe('secret');
    }));
});

import type { HTTPServerConnectionDelegate } from '@landspout/http1';
import express from 'express';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import {
  Application,
  FallbackHandler,
  host,
  mount,
  RequestHandler,
  type RouteSpec,
  route,
} from '../../src/index.ts';
import { TestClient } from '../../src/testing/index.ts';
import { ask, bodyOf, converse, requestText } from '../fixtures/raw-client.ts';
import { RecordingLogger, withApp } from '../fixtures/running-application.ts';
import { RecordingDelegate, responding } from './fallback-delegates.ts';

/** Responds with the target and the mount path that it gets. */
const showing = (): RecordingDelegate =>
  responding((request) => request.respond(`${request.head.target} at ${request.head.mountPath}`));

class Hello extends RequestHandler {
  override get(): void {
    this.write('hello');
  }
}

const make = (routes: unknown) => new Application(routes as RouteSpec[]);

describe('mount [WG-01]', () => {
  it.each([
    ['/api', '/ at /api'],
    ['/api?a=/b', '/?a=/b at /api'],
    ['/api/', '/ at /api'],
    ['/api/users/7?a=b', '/users/7?a=b at /api'],
    ['/api//x', '//x at /api'],
    ['/api/%zz', '/%zz at /api'],
    ['http://example.com/api/x', 'http://example.com/x at /api'],
    ['http://example.com/api?a', 'http://example.com/?a at /api'],
  ])('strips its prefix: %s is %s', async (target, shown) => {
    await withApp([mount('/api', showing())], async ({ port }) => {
      expect(bodyOf(await ask(port, target))).toBe(shown);
    });
  });

  it('handles neither other paths nor those that only start with its prefix', async () => {
    await withApp([mount('/api', showing()), ['/', Hello]], async ({ url }) => {
      const statuses = ['/', '/apis', '/other'].map(async (target) => (await fetch(url + target)).status);
      expect(await Promise.all(statuses)).toEqual([200, 404, 404]);
    });
  });

  it('keeps the prefix if stripPrefix is false', async () => {
    await withApp([mount('/api', showing(), { stripPrefix: false })], async ({ port }) => {
      expect(bodyOf(await ask(port, '/api/x?a'))).toBe('/api/x?a at undefined');
    });
  });

  it('takes / for all paths, after other routes', async () => {
    await withApp([['/', Hello], mount('/', showing())], async ({ port }) => {
      const bodies = ['/', '/a/b'].map(async (target) => bodyOf(await ask(port, target)));
      expect(await Promise.all(bodies)).toEqual(['hello', '/a/b at undefined']);
    });
  });

  it('may have parameters in its prefix', async () => {
    await withApp([mount('/:tenant/api', showing())], async ({ port }) => {
      const bodies = ['/a%2Fb/api', '/c/api/x'].map(async (target) => bodyOf(await ask(port, target)));
      expect(await Promise.all(bodies)).toEqual(['/ at /a%2Fb/api', '/x at /c/api']);
    });
  });

  it('may be nested below a prefix, a host, an application and another mount', async () => {
    const inner = new Application([['/v1', [mount('/api', showing())]]]);
    const outer = new Application([
      [host('a.example.com'), [mount('/host', showing())]],
      ['/inner', inner],
      mount('/outer', new Application([mount('/api', showing())])),
    ]);
    await using client = new TestClient(outer, { host: 'a.example.com' });
    const texts = ['/host/x', '/inner/v1/api/x', '/outer/api/x'].map(async (target) =>
      (await client.request(target)).text(),
    );
    expect(await Promise.all(texts)).toEqual(['/x at /host', '/x at /inner/v1/api', '/x at /outer/api']);
  });

  it('applies its options: middleware and limits', async () => {
    const echo = responding((request) => request.respond(request.body));
    const middleware = (context: { state: Record<string, unknown> }, next: () => unknown): unknown => {
      context.state.seen = true;
      return next();
    };
    const options = { middleware: [middleware], maxBodyBytes: 3 };
    await withApp([mount('/api', echo, options)], async ({ app, url }) => {
      const statuses = ['abc', 'abcd'].map(
        async (body) => (await fetch(`${url}/api`, { method: 'POST', body })).status,
      );
      expect(await Promise.all(statuses)).toEqual([200, 413]);
      expect(app.routeTable()).toMatchObject([
        {
          pattern: '/api',
          handlerClass: FallbackHandler,
          methods: ['*'],
          middleware: [middleware],
          fallback: echo,
        },
        { pattern: '/api/*path', handlerClass: FallbackHandler, methods: ['*'], fallback: echo },
      ]);
    });
  });

  it.each<[string, () => unknown, string]>([
    ['an unknown option', () => mount('/api', showing(), { strip: true } as object), 'strip'],
    ['a delegate that is none', () => make([mount('/api', {} as never)]), 'new FetchContainer(app.fetch)'],
    [
      'an Express application',
      () => make([mount('/api', express() as never)]),
      'new NodeContainer(app) of @landspout/httpserver/node',
    ],
    [
      'a Hono application',
      () => make([mount('/api', new Hono() as never)]),
      'new FetchContainer(app.fetch) of @landspout/httpserver/fetch',
    ],
    ['a function', () => make([mount('/api', (() => {}) as never)]), 'startRequest'],
    ['a prefix with a slash at its end', () => make([mount('/api/', showing())]), 'must not end with /'],
    ['a prefix without a slash', () => make([mount('api', showing())]), 'must start with /'],
    ['an empty prefix', () => make([mount('', showing())]), "the root is '/'"],
    ['an invalid limit', () => make([mount('/api', showing(), { maxBodyBytes: -1 })]), 'maxBodyBytes'],
    [
      'stripPrefix that is none',
      () => make([mount('/api', showing(), { stripPrefix: 1 as never })]),
      'stripPrefix',
    ],
    [
      'an init without fallback',
      () => make([['/*path', FallbackHandler, {}]]),
      'fallback must be a delegate',
    ],
    ['another init', () => make([['/*path', FallbackHandler, { fallback: showing(), x: 1 }]]), '"x"'],
  ])('refuses %s', (_, act, problem) => {
    expect(act).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_ROUTE', message: expect.stringContaining(problem) }),
    );
  });

  it('is checked by the compiler', () => {
    const fallback: HTTPServerConnectionDelegate = showing();
    new Application([
      mount('/api', fallback),
      ['/a/*path', FallbackHandler, { fallback }],
      route('/b/*path', FallbackHandler, { fallback, stripPrefix: true }),
    ]);
    expect(() => {
      // @ts-expect-error: the init is missing.
      new Application([['/a/*path', FallbackHandler]]);
    }).toThrow('fallback');
    expect(() => {
      // @ts-expect-error: the fallback is not a delegate.
      new Application([['/a/*path', FallbackHandler, { fallback: () => {} }]]);
    }).toThrow('fallback');
    // @ts-expect-error: a Fetch handler needs a container.
    expect(() => new Application([mount('/api', async () => new Response())])).toThrow('fallback');
  });
});

describe('the notices of servers', () => {
  it('reach each delegate once, in mounted applications too', async () => {
    const [shared, inner, lazy, unmatched] = [1, 2, 3, 4].map(() => showing()) as [
      RecordingDelegate,
      RecordingDelegate,
      RecordingDelegate,
      RecordingDelegate,
    ];
    const innermost = new Application([mount('/a', shared), mount('/b', inner)]);
    const app = new Application(
      [
        mount('/a', shared),
        ['/inner', new Application([['/most', innermost]])],
        ['/lazy/*path', async () => ({ default: FallbackHandler }), { fallback: lazy }],
      ],
      { defaultHandlerClass: FallbackHandler, defaultHandlerInit: { fallback: unmatched } },
    );
    const server = await app.listen({ port: 0, host: '127.0.0.1' });
    const answer = await converse(
      server.port,
      requestText('/none'),
      requestText('/inner/most/b', 'GET', 'Connection: close'),
    );
    expect(answer).toContain('/none at undefined');
    await server.closeAll();
    for (const delegate of [shared, inner, lazy, unmatched])
      expect(delegate.notices).toEqual(['close', 'stopped']);
  });

  it('reach the other delegates if one of them fails', async () => {
    const boom = new Error('boom');
    class Broken extends RecordingDelegate {
      override onClose(): void {
        throw boom;
      }
      override async serverStopped(): Promise<void> {
        throw boom;
      }
    }
    const logger = new RecordingLogger();
    const other = showing();
    const app = new Application([mount('/broken', new Broken()), mount('/other', other)], { logger });
    const server = await app.listen({ port: 0, host: '127.0.0.1' });
    await ask(server.port, '/other');
    await server.closeAll();
    expect(other.notices).toEqual(['close', 'stopped']);
    expect(logger.records.map(({ error }) => error)).toEqual([boom, boom]);
  });
});

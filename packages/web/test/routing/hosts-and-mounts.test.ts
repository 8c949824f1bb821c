import { describe, expect, it } from 'vitest';
import {
  Application,
  accessLog,
  type HandlerClass,
  HTTPError,
  host,
  type Middleware,
  RequestHandler,
  type RouteSpec,
} from '../../src/index.ts';
import { ask, bodyOf, headerOf, RawClient, statusOf } from '../fixtures/raw-client.ts';
import { RecordingLogger, withApp } from '../fixtures/running-application.ts';

class Names extends RequestHandler {
  #name = '';

  override initialize({ name }: { name: string }): void {
    this.#name = name;
  }

  override get(): void {
    this.write(this.#name);
  }
}

/** Asks for a path on a host. */
async function askHost(port: number, name: string, path: string): Promise<string> {
  const client = await RawClient.connect(port);
  client.send(`GET ${path} HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`);
  return client.untilEnd();
}

const trail =
  (name: string): Middleware =>
  ({ response }, next) => {
    response.addHeader('X-Trail', name);
    return next();
  };

describe('host rules in the list of routes', () => {
  const routes: RouteSpec[] = [
    ['/first', Names, { name: 'before' }],
    [
      host('api.example.com'),
      [
        ['/', Names, { name: 'api' }],
        ['/first', Names, { name: 'never' }],
        ['/v1', [['/users', Names, { name: 'api users' }]]],
      ],
      { middleware: [trail('api')] },
    ],
    [host('*.example.com'), [['/', Names, { name: 'any' }]]],
    [host(/[ab]\.test/), [['/', Names, { name: 'expression' }]]],
    ['/', Names, { name: 'all' }],
    ['/v1/users', Names, { name: 'pages' }],
  ];

  it('are tried in the order of the list, with the name of the host and without its port [APP-01] [APP-02] [RT-01]', () =>
    withApp(routes, async ({ port }) => {
      const expected: ReadonlyArray<readonly [string, string, string]> = [
        ['api.example.com', '/', 'api'],
        ['API.Example.COM:8080', '/', 'api'],
        ['api.example.com', '/first', 'before'],
        ['api.example.com', '/v1/users', 'api users'],
        ['b.example.com', '/', 'any'],
        ['a.b.example.com', '/', 'all'],
        ['example.com', '/', 'all'],
        ['apixexample.com', '/', 'all'],
        ['a.test', '/', 'expression'],
        ['xa.test', '/', 'all'],
        ['a.test', '/v1/users', 'pages'],
        ['[::1]:80', '/', 'all'],
      ];
      for (const [name, path, body] of expected)
        expect([name, path, bodyOf(await askHost(port, name, path))]).toEqual([name, path, body]);
      const answer = await askHost(port, 'api.example.com', '/v1/users');
      expect(headerOf(answer, 'X-Trail')).toBe('api');
    }));

  it('are refused if the host is no host, or is inside of another', () => {
    for (const wrong of ['http://a.example', 'a.example:80', '', 'a/b', 3 as unknown as string])
      expect(() => host(wrong)).toThrow(expect.objectContaining({ code: 'ERR_WEB_ROUTE' }));
    const nested: RouteSpec[] = [[host('a.example'), [[host('b.example'), []]]]];
    expect(() => new Application(nested)).toThrow('inside of routes for another host, a.example');
    const bad = [[host('a.example'), Names]] as unknown as RouteSpec[];
    expect(() => new Application(bad)).toThrow('a host takes an array of routes or an Application');
  });

  it('may share a name only between hosts, for the same pattern', () => {
    const named = (name: string, pattern: string): RouteSpec => [
      host(name),
      [[pattern, Names, { name }, 'home']],
    ];
    const app = new Application([named('a.example', '/home/:x'), named('b.example', '/home/:x')]);
    expect(app.reverseUrl('home', 1)).toBe('/home/1');
    expect(() => new Application([named('a.example', '/a'), named('b.example', '/b')])).toThrow(
      'the name "home" is already used by the route "/a"',
    );
  });
});

const postPath = '/post/:id';

class Post extends RequestHandler<typeof postPath> {
  override get({ id }: { id: string }): void {
    const here = this.reverseUrl(postPath, { id });
    this.write(`${id} ${here} ${this.reverseUrl('home')} ${this.settings.loginUrl} ${this.request.path}`);
  }

  override post(): void {
    this.setSignedCookie('a', 'b');
  }
}

class Fails extends RequestHandler {
  override get(): void {
    throw new Error('on purpose');
  }
}

class NotHere extends RequestHandler {
  override prepare(): void {
    throw new HTTPError(404, undefined, { detail: 'the blog has no such page' });
  }
}

function blog(settings: object = {}): Application {
  return new Application(
    [
      ['/', Names, { name: 'blog' }, 'home'],
      [postPath, Post],
      ['/fails', Fails],
    ],
    { loginUrl: '/login', defaultHandlerClass: NotHere, middleware: [trail('blog')], ...settings },
  );
}

describe('a mounted application', () => {
  it('gets the requests below its prefix, with its own settings, after the middleware around it [RT-02]', () =>
    withApp(
      [
        ['/blog', blog(), { middleware: [trail('rule')] }],
        ['/blog/later', Names, { name: 'never' }],
        ['/', Names, { name: 'outer' }, 'home'],
      ],
      async ({ port, app }) => {
        const answer = await ask(port, '/blog/post/7');
        expect(bodyOf(answer)).toBe('7 /blog/post/7 /blog/ /login /blog/post/7');
        expect(answer.match(/X-Trail: \w+/g)).toEqual(['X-Trail: outer', 'X-Trail: rule', 'X-Trail: blog']);
        expect(bodyOf(await ask(port, '/'))).toBe('outer');
        expect(bodyOf(await ask(port, '/blog/'))).toBe('blog');
        expect(app.reverseUrl('home')).toBe('/');
        expect(app.reverseUrl('/blog/post/:id', { id: 1 })).toBe('/blog/post/1');
      },
      { middleware: [trail('outer')] },
    ));

  it('owns all paths below its prefix: what it does not have is its own 404 [APP-07] [RT-02]', () =>
    withApp(
      [
        ['/blog', blog()],
        ['/blog/later', Names, { name: 'never' }],
      ],
      async ({ port }) => {
        for (const path of ['/blog/later', '/blog//', '/blog/a/b?c'])
          expect(bodyOf(await ask(port, path))).toContain('the blog has no such page');
        for (const path of ['/blogs', '/blo', '/'])
          expect(bodyOf(await ask(port, path))).not.toContain('the blog');
        const moved = await ask(port, '/blog?a=1');
        expect([statusOf(moved), headerOf(moved, 'Location')]).toEqual([301, '/blog/?a=1']);
      },
    ));

  it('may be the whole of a host, and contain mounted applications itself [RT-02]', () =>
    withApp(
      [
        [host('blog.example'), blog()],
        ['/site', new Application([['/deep', blog()]])],
        ['/', Names, { name: 'outer' }],
      ],
      async ({ port }) => {
        expect(bodyOf(await askHost(port, 'blog.example', '/post/1'))).toBe('1 /post/1 / /login /post/1');
        expect(bodyOf(await askHost(port, 'blog.example', '/x'))).toContain('the blog has no such page');
        expect(bodyOf(await askHost(port, 'other.example', '/'))).toBe('outer');
        expect(bodyOf(await ask(port, '/site/deep/post/2'))).toContain('/site/deep/post/2 /site/deep/');
        expect(statusOf(await ask(port, '/site/x'))).toBe(404);
      },
    ));

  it('has its own cookie secret and XSRF check; the outer one keeps its own [RT-02]', () =>
    withApp(
      [
        ['/open', blog({ cookieSecret: 'o'.repeat(32) })],
        ['/safe', blog({ cookieSecret: 's'.repeat(32), xsrfCookies: true })],
      ],
      async ({ port }) => {
        const open = await ask(port, '/open/post/1', 'POST');
        expect([statusOf(open), headerOf(open, 'Set-Cookie')]).toEqual([200, expect.stringContaining('a=')]);
        expect(statusOf(await ask(port, '/safe/post/1', 'POST'))).toBe(403);
      },
    ));

  it('logs to the logger around it unless it has its own; requests are logged by the outermost [RT-02]', async () => {
    const own = new RecordingLogger();
    const paths: string[] = [];
    const apps: RouteSpec[] = [
      ['/a', blog()],
      ['/b', blog({ logger: own, logFunction: accessLog })],
    ];
    await withApp(
      apps,
      async ({ port, log }) => {
        expect(statusOf(await ask(port, '/a/fails'))).toBe(500);
        expect(statusOf(await ask(port, '/b/fails'))).toBe(500);
        expect(log.records.map(({ error }) => (error as Error).message)).toEqual(['on purpose']);
        expect(own.records.map(({ error }) => (error as Error).message)).toEqual(['on purpose']);
        expect(paths).toEqual(['/a/fails', '/b/fails']);
      },
      { logFunction: ({ request }) => paths.push(request.path) },
    );
  });

  it('is refused where it could not work', () => {
    const mounted = blog();
    const app = new Application([['/a', mounted]]);
    const refusals: ReadonlyArray<readonly [string, () => unknown]> = [
      ['it is already mounted', () => new Application([['/b', mounted]])],
      ['addHandlers', () => mounted.addHandlers('a.example', [])],
      ['setting hosts', () => new Application([['/b', blog({ hosts: ['a.example'] })]])],
      ['a prefix must not end with /', () => new Application([['/', blog()]])],
      ['below a parameter', () => new Application([['/:user', blog()]])],
      ['a prefix of routes must be a string', () => new Application([[/a/ as unknown as string, blog()]])],
      ['unknown option "name"', () => new Application([['/b', blog(), { name: 'x' } as object]])],
    ];
    for (const [text, make] of refusals)
      expect(make, text).toThrow(
        expect.objectContaining({ code: 'ERR_WEB_ROUTE', message: expect.stringContaining(text) }),
      );
    expect(app.reverseUrl('/a/post/:id', { id: 1 })).toBe('/a/post/1');
  });

  it('is checked by the compiler like any route', () => {
    class NeedsInit extends RequestHandler {
      override initialize(_init: { readonly size: number }): void {}
      override get(): void {}
    }
    const make = [
      () =>
        new Application([
          ['/blog', blog()],
          [host('a.example'), [['/', NeedsInit, { size: 1 }]]],
        ]),
      // @ts-expect-error: init is missing, inside of a host rule
      () => new Application([[host('a.example'), [['/', NeedsInit]]]]),
      // @ts-expect-error: an application takes no init
      () => new Application([['/blog', blog(), { size: 1 }]]),
    ];
    expect(make).toHaveLength(3);
    const handler: HandlerClass = NeedsInit;
    expect(handler.streamRequestBody).toBe(false);
  });
});

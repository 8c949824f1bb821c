import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  Application,
  accessLog,
  type FinishedRequest,
  HTTPServer,
  IOLoop,
  type PathParams,
  RedirectHandler,
  RequestHandler,
  type RouteSpec,
  route,
  StaticFileHandler,
} from '../../src/index.ts';
import {
  ask,
  bodyOf,
  converse,
  headerOf,
  RawClient,
  requestText,
  statusesOf,
  statusOf,
} from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

class Hello extends RequestHandler {
  override get(): void {
    this.write('Hello, world');
  }
}

class Params extends RequestHandler {
  override get(): void {
    this.write({ params: { ...this.pathParams }, args: [...this.pathArgs] });
  }
}

class Named extends RequestHandler {
  #name = '';

  override initialize(init: { readonly name: string }): void {
    this.#name = init.name;
  }

  override get(): void {
    this.write(this.#name);
  }
}

class User extends RequestHandler<'/user/:id'> {
  override get(): void {
    this.write(this.pathParams.id);
  }
}

describe('Application', () => {
  it('serves with what this package exports, to fetch [APP-02]', async () => {
    const app = new Application([['/', Hello]]);
    await using server = await app.listen({ port: 0, host: '127.0.0.1' });
    expect(server).toBeInstanceOf(HTTPServer);
    expect(IOLoop.current()).toBeInstanceOf(IOLoop);
    const answer = await fetch(server.url);
    expect([answer.status, await answer.text()]).toEqual([200, 'Hello, world']);
  });

  it('passes server options on, and can be the delegate of a server of its own [APP-02]', async () => {
    const app = new Application([['/', Hello]]);
    await using server = new HTTPServer(app, { keepAlive: false });
    await server.listen({ port: 0, host: '127.0.0.1' });
    await using other = await app.listen({ port: 0, host: '127.0.0.1', maxBodyBytes: 3 });
    expect(headerOf(await converse(server.port, requestText('/')), 'Connection')).toBe('close');
    const tooLarge = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody';
    expect(statusOf(await converse(other.port, tooLarge))).toBe(413);
  });

  it('refuses a callback of listen', async () => {
    const app = new Application([['/', Hello]]);
    const listening = app.listen({ port: 0, host: '127.0.0.1' }, (() => {}) as never);
    await expect(listening).rejects.toMatchObject({
      code: 'ERR_WEB_USAGE',
      message: expect.stringContaining('await the promise'),
    });
  });

  it('suggests its own name for an option of node:http', async () => {
    const listening = new Application([['/', Hello]]).listen({ keepAliveTimeout: 5_000 } as object);
    await expect(listening).rejects.toMatchObject({
      code: 'ERR_WEB_USAGE',
      message: 'listen: unknown option "keepAliveTimeout": did you mean "idleTimeoutMs"?',
    });
  });

  it('answers with one head and the default headers [OUT-01]', () =>
    withApp([['/', Hello]], async ({ port }) => {
      const answer = await ask(port, '/');
      expect(answer).toMatch(
        /^HTTP\/1\.1 200 OK\r\nServer: Landspout\r\nContent-Type: text\/html; charset=UTF-8\r\nContent-Length: 12\r\nConnection: close\r\nDate: [^\r]+\r\n\r\nHello, world$/,
      );
    }));

  it('gives initialize what the route says [APP-01]', () =>
    withApp([['/a', Named, { name: 'first' }], route('/b', Named, { name: 'second' })], async ({ port }) => {
      expect(bodyOf(await ask(port, '/a'))).toBe('first');
      expect(bodyOf(await ask(port, '/b'))).toBe('second');
    }));

  it('decodes parameters, and keeps plus signs [IN-03]', () =>
    withApp(
      [
        ['/u/:name', Params],
        [/\/r\/(\d+)(?:-(\w+))?/, Params],
        [/\/n\/(?<year>\d+)/, Params],
      ],
      async ({ port }) => {
        const read = async (target: string): Promise<unknown> => {
          return JSON.parse(Buffer.from(bodyOf(await ask(port, target)), 'latin1').toString('utf8'));
        };
        expect(await read('/u/a+b%2F%C3%BC?q=1')).toEqual({ params: { name: 'a+b/ü' }, args: ['a+b/ü'] });
        expect(await read('/r/12')).toEqual({ params: {}, args: ['12', null] });
        expect(await read('/n/2026')).toEqual({ params: { year: '2026' }, args: ['2026'] });
      },
    ));

  it.each(['/u/%ff', '/u/%', '/u/%zz', '/u/%C3'])('answers 400 to the path %s [ATT-75]', (target) =>
    withApp([['/u/:name', Params]], async ({ port, log }) => {
      expect(statusOf(await ask(port, target))).toBe(400);
      expect(log.records.every(({ level }) => level === 'warn')).toBe(true);
    }),
  );

  it('takes __proto__ as a parameter like any other [ATT-74]', () =>
    withApp([[/\/(?<__proto__>\w+)/, Params]], async ({ port }) => {
      expect(bodyOf(await ask(port, '/x'))).toBe('{"params":{"__proto__":"x"},"args":["x"]}');
      expect(({} as { x?: unknown }).x).toBeUndefined();
    }));

  it('routes absolute targets by their path, and a host pattern by their authority [RT-04]', () =>
    withApp([['/', Hello]], async ({ app, port }) => {
      app.addHandlers('other.example', [['/', Named, { name: 'other' }]]);
      expect(bodyOf(await ask(port, 'http://example.com/?x'))).toBe('Hello, world');
      expect(bodyOf(await ask(port, 'http://example.com?x'))).toBe('Hello, world');
      expect(bodyOf(await ask(port, 'http://other.example:80/'))).toBe('other');
      expect(statusOf(await ask(port, '*', 'OPTIONS'))).toBe(404);
    }));

  it('tries the rules of a host before those of all hosts [APP-02]', () =>
    withApp(
      [
        ['/', Hello],
        ['/all', Hello],
      ],
      async ({ app, port }) => {
        app.addHandlers('a.example', [['/', Named, { name: 'a' }]]);
        app.addHandlers(/.*\.example/, [['/', Named, { name: 'any' }]]);
        const get = (target: string, host: string): Promise<string> =>
          converse(port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
        expect(bodyOf(await get('/', 'A.Example:8080'))).toBe('a');
        expect(bodyOf(await get('/', 'b.example'))).toBe('any');
        expect(bodyOf(await get('/', 'aXexample'))).toBe('Hello, world');
        expect(bodyOf(await get('/all', 'a.example'))).toBe('Hello, world');
      },
    ));

  it('answers 404 to whatever no rule matches, with any method [APP-07]', () =>
    withApp([['/', Hello]], async ({ port }) => {
      expect(statusOf(await ask(port, '/nowhere'))).toBe(404);
      const post = 'POST /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\na=b';
      expect(statusOf(await converse(port, post))).toBe(404);
    }));

  it('refuses a large body for a path without a route before it arrives [APP-07]', () =>
    withApp([['/', Hello]], async ({ port }) => {
      const head =
        'POST /nowhere HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n';
      const answer = await converse(port, head);
      expect(statusesOf(answer)).toEqual([404]);
      expect(headerOf(answer, 'Connection')).toBe('close');
    }));

  it('keeps the connection after a 404 to a request without a body', () =>
    withApp([['/', Hello]], async ({ port }) => {
      const answers = await converse(port, requestText('/no'), requestText('/', 'GET', 'Connection: close'));
      expect(statusesOf(answers)).toEqual([404, 200]);
    }));

  it('lets defaultHandlerClass answer what no rule matches [APP-04]', () => {
    const settings = { defaultHandlerClass: Named, defaultHandlerInit: { name: 'nothing here' } };
    return withApp(
      [],
      async ({ port }) => expect(bodyOf(await ask(port, '/x'))).toBe('nothing here'),
      settings,
    );
  });

  it('makes the path of a named rule [APP-03]', () => {
    const app = new Application([
      route('/user/:id', User, {}, 'user'),
      ['/api', [['/deep/:x', Params, undefined, 'deep']]],
    ]);
    expect(app.reverseUrl('user', 'a b')).toBe('/user/a%20b');
    expect(app.reverseUrl('deep', 1)).toBe('/api/deep/1');
    expect(() => app.reverseUrl('nobody')).toThrow(expect.objectContaining({ code: 'ERR_WEB_REVERSE' }));
    expect(() => app.reverseUrl('toString')).toThrow(expect.objectContaining({ code: 'ERR_WEB_REVERSE' }));
  });

  it('answers pipelined requests, each with its own handler [RH-01]', () =>
    withApp([['/u/:name', Params]], async ({ port }) => {
      const client = await RawClient.connect(port, requestText('/u/1') + requestText('/u/2'));
      const answers = await client.until('"args":["1"]', '"args":["2"]');
      expect(statusesOf(answers)).toEqual([200, 200]);
      client.close();
    }));
});

describe('logFunction', () => {
  it('is called once for each answer, errors included [APP-03] [APP-04]', async () => {
    const seen: string[] = [];
    const logFunction = ({ request, status }: FinishedRequest): void => {
      seen.push(`${request.method} ${request.path} ${status}`);
    };
    await withApp(
      [['/', Hello]],
      async ({ port }) => {
        await ask(port, '/?a');
        await ask(port, '/no');
        await ask(port, '/', 'POST');
      },
      { logFunction },
    );
    expect(seen).toEqual(['GET / 200', 'GET /no 404', 'POST / 405']);
  });

  it('does not harm the answer when it throws', () => {
    const logFunction = (): void => {
      throw new Error('log is full');
    };
    return withApp(
      [['/', Hello]],
      async ({ port, log }) => {
        expect(bodyOf(await ask(port, '/'))).toBe('Hello, world');
        expect(log.records.map(({ error }) => (error as Error).message)).toEqual(['log is full']);
      },
      { logFunction },
    );
  });
});

describe('accessLog', () => {
  it('writes one line per answer, its level by the status', () =>
    withApp(
      [['/', Hello]],
      async ({ port, log }) => {
        await ask(port, '/');
        await ask(port, '/no?a=%0a');
        expect(log.records.map(({ level }) => level)).toEqual(['info', 'warn']);
        expect(log.records[0]?.message).toMatch(/^200 GET \/ \(127\.0\.0\.1\) \d+\.\d\dms$/);
        expect(log.records[1]?.message).toMatch(/^404 GET \/no\?a=%0a \(/);
      },
      { logFunction: accessLog },
    ));
});

describe('PathParams', () => {
  it('names the parameters of a pattern', () => {
    expectTypeOf<PathParams<'/user/:id/post/:post'>>().toEqualTypeOf<{
      readonly id: string;
      readonly post: string;
    }>();
    expectTypeOf<PathParams<'/files/*rest'>>().toEqualTypeOf<{ readonly rest: string }>();
    expectTypeOf<PathParams>().toEqualTypeOf<Readonly<Record<string, string>>>();
    const routes: RouteSpec[] = [['/user/:id', User]];
    expect(routes).toHaveLength(1);
  });

  it('ties a handler to its pattern and its init, with route()', () => {
    // @ts-expect-error: the handler is written for another pattern.
    const elsewhere = route('/person/:name', User);
    // @ts-expect-error: initialize takes a name.
    const unnamed = route('/', Named, { title: 'x' });
    expect([elsewhere[0], unnamed[0]]).toEqual(['/person/:name', '/']);
  });

  it('lets a handler that names no pattern have any, and one with more parameters than it needs, with route()', () => {
    const routes = [
      route('/hello/:name', Hello),
      route('/static/*path', StaticFileHandler, { path: import.meta.dirname }),
      route('/old/:id', RedirectHandler, { url: '/new/{id}' }),
      route(/^\/person\/(?<id>\d+)$/, User),
      route('/user/:id/:page', User),
    ];
    expect(() => new Application(routes)).not.toThrow();
    // @ts-expect-error: a file handler takes a path.
    const misspelt = route('/static/*path', StaticFileHandler, { pth: '/srv' });
    expect(() => new Application([misspelt])).toThrow('path');
  });
});

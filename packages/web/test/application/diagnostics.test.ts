import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { RequestMessage, RequestStartMessage } from '@landspout/httpserver';
import { FetchContainer } from '@landspout/httpserver/fetch';
import { NodeContainer } from '@landspout/httpserver/node';
import { afterEach, describe, expect, it } from 'vitest';
import {
  Application,
  FallbackHandler,
  HTTPError,
  host,
  mount,
  type RequestEndMessage,
  RequestHandler,
  type RouteMessage,
  type RouteSpec,
  StaticFileHandler,
} from '../../src/index.ts';
import { until } from '../fixtures/event-streams.ts';
import { converse, RawClient } from '../fixtures/raw-client.ts';
import { signalled, withApp } from '../fixtures/running-application.ts';

const storage = new AsyncLocalStorage<string>();
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function on<Message>(channel: string, subscriber: (message: Message) => void): void {
  const listener = (message: unknown): void => subscriber(message as Message);
  subscribe(channel, listener);
  ends.push(() => unsubscribe(channel, listener));
}

const onRoute = (subscriber: (message: RouteMessage) => void): void =>
  on('landspout.web.request.route', subscriber);
const onEnd = (subscriber: (message: RequestEndMessage) => void): void =>
  on('landspout.web.request.end', subscriber);

function heardRoutes(): RouteMessage[] {
  const messages: RouteMessage[] = [];
  onRoute((message) => void messages.push(message));
  return messages;
}

function heardEnds(): RequestEndMessage[] {
  const messages: RequestEndMessage[] = [];
  onEnd((message) => void messages.push(message));
  return messages;
}

class Page extends RequestHandler {
  override get(): void {
    this.write('page');
  }
}

const get = (target: string, more = '') =>
  `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${more}\r\n`;

describe('landspout.web.request.route', () => {
  // An application can be mounted only once.
  const inner = (): Application =>
    new Application([
      ['/', Page],
      ['/item/:item', Page, {}, 'item'],
      ['/deep', [['/:leaf', Page]]],
    ]);
  const routes = (): readonly RouteSpec[] => [
    ['/user/:id', Page, {}, 'user'],
    [/\/story\/(\d+)/, Page],
    ['/files/*path', StaticFileHandler, { path: import.meta.dirname }],
    [
      '/api',
      [
        [
          '/v1',
          [
            ['/things/:thing', Page],
            [/\/old\/\w+/, Page],
          ],
        ],
      ],
    ],
    ['/shop', inner()],
    [host('other.example'), [['/only', Page]]],
  ];

  it.each([
    ['/user/7?secret=1', '/user/:id', 'user'],
    ['/story/12', '\\/story\\/(\\d+)', undefined],
    ['/files/none.txt', '/files/*path', undefined],
    ['/api/v1/things/a', '/api/v1/things/:thing', undefined],
    ['/api/v1/old/a', '/api/v1\\/old\\/\\w+', undefined],
    ['/shop/item/3', '/shop/item/:item', 'item'],
    ['/shop/deep/3', '/shop/deep/:leaf', undefined],
    ['/shop/', '/shop/', undefined],
    ['/shop', '/shop', undefined],
    ['/none', undefined, undefined],
    ['/shop/none', undefined, undefined],
    ['/api/v1', undefined, undefined],
  ])('has for %s the route %j', (path, route, name) => {
    const messages = heardRoutes();
    return withApp(routes(), async ({ port }) => {
      await converse(port, get(path));
      expect(messages).toMatchObject([{ route, name }]);
    });
  });

  it('has the route of a host', () => {
    const messages = heardRoutes();
    return withApp(routes(), async ({ port }) => {
      await converse(port, 'GET /only HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n');
      expect(messages).toMatchObject([{ route: '/only' }]);
    });
  });

  it('has no route for a host that the application does not serve', () => {
    const messages = heardRoutes();
    return withApp(
      routes(),
      async ({ port }) => {
        expect(await converse(port, get('/user/7'))).toContain(' 421 ');
        expect(messages).toMatchObject([{ route: undefined, name: undefined }]);
      },
      { hosts: ['example.com'] },
    );
  });

  it('has the application and the handler class of the route', () => {
    const messages = heardRoutes();
    const shop = inner();
    return withApp(
      [
        ['/shop', shop],
        ['/user', Page],
      ],
      async ({ port, app }) => {
        await converse(port, get('/shop/item/3'));
        await converse(port, get('/user'));
        expect(messages.map(({ application }) => application)).toEqual([shop, app]);
        expect(messages.map(({ handlerClass }) => handlerClass)).toEqual([Page, Page]);
        expect(messages.map(({ request }) => request.path)).toEqual(['/shop/item/3', '/user']);
      },
    );
  });

  it('comes before the middleware', () => {
    const order: string[] = [];
    onRoute(() => void order.push('route'));
    const middleware = [
      (_: unknown, next: () => unknown) => {
        order.push('middleware');
        return next();
      },
    ];
    return withApp(
      [['/', Page]],
      async ({ port }) => {
        await converse(port, get('/'));
        expect(order).toEqual(['route', 'middleware']);
      },
      { middleware },
    );
  });

  it('has no handler class while a lazy route has not loaded it', () => {
    const messages = heardRoutes();
    return withApp([['/lazy', async () => ({ default: Page })]], async ({ port }) => {
      await converse(port, get('/lazy'));
      await converse(port, get('/lazy'));
      expect(messages).toMatchObject([
        { route: '/lazy', handlerClass: undefined },
        { route: '/lazy', handlerClass: Page },
      ]);
    });
  });

  it('has the head of the record of the server, also if the target is absolute', () => {
    const heads: unknown[] = [];
    on<RequestMessage>('landspout.http.server.request.start', ({ record }) => void heads.push(record.head));
    onRoute(({ head }) => void heads.push(head));
    onEnd(({ head }) => void heads.push(head));
    return withApp([['/user', Page]], async ({ port }) => {
      await converse(port, get('http://a/user'));
      await until(() => heads.length === 3);
      expect(new Set(heads).size).toBe(1);
    });
  });

  it('has it also in an application to which another one passes the request, with the route of both', () => {
    const heads: unknown[] = [];
    on<RequestMessage>('landspout.http.server.request.start', ({ record }) => void heads.push(record.head));
    const messages = heardRoutes();
    const found = heardEnds();
    const fallback = new Application([
      ['/user/:id', Page],
      mount('/again/:n', new Application([['/leaf', Page]])),
    ]);
    const delegates = [
      ['/tenant/:name', [mount('/app', fallback)]],
      ['/kept/*rest', FallbackHandler, { fallback: new Application([['/kept/user/:id', Page]]) }],
    ] as const;
    return withApp(delegates, async ({ port }) => {
      await converse(port, get('/tenant/x/app/user/7'));
      await converse(port, get('/tenant/x/app/again/5/leaf'));
      await converse(port, get('/kept/user/7'));
      await converse(port, get('/tenant/x/app/none'));
      await until(() => found.length === 9);
      expect(messages.map(({ route }) => route)).toEqual([
        ...['/tenant/:name/app/*path', '/tenant/:name/app/user/:id'],
        ...['/tenant/:name/app/*path', '/tenant/:name/app/again/:n/*path', '/tenant/:name/app/again/:n/leaf'],
        ...['/kept/*rest', '/kept/user/:id'],
        ...['/tenant/:name/app/*path', undefined],
      ]);
      expect(messages.map(({ head }) => heads.indexOf(head))).toEqual([0, 0, 1, 1, 1, 2, 2, 3, 3]);
      expect(found.map(({ head }) => heads.indexOf(head)).sort()).toEqual([0, 0, 1, 1, 1, 2, 2, 3, 3]);
    });
  });

  it('has the route of the FallbackHandler for other delegates', () => {
    const messages = heardRoutes();
    const fetching = new FetchContainer(() => new Response('fetched'));
    const node = new NodeContainer((_, response) => void response.end('node'));
    return withApp([mount('/fetch', fetching), mount('/node', node)], async ({ port }) => {
      expect(await converse(port, get('/fetch/a/b'))).toContain('fetched');
      expect(await converse(port, get('/node/a/b'))).toContain('node');
      expect(await converse(port, get('/node'))).toContain('node');
      expect(messages.map(({ route }) => route)).toEqual(['/fetch/*path', '/node/*path', '/node']);
    });
  });
});

describe('landspout.web.request.end', () => {
  it('comes after the response and the middleware, with the status and the route', () => {
    const order: string[] = [];
    const messages = heardEnds();
    onEnd(() => void order.push('end'));
    const gate = signalled();
    const middleware = [
      async (_: unknown, next: () => unknown) => {
        await next();
        await gate.promise;
        order.push('middleware');
      },
    ];
    return withApp(
      [['/user/:id', Page]],
      async ({ port }) => {
        expect(await converse(port, get('/user/7'))).toContain('page');
        expect(order).toEqual([]);
        gate.resolve();
        await until(() => order.length === 2);
        expect(order).toEqual(['middleware', 'end']);
        expect(messages).toMatchObject([{ route: '/user/:id', status: 200, error: undefined }]);
        expect(messages[0]?.request.path).toBe('/user/7');
      },
      { middleware },
    );
  });

  it('has the error whose page is the response', () => {
    const messages = heardEnds();
    const failure = new Error('the handler failed');
    class Failing extends RequestHandler {
      override get(): void {
        throw failure;
      }
      override post(): void {
        throw new HTTPError(409);
      }
    }
    return withApp([['/failing', Failing]], async ({ port }) => {
      await converse(port, get('/failing'));
      await converse(port, get('/none'));
      await converse(port, get('/failing').replace('GET', 'POST'));
      await until(() => messages.length === 3);
      expect(messages).toMatchObject([
        { route: '/failing', status: 500, error: failure },
        { route: undefined, status: 404 },
        { route: '/failing', status: 409, error: { status: 409 } },
      ]);
      expect(messages[0]?.error).toBe(failure);
    });
  });

  it('comes also if the handler class could not be loaded', () => {
    const messages = heardEnds();
    const lazy = async (): Promise<{ default: typeof Page }> => {
      throw new Error('no such module');
    };
    return withApp([['/lazy', lazy]], async ({ port }) => {
      await converse(port, get('/lazy'));
      expect(messages).toMatchObject([{ route: '/lazy', status: 500 }]);
    });
  });

  it('comes once for a client that has left', () => {
    const messages = heardEnds();
    const entered = signalled();
    const gate = signalled();
    class Slow extends RequestHandler {
      override async get(): Promise<void> {
        entered.resolve();
        await gate.promise;
        this.write('late');
      }
    }
    return withApp([['/slow', Slow]], async ({ port, server }) => {
      const client = await RawClient.connect(port, get('/slow'));
      await entered.promise;
      client.reset();
      await until(() => server.stats().requests.cut === 1);
      expect(messages).toEqual([]);
      gate.resolve();
      await until(() => messages.length > 0);
      expect(messages).toMatchObject([{ route: '/slow', status: undefined, error: undefined }]);
    });
  });

  it('has the status of a refusal by the connection', () => {
    const messages = heardEnds();
    class Upload extends RequestHandler {
      override post(): void {}
    }
    return withApp(
      [['/upload', Upload]],
      async ({ port }) => {
        const head = 'POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n';
        expect(await converse(port, head)).toContain(' 413 ');
        await until(() => messages.length === 1);
        expect(messages).toMatchObject([{ route: '/upload', status: 413 }]);
      },
      {},
      { maxBodyBytes: 1 },
    );
  });

  it('has no status if another protocol takes over the connection, with and without middleware', () => {
    const messages = heardEnds();
    class Upgrade extends RequestHandler {
      override get(): void {
        const stream = this.detach();
        stream.send('HTTP/1.1 101 Switching Protocols\r\n\r\n');
        stream.closeGracefully(1_000);
      }
    }
    const passing = async (_: unknown, next: () => unknown): Promise<void> => {
      await next();
    };
    return withApp(
      [
        ['/plain', Upgrade],
        ['/behind', Upgrade, {}, { middleware: [passing] }],
      ],
      async ({ port }) => {
        expect(await converse(port, get('/plain'))).toContain(' 101 ');
        expect(messages).toMatchObject([{ route: '/plain', status: undefined, error: undefined }]);
        expect(await converse(port, get('/behind'))).toContain(' 101 ');
        await until(() => messages.length === 2);
        expect(messages[1]).toMatchObject({ route: '/behind', status: undefined });
      },
    );
  });

  it('comes after that of the server', () => {
    const order: string[] = [];
    on('landspout.http.server.request.end', () => void order.push('server'));
    onEnd(() => void order.push('web'));
    return withApp([['/', Page]], async ({ port }) => {
      await converse(port, get('/'));
      await until(() => order.length === 2);
      expect(order).toEqual(['server', 'web']);
    });
  });
});

describe('the context that a subscriber chooses for a request', () => {
  it('is that of the middleware, the handler, its body and its hooks, and of both messages', () => {
    on<RequestStartMessage>('landspout.http.server.request.start', ({ record, runWithin }) =>
      runWithin((run) => storage.run(`${record.head?.target}`, run)),
    );
    const calls: string[] = [];
    const note = (call: string): void => void calls.push(`${call}: ${storage.getStore()}`);
    onRoute(() => note('route'));
    onEnd(() => note('end'));
    class Upload extends RequestHandler {
      static override readonly streamRequestBody = true;
      override async prepare(): Promise<void> {
        note('prepare');
        await null;
        note('prepared');
      }
      override dataReceived(chunk: Uint8Array): void {
        note(`data ${Buffer.from(chunk)}`);
      }
      override async post(): Promise<void> {
        note('post');
        await new Promise((resolve) => setImmediate(resolve));
        note('posted');
      }
      override onFinish(): void {
        note('finish');
      }
    }
    const middleware = [
      async (_: unknown, next: () => unknown) => {
        note('before');
        await next();
        note('after');
      },
    ];
    return withApp(
      [['/upload', Upload]],
      async ({ port }) => {
        const head = 'POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\n';
        const client = await RawClient.connect(port, head);
        await until(() => calls.includes('prepared: /upload'));
        client.send('1');
        await until(() => calls.includes('data 1: /upload'));
        client.send('2');
        await client.untilEnd();
        await until(() => calls.length === 11);
        expect(calls).toEqual(
          [
            ...['route', 'before', 'prepare', 'prepared', 'data 1', 'data 2'],
            ...['post', 'posted', 'after', 'finish', 'end'],
          ].map((call) => `${call}: /upload`),
        );
      },
      { middleware },
    );
  });
});

import type { IncomingMessage, ServerResponse } from 'node:http';
import { FetchContainer } from '@landspout/httpserver/fetch';
import { describe, expect, it } from 'vitest';
import {
  Application,
  type FinishedRequest,
  type Middleware,
  mount,
  RequestHandler,
  type RouteSpec,
  StaticFileHandler,
} from '../../src/index.ts';
import { nodeMiddleware, nodeRequestOf, nodeResponseOf } from '../../src/node/index.ts';
import { TestClient } from '../../src/testing/index.ts';
import { ask, converse, RawClient, requestText, statusesOf, statusOf } from '../fixtures/raw-client.ts';
import { type Running, signalled, withApp } from '../fixtures/running-application.ts';
import { StaticFolder } from '../fixtures/static-folder.ts';
import { RecordingDelegate, responding } from './fallback-delegates.ts';

type NodeFunction = Parameters<typeof nodeMiddleware>[0];

class Echo extends RequestHandler {
  override get(): void {
    this.write('page');
  }

  override post(): void {
    this.write(`body ${this.request.body}`);
  }
}

class StreamedEcho extends RequestHandler {
  static override readonly streamRequestBody = true;
  readonly #chunks: Uint8Array[] = [];

  override async dataReceived(chunk: Uint8Array): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#chunks.push(chunk);
  }

  override post(): void {
    this.write(`streamed ${Buffer.concat(this.#chunks)}`);
  }
}

const withMiddleware = (
  middleware: NodeFunction | readonly NodeFunction[],
  test: (running: Running) => Promise<void>,
  routes: readonly RouteSpec[] = [['/', Echo]],
  settings: Parameters<typeof withApp>[2] = {},
): Promise<void> => {
  const list = typeof middleware === 'function' ? [middleware] : middleware;
  return withApp(routes, test, {
    ...settings,
    middleware: [...(settings.middleware ?? []), ...list.map(nodeMiddleware)],
  });
};

/** Reads the whole body, and then goes on. */
const reading: NodeFunction = (request, _, next) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    Object.assign(request, { read: Buffer.concat(chunks).toString() });
    next();
  });
};

describe('nodeMiddleware', () => {
  it('passes the request on, and its headers with the response', () => {
    const seen: unknown[] = [];
    const middleware: NodeFunction = (request, response, next) => {
      seen.push(request.method, request.url, request.headers['x-asked'], request.socket.remoteAddress);
      response.setHeader('X-Node', 'node');
      response.setHeader('Content-Type', 'text/x-node');
      response.setHeader('Vary', 'Origin');
      response.setHeader('Set-Cookie', 'a=b');
      next();
    };
    class Page extends RequestHandler {
      override get(): void {
        this.setCookie('c', 'd');
        this.setHeader('Vary', 'Accept');
        this.write('page');
      }
    }
    return withMiddleware(
      middleware,
      async ({ url }) => {
        const fetched = await fetch(`${url}/?q=1`, { headers: { 'X-Asked': 'yes' } });
        expect(seen).toEqual(['GET', '/?q=1', 'yes', '127.0.0.1']);
        const { headers } = fetched;
        expect(['X-Node', 'Content-Type', 'Vary', 'Content-Length'].map((name) => headers.get(name))).toEqual(
          ['node', 'text/html; charset=UTF-8', 'Origin, Accept', '4'],
        );
        expect(headers.getSetCookie()).toEqual(['a=b', expect.stringMatching(/^c=d/)]);
        expect(await fetched.text()).toBe('page');
      },
      [['/', Page]],
    );
  });

  it('shares one request and response among all of one request', () => {
    const seen = new Set<unknown>();
    const remember: NodeFunction = (request, response, next) => {
      seen.add(request).add(response);
      setImmediate(next);
    };
    return withMiddleware([remember, remember], async ({ url }) => {
      expect(await (await fetch(url)).text()).toBe('page');
      expect(seen.size).toBe(2);
    });
  });

  it('may respond itself, with the hooks and the log of the application', async () => {
    const logged: unknown[] = [];
    const hook: Middleware = (context, next) => {
      context.response.beforeHeaders((response) => response.setHeader('X-Hook', 'hook'));
      return next();
    };
    const responds: NodeFunction = (_, response) => {
      response.writeHead(403, { 'Content-Type': 'text/plain' });
      setImmediate(() => {
        response.write('not ');
        response.end('yours');
      });
    };
    let ran = false;
    class Never extends RequestHandler {
      override get(): void {
        ran = true;
      }
    }
    await withMiddleware(
      responds,
      async ({ url }) => {
        const fetched = await fetch(url);
        expect([fetched.status, await fetched.text(), fetched.headers.get('X-Hook')]).toEqual([
          403,
          'not yours',
          'hook',
        ]);
        expect(fetched.headers.get('Content-Type')).toBe('text/plain');
        expect([ran, logged]).toEqual([false, [[403, 9]]]);
      },
      [['/', Never]],
      {
        middleware: [hook],
        logFunction: ({ status, response }: FinishedRequest) => {
          logged.push([status, response.exchange.bodyBytesSent]);
        },
      },
    );
  });

  it('does not go on after a response', () =>
    withMiddleware(
      (_, response, next) => {
        response.end('mine');
        next();
        next();
      },
      async ({ url, log }) => {
        expect(await (await fetch(url)).text()).toBe('mine');
        expect(log.records).toEqual([]);
      },
    ));

  it.each<[string, NodeFunction, number, string | undefined]>([
    ['an error', (_1, _2, next) => next(new Error('boom')), 500, 'boom'],
    [
      'an error with a status',
      (_1, _2, next) => next(Object.assign(new Error('teapot'), { status: 418 })),
      418,
      undefined,
    ],
    [
      'an error with a status that is none',
      (_1, _2, next) => next(Object.assign(new Error('boom'), { statusCode: 200 })),
      500,
      'boom',
    ],
    ['a value', (_1, _2, next) => next(7), 500, 'next was called with 7'],
  ])('takes %s that is passed to next', (_, middleware, status, message) =>
    withMiddleware(middleware, async ({ url, log }) => {
      expect((await fetch(url)).status).toBe(status);
      expect(log.records.map(({ error }) => (error as Error).message)).toEqual(
        message === undefined ? [] : [expect.stringContaining(message)],
      );
    }),
  );

  it.each<[string, NodeFunction]>([
    [
      'throws',
      () => {
        throw new Error('boom');
      },
    ],
    ['rejects', () => Promise.reject(new Error('boom'))],
    [
      'throws after next',
      (_1, _2, next) => {
        setImmediate(() => next(new Error('boom')));
      },
    ],
  ])('logs one error of middleware that %s', (_, middleware) =>
    withMiddleware(middleware, async ({ url, log }) => {
      expect((await fetch(url)).status).toBe(500);
      expect(log.records.length).toBe(1);
    }),
  );

  it('shows the message of an error that middleware exposes, with its headers', () =>
    withMiddleware(
      (_1, _2, next) =>
        next(
          Object.assign(new Error('try later'), {
            status: 429,
            expose: true,
            headers: { 'Retry-After': '7' },
          }),
        ),
      async ({ url }) => {
        const fetched = await fetch(url);
        expect([fetched.status, fetched.headers.get('Retry-After'), await fetched.text()]).toEqual([
          429,
          '7',
          expect.stringContaining('try later'),
        ]);
      },
    ));

  it('completes the response when its patched end does', async () => {
    const logged = signalled<number>();
    const end = signalled();
    const later: NodeFunction = (_, response, next) => {
      const original = response.end.bind(response);
      response.end = ((chunk: string) => {
        void end.promise.then(() => original(`${chunk} patched`));
        return response;
      }) as ServerResponse['end'];
      response.removeHeader('Content-Length');
      const set = response.setHeader.bind(response);
      response.setHeader = (name, value) => (name === 'Content-Length' ? response : set(name, value));
      next();
    };
    await withMiddleware(
      later,
      async ({ port }) => {
        const client = await RawClient.connect(port, requestText('/', 'GET', 'Connection: close'));
        const records: number[] = [];
        void logged.promise.then((bytes) => records.push(bytes));
        await new Promise((resolve) => setImmediate(resolve));
        expect(records).toEqual([]);
        end.resolve();
        expect(await client.untilEnd()).toContain('page patched');
        expect(await logged.promise).toBe('page patched'.length);
      },
      [['/', Echo]],
      { logFunction: ({ response }: FinishedRequest) => logged.resolve(response.exchange.bodyBytesSent) },
    );
  });
});

/** Collects the response until it ends, and then sends it in upper case. */
const collecting: NodeFunction = (_, response, next) => {
  const pieces: Buffer[] = [];
  const end = response.end.bind(response);
  response.flushHeaders = () => {};
  response.write = ((piece: string | Uint8Array) => {
    pieces.push(Buffer.from(piece as string));
  }) as unknown as ServerResponse['write'];
  response.end = ((piece: string | Uint8Array = '') => {
    const text = Buffer.concat([...pieces, Buffer.from(piece as string)]).toString();
    return end(text.toUpperCase());
  }) as ServerResponse['end'];
  next();
};

describe('nodeMiddleware that collects the response', () => {
  it('gets the bytes of a file before the head is sent', async () => {
    const text = 'some text '.repeat(20_000);
    const folder = await StaticFolder.create({ 'page.txt': text });
    const routes: readonly RouteSpec[] = [['/*path', StaticFileHandler, { path: folder.path }]];
    try {
      await withMiddleware(
        collecting,
        async ({ url }) => {
          const response = await fetch(`${url}/page.txt`);
          expect(await response.text()).toBe(text.toUpperCase());
        },
        routes,
      );
    } finally {
      await folder.remove();
    }
  });
});

describe('the body behind nodeMiddleware', () => {
  const chunked = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n';
  const delegate = responding((request) =>
    request.respond(`mounted ${request.body} ${request.trailers?.get('X-Sum')}`),
  );

  it.each<[string, readonly RouteSpec[], string]>([
    ['a handler', [['/', Echo]], 'body abcdef'],
    ['a handler that streams it', [['/', StreamedEcho]], 'streamed abcdef'],
    ['a mounted delegate', [mount('/', delegate)], 'mounted abcdef 6'],
  ])('reaches %s, whether it was read before or not', async (_, routes, text) => {
    const idle: NodeFunction = (_1, _2, next) => next();
    const body = '3\r\nabc\r\n3\r\ndef\r\n0\r\nX-Sum: 6\r\n\r\n';
    for (const middleware of [idle, reading]) {
      await withMiddleware(
        middleware,
        async ({ port }) => {
          expect(await converse(port, chunked + body)).toContain(text);
        },
        routes,
      );
    }
  });

  it('is read by middleware that listens while the handler gets it', () => {
    const heard: string[] = [];
    return withMiddleware(
      (request, _, next) => {
        request.on('data', (chunk: Buffer) => heard.push(String(chunk)));
        next();
      },
      async ({ port }) => {
        expect(await converse(port, `${chunked}3\r\nabc\r\n0\r\n\r\n`)).toContain('body abc');
        expect(heard).toEqual(['abc']);
      },
    );
  });

  it('stays with middleware that keeps it while a Fetch handler reads it as a stream', async () => {
    const kept: Buffer[] = [];
    const body = 'text '.repeat(80_000);
    const streaming = async (request: Request): Promise<Response> => {
      let bytes = 0;
      for await (const chunk of request.body ?? []) bytes += chunk.length;
      return new Response(String(bytes));
    };
    await withMiddleware(
      (request, _, next) => {
        request.on('data', (chunk: Buffer) => kept.push(chunk));
        next();
      },
      async ({ url }) => {
        expect(await (await fetch(url, { method: 'POST', body })).text()).toBe(String(body.length));
        expect(Buffer.concat(kept).toString()).toBe(body);
      },
      [mount('/', new FetchContainer(streaming))],
    );
  });

  it('is asked for when middleware reads it', () =>
    withMiddleware(reading, async ({ port }) => {
      const head =
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n';
      const client = await RawClient.connect(port, head);
      await client.until('100 Continue');
      client.send('text');
      const received = await client.untilEnd();
      expect([statusesOf(received), received.endsWith('body text')]).toEqual([[100, 200], true]);
    }));

  it('is not asked for if middleware refuses the request', () =>
    withMiddleware(
      (_, response) => {
        response.statusCode = 401;
        response.end();
      },
      async ({ port }) => {
        const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n';
        expect(statusesOf(await converse(port, head))).toEqual([401]);
      },
    ));

  it('may be too large', () =>
    withMiddleware(
      reading,
      async ({ port }) => {
        expect(statusOf(await converse(port, `${chunked}ff\r\n${'x'.repeat(255)}\r\n0\r\n\r\n`))).toBe(413);
      },
      [['/', Echo, undefined, { maxBodyBytes: 100 }]],
    ));
});

describe('a client that leaves', () => {
  it('closes the request and response of middleware, and ends what it waits for', async () => {
    const closed: string[] = [];
    const done = signalled();
    const started = signalled();
    const finished = signalled<number>();
    const waits: NodeFunction = (request, response) => {
      request.on('aborted', () => closed.push('aborted'));
      response.on('close', () => {
        closed.push('close');
        done.resolve();
      });
      started.resolve();
    };
    await withMiddleware(
      waits,
      async ({ port, log }) => {
        const client = await RawClient.connect(port, requestText('/'));
        await started.promise;
        client.reset();
        await Promise.all([done.promise, finished.promise]);
        expect([closed, log.records.filter(({ level }) => level === 'error')]).toEqual([
          ['aborted', 'close'],
          [],
        ]);
      },
      [['/', Echo]],
      { logFunction: ({ status }: FinishedRequest) => finished.resolve(status) },
    );
  });

  it('is reported to a mounted delegate behind it', async () => {
    const delegate = new RecordingDelegate();
    await withMiddleware(
      (_1, _2, next) => next(),
      async ({ port }) => {
        const client = await RawClient.connect(port, requestText('/'));
        const request = await delegate.next();
        await request.until('finish');
        client.reset();
        await request.until('closed');
        expect(request.exchange.isCut).toBe(true);
      },
      [mount('/', delegate)],
    );
  });
});

describe('nodeRequestOf', () => {
  it('is the request of the middleware, for handlers and other middleware', async () => {
    let inMiddleware: unknown;
    class Shows extends RequestHandler {
      override get(): void {
        const { user } = nodeRequestOf<{ user: string }>(this);
        const { locals } = nodeResponseOf<{ locals: { theme: string } }>(this);
        this.write(`${user} ${locals.theme} ${nodeRequestOf(this) === inMiddleware}`);
      }
    }
    const adds: NodeFunction = (request: IncomingMessage, response, next) => {
      Object.assign(request, { user: 'ann' });
      Object.assign(response, { locals: { theme: 'dark' } });
      next();
    };
    const looks: Middleware = (context, next) => {
      inMiddleware = nodeRequestOf(context);
      return next();
    };
    const app = new Application([['/', Shows]], { middleware: [nodeMiddleware(adds), looks] });
    await using client = new TestClient(app);
    expect((await client.request('/')).text()).toBe('ann dark true');
  });

  it('throws without nodeMiddleware', () =>
    withApp(
      [
        [
          '/',
          class extends RequestHandler {
            override get(): void {
              nodeRequestOf(this);
            }
          },
        ],
      ],
      async ({ port, log }) => {
        expect(statusOf(await ask(port, '/'))).toBe(500);
        expect(log.records).toMatchObject([{ error: { code: 'ERR_WEB_USAGE' } }]);
      },
    ));
});

describe('nodeMiddleware refuses', () => {
  it.each([
    ['a value', 7, 'function'],
    ['a handler of errors', (_1: unknown, _2: unknown, _3: unknown, _4: unknown) => {}, 'writeError'],
  ])('%s', (_, middleware, problem) => {
    expect(() => nodeMiddleware(middleware as NodeFunction)).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE', message: expect.stringContaining(problem) }),
    );
  });
});

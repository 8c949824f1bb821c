import { describe, expect, it } from 'vitest';
import {
  Application,
  HTTPError,
  type Middleware,
  RequestHandler,
  type Routes,
  StaticFileHandler,
} from '../../src/index.ts';
import { ask, bodyOf, headerOf, RawClient, statusOf } from '../fixtures/raw-client.ts';
import { signalled, withApp } from '../fixtures/running-application.ts';

class Hello extends RequestHandler {
  override get(): void {
    this.write('hello');
  }

  override post(): void {
    this.write(`got ${this.request.body.length}`);
  }
}

/** Middleware that records when it runs. */
const traced = (trace: string[], name: string): Middleware => {
  return (_, next) => {
    trace.push(`${name} in`);
    const rest = next();
    trace.push(`${name} ${rest === undefined ? 'out' : 'waits'}`);
    return rest?.then(() => void trace.push(`${name} out`));
  };
};

describe('middleware', () => {
  it('runs for the application, the routes around, the route and the class, in this order', async () => {
    const trace: string[] = [];
    class Traced extends RequestHandler {
      static override readonly middleware = [traced(trace, 'class')];
      override initialize(): void {
        trace.push('initialize');
      }
      override get(): void {
        trace.push('get');
      }
      override onFinish(): void {
        trace.push('onFinish');
      }
    }
    const routes: Routes = [
      [
        '/group',
        [['/x', Traced, {}, { middleware: [traced(trace, 'route')] }]],
        { middleware: [traced(trace, 'group')] },
      ],
    ];
    await withApp(
      routes,
      async ({ port }) => {
        expect(statusOf(await ask(port, '/group/x'))).toBe(200);
        expect(trace).toEqual([
          'application in',
          'group in',
          'route in',
          'class in',
          'initialize',
          'get',
          'class out',
          'route out',
          'group out',
          'application out',
          'onFinish',
        ]);
      },
      { middleware: [traced(trace, 'application')] },
    );
  });

  it('is given a promise by next if the handler waits, and onFinish comes after all of it', async () => {
    const trace: string[] = [];
    class Waits extends RequestHandler {
      override async get(): Promise<void> {
        await new Promise((resolve) => setImmediate(resolve));
        trace.push('get');
      }
      override onFinish(): void {
        trace.push('onFinish');
      }
    }
    const slow: Middleware = async (_, next) => {
      await next();
      await new Promise((resolve) => setImmediate(resolve));
      trace.push('slow out');
    };
    await withApp(
      [['/', Waits]],
      async ({ port, server }) => {
        await ask(port, '/');
        await server.stop();
        expect(trace).toEqual(['traced in', 'traced waits', 'get', 'slow out', 'traced out', 'onFinish']);
      },
      { middleware: [traced(trace, 'traced'), slow] },
    );
  });

  it('runs for requests that no route matches, for OPTIONS, 405 and static files', async () => {
    const seen: string[] = [];
    const middleware: Middleware[] = [
      ({ request, match, response }, next) => {
        response.beforeHeaders(({ headers }) => void headers.set('X-Seen', 'yes'));
        next();
        seen.push(`${request.method} ${match.pattern} ${response.status}`);
      },
    ];
    await withApp(
      [
        ['/', Hello],
        ['/files/*path', StaticFileHandler, { path: import.meta.dirname }],
      ],
      async ({ port }) => {
        for (const [path, method] of [
          ['/', 'OPTIONS'],
          ['/', 'PUT'],
          ['/nowhere', 'GET'],
          ['/nowhere', 'POST'],
        ] as const) {
          expect(headerOf(await ask(port, path, method), 'X-Seen')).toBe('yes');
        }
        expect(statusOf(await ask(port, '/files/middleware.test.ts'))).toBe(200);
        expect(seen.slice(0, 4)).toEqual(['OPTIONS / 204', 'PUT / 405', 'GET  404', 'POST  404']);
      },
      { middleware },
    );
  });

  it('may respond in place of the handler, before the body has arrived', async () => {
    let created = 0;
    class Never extends Hello {
      override initialize(): void {
        created += 1;
      }
    }
    const gate: Middleware = ({ request, response }, next) => {
      if (request.headers.get('X-Key') === 'open') return next();
      response.finish(403, { error: 'closed' });
      return undefined;
    };
    await withApp(
      [['/', Never]],
      async ({ port }) => {
        const client = await RawClient.connect(
          port,
          'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n',
        );
        const refused = await client.until('{"error":"closed"}');
        expect([statusOf(refused), headerOf(refused, 'Content-Type')]).toEqual([
          403,
          'application/json; charset=UTF-8',
        ]);
        client.close();
        expect(created).toBe(0);
        const open = await RawClient.connect(
          port,
          'POST / HTTP/1.1\r\nHost: a\r\nX-Key: open\r\nContent-Length: 3\r\n\r\nabc',
        );
        expect(bodyOf(await open.until('got 3'))).toBe('got 3');
        open.close();
      },
      { middleware: [gate] },
    );
  });

  it('holds back a streamed body as long as it waits', async () => {
    const opened = signalled();
    const entered = signalled();
    const chunks: string[] = [];
    class Streams extends RequestHandler {
      static override readonly streamRequestBody = true;
      override dataReceived(chunk: Uint8Array): void {
        chunks.push(Buffer.from(chunk).toString());
      }
      override post(): void {
        this.write(chunks.join(''));
      }
    }
    const waits: Middleware = async (_, next) => {
      entered.resolve();
      await opened.promise;
      expect(chunks).toEqual([]);
      await next();
    };
    await withApp(
      [['/', Streams]],
      async ({ port }) => {
        const client = await RawClient.connect(
          port,
          'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc',
        );
        await entered.promise;
        opened.resolve();
        expect(bodyOf(await client.until('\r\n\r\nabc'))).toBe('abc');
        client.close();
      },
      { middleware: [waits] },
    );
  });

  it('shares its state with the handler', async () => {
    class Shows extends RequestHandler {
      override get(): void {
        this.write(`${this.state.user}`);
      }
    }
    const login: Middleware<{ user: string }> = (context, next) => {
      context.state.user = 'ada';
      return next();
    };
    await withApp([['/', Shows]], async ({ port }) => expect(bodyOf(await ask(port, '/'))).toBe('ada'), {
      middleware: [login as Middleware],
    });
  });

  it('becomes an error page if it throws, with its headers, and its log record', async () => {
    const middleware: Middleware[] = [
      ({ response }, next) => {
        response.beforeHeaders(({ headers }) => void headers.set('X-Frame-Options', 'DENY'));
        return next();
      },
      ({ request }, next) => {
        if (request.path === '/late')
          return Promise.resolve(next()).then(() => Promise.reject(new Error('late')));
        if (request.path === '/no')
          throw new HTTPError(401, 'no key', { headers: { 'WWW-Authenticate': 'Key' } });
        throw new Error('broken');
      },
    ];
    await withApp(
      [['/*path', Hello]],
      async ({ port, log }) => {
        const refused = await ask(port, '/no');
        expect([statusOf(refused), headerOf(refused, 'WWW-Authenticate')]).toEqual([401, 'Key']);
        const broken = await ask(port, '/');
        expect([statusOf(broken), headerOf(broken, 'X-Frame-Options')]).toEqual([500, 'DENY']);
        expect(bodyOf(await ask(port, '/late'))).toBe('hello');
        expect(log.records.map(({ level }) => level)).toEqual(['warn', 'error', 'error']);
      },
      { middleware },
    );
  });

  it('is a 500 with its name if it neither calls next nor responds, and if it calls next twice', async () => {
    const silent: Middleware = function forgetful() {};
    const asynchronous: Middleware = async function dreamer() {};
    const twice: Middleware = function eager(_, next) {
      next();
      next();
    };
    const of = (middleware: Middleware) => ({ middleware: [middleware] });
    await withApp(
      [
        ['/silent', Hello, {}, of(silent)],
        ['/asynchronous', Hello, {}, of(asynchronous)],
        ['/twice', Hello, {}, of(twice)],
      ],
      async ({ port, log }) => {
        expect(statusOf(await ask(port, '/silent'))).toBe(500);
        expect(statusOf(await ask(port, '/asynchronous'))).toBe(500);
        expect(bodyOf(await ask(port, '/twice'))).toBe('hello');
        expect(log.records.map(({ error }) => (error as Error).message)).toEqual([
          expect.stringContaining('forgetful returned without either'),
          expect.stringContaining('dreamer returned without either'),
          expect.stringContaining('eager: next was called twice'),
        ]);
      },
    );
  });

  it('ends when the client leaves, and the handler behind it does not run', async () => {
    const entered = signalled();
    const left = signalled<string>();
    const ended = signalled();
    let created = 0;
    class Counts extends Hello {
      override initialize(): void {
        created += 1;
      }
    }
    const waits: Middleware = async ({ request }, next) => {
      entered.resolve();
      await new Promise((resolve) => request.signal.addEventListener('abort', resolve, { once: true }));
      left.resolve((request.closeReason as { code?: string }).code ?? '');
      await next();
      ended.resolve();
    };
    await withApp(
      [['/', Counts]],
      async ({ port, log }) => {
        const client = await RawClient.connect(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        await entered.promise;
        client.socket.resetAndDestroy();
        expect(await left.promise).toMatch(/ERR_HTTP_(RESET|CLOSED|PEER_ENDED)/);
        await ended.promise;
        expect(log.records.filter(({ level }) => level === 'error')).toEqual([]);
      },
      { middleware: [waits] },
    );
    expect(created).toBe(0);
  });

  it('does not make a connection that was taken over a finished request', async () => {
    const events: string[] = [];
    class Takes extends RequestHandler {
      override get(): void {
        const stream = this.detach();
        void stream.write('raw').then(() => stream.close());
      }
      override onFinish(): void {
        events.push('onFinish');
      }
    }
    await withApp(
      [['/', Takes]],
      async ({ port }) => {
        const client = await RawClient.connect(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        expect(await client.untilEnd()).toBe('raw');
        expect(events).toEqual([]);
      },
      { middleware: [(_, next) => next()], logFunction: () => events.push('logged') },
    );
  });

  it('may return without a response if the client has left; the request is logged all the same', async () => {
    const entered = signalled();
    const logged = signalled<number>();
    const waits: Middleware = ({ request }) =>
      new Promise<void>((resolve) => {
        entered.resolve();
        request.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    await withApp(
      [['/', Hello]],
      async ({ port, log }) => {
        const client = await RawClient.connect(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        await entered.promise;
        client.socket.resetAndDestroy();
        await logged.promise;
        expect(log.records.filter(({ level }) => level === 'error')).toEqual([]);
      },
      { middleware: [waits], logFunction: ({ status }) => logged.resolve(status) },
    );
  });

  it('that is invalid is refused when the application is made', () => {
    const routes = (middleware: unknown) => [['/', Hello, {}, { middleware }]] as unknown as Routes;
    expect(() => new Application(routes([Hello]))).not.toThrow();
    expect(() => new Application(routes('cors'))).toThrow('middleware must be an array of functions');
  });
});

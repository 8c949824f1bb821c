import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import {
  type Awaitable,
  cors,
  Finish,
  HTTPError,
  type Middleware,
  RequestHandler,
  rateLimit,
  requestId,
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
import { type Running, signalled, withApp } from '../fixtures/running-application.ts';

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Fine extends RequestHandler {
  override get(): void {
    this.write('fine');
  }
}

/** Serves `get` at `/`, and `/fine`; sends a request for each, and then one on another connection. */
async function meet(
  get: (handler: RequestHandler) => void | Promise<void>,
  middleware: readonly Middleware[] = [],
): Promise<{ received: string; running: Running }> {
  let met: { received: string; running: Running } | undefined;
  const finished: string[] = [];
  class Given extends RequestHandler {
    override get(): void | Promise<void> {
      return get(this);
    }
    override onFinish(): void {
      finished.push('onFinish');
    }
  }
  await withApp(
    [
      ['/', Given],
      ['/fine', Fine],
    ],
    async (running) => {
      const { port, server } = running;
      const received = await converse(
        port,
        requestText('/'),
        requestText('/fine', 'GET', 'Connection: close'),
      );
      expect(bodyOf(await ask(port, '/fine'))).toBe('fine');
      while (server.stats().open > 0) await later();
      expect(server.stats().requests.underWay).toBe(0);
      met = { received, running };
    },
    { middleware, logFunction: () => finished.push('logged') },
  );
  // Once each for the request, and the log for the two after it.
  expect(finished.filter((event) => event === 'onFinish')).toEqual(['onFinish']);
  return met as unknown as { received: string; running: Running };
}

const levels = ({ log }: Running): string[] =>
  log.records.map(({ level }) => level).filter((level) => level !== 'debug');

/** Promises that reject meanwhile, and that nothing handles. */
async function escapedFrom(run: () => Promise<void>): Promise<unknown[]> {
  const escaped: unknown[] = [];
  const caught = (error: unknown): void => void escaped.push(error);
  process.on('unhandledRejection', caught);
  try {
    await run();
  } finally {
    process.off('unhandledRejection', caught);
  }
  return escaped;
}

const CIRCULAR: Record<string, unknown> = {};
CIRCULAR.self = CIRCULAR;

describe('data that JSON.stringify refuses', () => {
  const values: Record<string, unknown> = {
    'is circular': CIRCULAR,
    'has a BigInt': { n: 1n },
    'has a toJSON that throws': {
      toJSON() {
        throw new Error('toJSON');
      },
    },
    'has a getter that throws': {
      get x() {
        throw new Error('getter');
      },
    },
  };
  const ways: Record<string, (handler: RequestHandler, value: never) => void> = {
    write: (handler, value) => handler.write(value),
    writeJson: (handler, value) => handler.writeJson(value),
    finish: (handler, value) => handler.finish(value),
    Finish: (_, value) => {
      throw new Finish(value);
    },
    'response.finish': (handler, value) => handler.response.finish(201, value),
  };

  it.each(Object.entries(values))('because it %s is a 500 and one record [OUT-03]', async (_, value) => {
    for (const [name, write] of Object.entries(ways)) {
      const { received, running } = await meet((handler) => write(handler, value as never));
      expect([name, statusesOf(received), levels(running)]).toEqual([name, [500, 200], ['error']]);
    }
  });

  it('after the headers cuts the body [OUT-03] [ATT-72]', async () => {
    const { received, running } = await meet(async (handler) => {
      handler.write('half');
      await handler.flush();
      handler.write({ n: 1n });
    });
    expect(received).toContain('half');
    expect(received).not.toMatch(/\r\n0\r\n|fine/);
    expect(levels(running)).toEqual(['error']);
  });

  it('in the members of a problem is a plain 500, also in middleware [OUT-07]', async () => {
    const problem = () => new HTTPError(409, undefined, { extensions: CIRCULAR as never });
    class Refuses extends RequestHandler {
      override get(): void {
        throw problem();
      }
    }
    const refuses: Middleware = ({ request }, next) => {
      if (request.query === 'middleware') throw problem();
      return next();
    };
    await withApp(
      [['/', Refuses]],
      async ({ port, log }) => {
        for (const target of ['/', '/?middleware']) {
          const answer = await ask(port, target, 'GET', 'Accept: application/json');
          expect([target, statusOf(answer), log.records.splice(0).length]).toEqual([target, 500, 1]);
        }
      },
      { middleware: [refuses] },
    );
  });
});

describe('a body that breaks its Content-Length', () => {
  it.each(['abc', 'x'.repeat(12)])(
    'after the headers still ends the request, once [ATT-16] [RH-03]',
    async (body) => {
      const { running } = await meet(async (handler) => {
        handler.setHeader('Content-Length', 10);
        await handler.flush();
        handler.write(body);
      });
      expect(levels(running)).toEqual(['error']);
    },
  );

  it('in a flush is logged as an error, and not as that of a client that has left [ATT-16]', async () => {
    for (const waits of [true, false]) {
      const { running } = await meet(async (handler) => {
        handler.setHeader('Content-Length', 10);
        await handler.flush();
        handler.write('x'.repeat(12));
        const flushed = handler.flush();
        if (waits) await flushed;
      });
      expect(levels(running)).toEqual(['error']);
    }
    const { running } = await meet((handler) => {
      handler.setHeader('Content-Length', 10);
      handler.write('x'.repeat(12));
      void handler.flush();
    });
    expect(levels(running)).toEqual(['error']);
  });

  it('leaves no timer of the handler behind', async () => {
    const clock = new VirtualClock();
    class Lies extends RequestHandler {
      override async get(): Promise<void> {
        this.setHeader('Content-Length', 10);
        await this.flush();
        this.write('abc');
      }
    }
    await withApp(
      [['/', Lies, {}, { handlerTimeoutMs: 1_000 }]],
      async ({ port }) => {
        await ask(port, '/');
        expect(clock.pending).toBe(0);
      },
      { clock },
    );
  });
});

describe('a response that ends twice', () => {
  const ways: Record<string, (handler: RequestHandler) => void | Promise<void>> = {
    'finish and finish': (handler) => {
      handler.finish('whole');
      handler.finish('again');
    },
    'finish and write, later': async (handler) => {
      handler.finish('whole');
      await later();
      handler.write('again');
    },
    'flush, finish and flush': async (handler) => {
      handler.write('whole');
      await handler.flush();
      handler.finish();
      await handler.flush();
    },
    'finish and redirect': (handler) => {
      handler.finish('whole');
      handler.redirect('/');
    },
    'finish and Finish': (handler) => {
      handler.finish('whole');
      throw new Finish('again');
    },
    'response.finish and finish': (handler) => {
      handler.response.finish(200, 'whole');
      handler.finish('again');
    },
    'finish and a rejection': async (handler) => {
      handler.finish('whole');
      await later();
      throw new HTTPError(500, 'again');
    },
  };

  it.each(Object.entries(ways))(
    'by %s is one response and one record, and the next is intact',
    async (_, get) => {
      for (const middleware of [
        [],
        [(_context, next) => next()],
        [async (_context, next) => next()],
      ] as Middleware[][]) {
        const { received, running } = await meet(get, middleware);
        expect(statusesOf(received)).toEqual([200, 200]);
        expect(received.match(/whole/g)).toHaveLength(1);
        expect(received).not.toContain('again');
        expect(levels(running)).toHaveLength(1);
      }
    },
  );

  it('within a hook of beforeHeaders is one response', async () => {
    const { received } = await meet((handler) => {
      handler.response.beforeHeaders((response) => response.finish(202, 'within'));
      handler.write('without');
    });
    expect(statusesOf(received).at(-1)).toBe(200);
    expect(statusesOf(received)).toHaveLength(2);
  });
});

describe('a hook of beforeHeaders', () => {
  it('that throws leaves a 500, also if middleware has failed before [OUT-07]', async () => {
    const hooked: Middleware = ({ response, request }, next) => {
      response.beforeHeaders(() => {
        throw new Error('the hook');
      });
      if (request.query === 'refuse') throw new HTTPError(403, undefined, { headers: { 'X-Own': '1' } });
      if (request.query === 'finish') return response.finish(200, 'done');
      return next();
    };
    await withApp(
      [['/', Fine]],
      async ({ port, log }) => {
        for (const target of ['/', '/?finish', '/?refuse', '/nowhere']) {
          const answer = await ask(port, target);
          const messages = log.records.splice(0).map(({ error }) => (error as Error).message);
          expect([target, statusOf(answer), messages]).toEqual([target, 500, ['the hook']]);
          expect(bodyOf(answer)).toContain('500: Internal Server Error');
        }
      },
      { middleware: [hooked] },
    );
  });

  it('that makes the head invalid leaves a 500', async () => {
    const { received, running } = await meet((handler) => {
      handler.response.beforeHeaders((response) => response.setStatus(204, ''));
      handler.write('body');
    });
    expect([statusesOf(received), levels(running)]).toEqual([[500, 200], ['error']]);
  });
});

describe('sendError', () => {
  it('with a page that takes time is the whole page, though the verb has returned [OUT-07]', async () => {
    class Designed extends RequestHandler {
      override get(): void {
        this.sendError(404);
      }
      override async post(): Promise<void> {
        this.sendError(404);
      }
      override async writeError(status: number): Promise<void> {
        await later();
        this.write(`designed ${status}`);
      }
    }
    await withApp([['/', Designed]], async ({ port, log }) => {
      for (const method of ['GET', 'POST']) {
        const answer = await ask(port, '/', method);
        expect([statusOf(answer), bodyOf(answer)]).toEqual([404, 'designed 404']);
      }
      expect(log.records).toEqual([]);
    });
  });

  it.each([200, 302, 399, 600, Number.NaN, '404'])('refuses the status %s', async (status) => {
    const { received, running } = await meet((handler) => handler.sendError(status as number));
    expect([statusesOf(received), levels(running)]).toEqual([[500, 200], ['error']]);
  });

  it('with headers that must not be sent is a plain 500, also in middleware [ATT-35]', async () => {
    const error = () => new HTTPError(403, undefined, { headers: { 'X-Bad': 'a\r\nb' } });
    const refuses: Middleware = ({ request }, next) => {
      if (request.path === '/') throw error();
      return next();
    };
    class Refuses extends RequestHandler {
      override get(): void {
        throw error();
      }
    }
    await withApp(
      [['/*path', Refuses]],
      async ({ port, log }) => {
        for (const target of ['/', '/handler']) {
          const answer = await ask(port, target);
          expect([target, statusOf(answer), headerOf(answer, 'X-Bad')]).toEqual([target, 500, undefined]);
          expect(log.records.splice(0).map(({ level }) => level)).toEqual(['error']);
        }
      },
      { middleware: [refuses] },
    );
  });
});

describe('Finish', () => {
  it('thrown while the response is finished is one 500 [OUT-07]', async () => {
    let calls = 0;
    class Loops extends RequestHandler {
      override computeEtag(): never {
        calls += 1;
        throw new Finish('more');
      }
      override get(): void {
        this.write('x');
      }
      override head(): void {}
      override finish(chunk?: string): Promise<void> | void {
        if (this.request.query !== 'reject') return super.finish(chunk);
        calls += 1;
        return Promise.reject(new Finish());
      }
    }
    await withApp([['/', Loops]], async ({ port, log }) => {
      // The second also fails to finish its error page.
      for (const [target, records] of [
        ['/', 1],
        ['/?reject', 2],
      ] as const) {
        expect(statusOf(await ask(port, target))).toBe(500);
        expect([target, calls < 5, log.records.splice(0).length]).toEqual([target, true, records]);
        calls = 0;
      }
    });
  });
});

describe('a promise in the place of a value', () => {
  const rejects = (): never => Promise.reject(new Error('no table')) as never;
  const schema = { '~standard': { version: 1, vendor: 'x', validate: rejects } } as never;
  const places: Record<string, (handler: RequestHandler) => void> = {
    currentUser: (handler) => {
      handler.getCurrentUser = rejects;
      handler.write(`${handler.currentUser}`);
    },
    parse: (handler) => void handler.parseQuery(schema),
    write: (handler) => handler.write(rejects()),
    finish: (handler) => handler.finish(rejects()),
    setHeader: (handler) => handler.setHeader('X-Own', rejects()),
    computeEtag: (handler) => {
      handler.computeEtag = rejects;
    },
    beforeHeaders: (handler) => handler.response.beforeHeaders(rejects),
  };

  it.each(Object.entries(places))(
    'is refused, and its rejection does not end the process: %s',
    async (_, get) => {
      expect(await escapedFrom(() => expectRefused(get, []))).toEqual([]);
    },
  );

  it.each<[string, Middleware]>([
    ['key of rateLimit', rateLimit({ limit: 1, key: rejects })],
    ['origins of cors', cors({ origins: rejects })],
    ['trust of requestId', requestId({ trust: rejects })],
    ['generate of requestId', requestId({ generate: rejects })],
  ])('is refused by middleware: %s', async (_, middleware) => {
    expect(await escapedFrom(() => expectRefused((handler) => handler.write('x'), [middleware]))).toEqual([]);
  });

  async function expectRefused(
    get: (handler: RequestHandler) => void,
    middleware: Middleware[],
  ): Promise<void> {
    class Given extends RequestHandler {
      override get(): void {
        get(this);
      }
    }
    await withApp([['/', Given, {}, { middleware }]], async ({ port, log }) => {
      expect(statusOf(await ask(port, '/', 'GET', 'Origin: http://a.example'))).toBe(500);
      expect(log.records.map(({ error }) => error)).toEqual([
        expect.objectContaining({
          code: 'ERR_WEB_USAGE',
          message: expect.stringMatching(/promise|asynchronous/i),
        }),
      ]);
      await later();
    });
  }
});

describe('a logger that throws', () => {
  it('keeps no request from its response', async () => {
    class Fails extends RequestHandler<'/:how'> {
      override get(): void | Promise<void> {
        if (this.pathParams.how === 'sync') throw new Error('a bug');
        if (this.pathParams.how === 'async') return Promise.reject(new Error('a bug'));
      }
      override onFinish(): void {
        if (this.pathParams.how === 'finish') throw new Error('a bug');
      }
    }
    const full = (): never => {
      throw new Error('the disk is full');
    };
    const logger = { debug: full, info: full, warn: full, error: full };
    const escaped = await escapedFrom(async () => {
      for (const middleware of [[], [async (_context, next) => next()]] as Middleware[][]) {
        await withApp(
          [['/:how', Fails]],
          async ({ port, server }) => {
            const statuses = [];
            for (const how of ['fine', 'sync', 'async', 'finish', '%ff'])
              statuses.push(statusOf(await ask(port, `/${how}`)));
            expect(statuses).toEqual([200, 500, 500, 200, 400]);
            expect(server.stats().requests.underWay).toBe(0);
          },
          { logger, logFunction: full, middleware },
        );
      }
    });
    expect(escaped).toEqual([]);
  });
});

describe('checkXsrfCookie', () => {
  it('may take time, and prepare and the verb wait for it [RH-01] [XS-01]', async () => {
    const calls: string[] = [];
    class Checks extends RequestHandler {
      override async checkXsrfCookie(): Promise<void> {
        await later();
        calls.push('checked');
        if (this.request.query === 'refuse') throw new HTTPError(403);
      }
      override prepare(): void {
        calls.push('prepare');
      }
      override post(): void {
        calls.push('post');
      }
    }
    await withApp(
      [['/', Checks]],
      async ({ port }) => {
        expect(statusOf(await ask(port, '/?refuse', 'POST'))).toBe(403);
        expect(calls.splice(0)).toEqual(['checked']);
        expect(statusOf(await ask(port, '/', 'POST'))).toBe(200);
        expect(calls).toEqual(['checked', 'prepare', 'post']);
      },
      { xsrfCookies: true },
    );
  });
});

describe('a handler that never finishes', () => {
  const never = () => new Promise<void>(() => {});

  it('is a 503 or a cut body after handlerTimeoutMs, wherever it waits, and one record', async () => {
    const clock = new VirtualClock();
    const entered: Array<() => void> = [];
    const waits = () => {
      entered.shift()?.();
      return never();
    };
    const finished: number[] = [];
    class Never extends RequestHandler<'/:place'> {
      override initialize(): void | Promise<void> {
        if (this.pathParams.place === 'initialize') return waits();
      }
      override prepare(): void | Promise<void> {
        if (this.pathParams.place === 'prepare') return waits();
      }
      override writeError(status: number, error?: unknown): Awaitable {
        if (this.pathParams.place === 'writeError') return waits();
        return super.writeError(status, error);
      }
      override get(): void | Promise<void> {
        const { place } = this.pathParams;
        if (place === 'writeError') return later().then(() => this.sendError(500));
        if (place === 'flush') void this.flush();
        return waits();
      }
      override onFinish(): void {
        finished.push(this.status);
      }
    }
    await withApp(
      [['/:place', Never, {}, { handlerTimeoutMs: 1_000 }]],
      async ({ port, log, server }) => {
        for (const place of ['initialize', 'prepare', 'verb', 'flush', 'writeError']) {
          const started = signalled();
          entered.push(started.resolve);
          const client = await RawClient.connect(port, requestText(`/${place}`, 'GET', 'Connection: close'));
          await started.promise;
          await clock.advance(1_000);
          const received = await client.untilEnd();
          const isCut = place === 'flush';
          expect([place, statusOf(received), received.includes('\r\n0\r\n')]).toEqual([
            place,
            isCut ? 200 : place === 'writeError' ? 500 : 503,
            false,
          ]);
          expect([place, finished.splice(0).length, log.records.splice(0).length]).toEqual([place, 1, 1]);
        }
        expect([clock.pending, server.stats().requests.underWay]).toEqual([0, 0]);
      },
      { clock },
    );
  });

  it('and writes after its 503 is not reported as an error of its own', async () => {
    const clock = new VirtualClock();
    const started = signalled();
    const goOn = signalled();
    const ended = signalled();
    class Slow extends RequestHandler {
      override async get(): Promise<void> {
        started.resolve();
        await goOn.promise;
        setImmediate(ended.resolve);
        this.write('late');
      }
    }
    await withApp(
      [['/', Slow, {}, { handlerTimeoutMs: 1_000 }]],
      async ({ port, log }) => {
        const answer = ask(port, '/');
        await started.promise;
        await clock.advance(1_000);
        expect(statusOf(await answer)).toBe(503);
        goOn.resolve();
        await ended.promise;
        expect(log.records.filter(({ level }) => level !== 'debug')).toHaveLength(1);
      },
      { clock },
    );
  });
});

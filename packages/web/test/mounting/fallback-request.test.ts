import { HTTPHeaders, HTTPInputError } from '@landspout/http1';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { FallbackHandler, type FinishedRequest, type Middleware, RequestHandler } from '../../src/index.ts';
import {
  ask,
  bodyOf,
  converse,
  RawClient,
  requestText,
  statusesOf,
  statusOf,
} from '../fixtures/raw-client.ts';
import { type RecordingLogger, type Running, signalled, withApp } from '../fixtures/running-application.ts';
import { type RecordedRequest, RecordingDelegate, responding } from './fallback-delegates.ts';

const POST = 'POST /x HTTP/1.1\r\nHost: a\r\n';

const withFallback = (
  fallback: RecordingDelegate,
  test: (running: Running) => Promise<void>,
  settings: Parameters<typeof withApp>[2] = {},
  options: { handlerTimeoutMs?: number; maxBodyBytes?: number } = {},
) => withApp([['/*path', FallbackHandler, { fallback }, options]], test, settings);

const errors = ({ records }: RecordingLogger) =>
  records.filter(({ level }) => level === 'error' || level === 'warn').map(({ message }) => message);

describe('the request of a mounted delegate', () => {
  it('is passed on while it arrives, with trailers', async () => {
    const fallback = responding((request) => request.respond(request.body));
    await withFallback(fallback, async ({ port }) => {
      const client = await RawClient.connect(port, `${POST}Transfer-Encoding: chunked\r\n\r\n`);
      client.send('3\r\none\r\n');
      const request = await fallback.next();
      await request.until('data one');
      client.send('3\r\ntwo\r\n0\r\nX-Sum: 2\r\n\r\n');
      await client.until('onetwo');
      expect([request.events, request.trailers?.get('X-Sum')]).toEqual([
        ['headers', 'data one', 'data two', 'finish'],
        '2',
      ]);
      client.close();
    });
  });

  it.each(['dataReceived', 'headersReceived'] as const)('waits for the promise of %s', async (name) => {
    let gate = signalled();
    const fallback = new RecordingDelegate({
      [name]: () => gate.promise,
      finish: (request) => request.respond(request.body),
    });
    const middleware: Middleware = (_, next) => next();
    for (const settings of [{}, { middleware: [middleware] }]) {
      gate = signalled();
      await withFallback(
        fallback,
        async ({ port }) => {
          const client = await RawClient.connect(
            port,
            `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n`,
          );
          const request = await fallback.next();
          await request.until(name === 'dataReceived' ? 'data' : 'headers');
          // Whatever else has arrived is not passed on.
          await new Promise((resolve) => setImmediate(resolve));
          expect(request.events.length).toBe(name === 'dataReceived' ? 2 : 1);
          gate.resolve();
          client.send('0\r\n\r\n');
          await client.until('ab');
          client.close();
        },
        settings,
      );
    }
  });

  it('is asked for with 100 Continue only if the delegate wants it', async () => {
    const wanted = signalled();
    const fallback = new RecordingDelegate({
      headersReceived: () => wanted.promise,
      finish: (request) => request.respond(request.body),
    });
    await withFallback(fallback, async ({ port }) => {
      const text = `${POST}Expect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n`;
      const client = await RawClient.connect(port, text);
      await fallback.next();
      expect(client.received).toBe('');
      wanted.resolve();
      await client.until('100 Continue');
      client.send('body');
      expect(statusesOf(await client.untilEnd())).toEqual([100, 200]);
    });
    const refusing = new RecordingDelegate({
      headersReceived: (request) => {
        request.respond('no', {}, 403);
        return new Promise(() => {});
      },
    });
    await withFallback(refusing, async ({ port }) => {
      const answer = await converse(port, `${POST}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n`);
      expect(statusesOf(answer)).toEqual([403]);
    });
  });

  it('is collected if the delegate wants the whole body at once, behind asynchronous middleware too', async () => {
    const fallback = new RecordingDelegate({
      headersReceived: (request) => {
        request.collectsBody = true;
      },
      finish: (request) => request.respond(String(request.body.length)),
    });
    const middleware: Middleware = async (_, next) => {
      await new Promise((resolve) => setImmediate(resolve));
      await next();
    };
    const length = 300_000;
    for (const settings of [{}, { middleware: [middleware] }]) {
      await withFallback(
        fallback,
        async ({ url }) => {
          const fetched = await fetch(url, { method: 'POST', body: 'x'.repeat(length) });
          expect([await fetched.text(), fallback.last.events]).toEqual([
            String(length),
            ['headers', `data ${length}`, 'finish'],
          ]);
        },
        settings,
      );
    }
  });

  it('arrives in pieces behind asynchronous middleware', async () => {
    const fallback = responding((request) => request.respond(request.body));
    const middleware: Middleware = async (_, next) => {
      await new Promise((resolve) => setImmediate(resolve));
      await next();
    };
    await withFallback(
      fallback,
      async ({ port }) => {
        const started = fallback.next();
        const client = await RawClient.connect(port, `${POST}Content-Length: 6\r\n\r\none`);
        const request = await started;
        await request.until('data one');
        client.send('two');
        await client.until('onetwo');
        client.close();
      },
      { middleware: [middleware] },
    );
  });

  it('may have a limit of the delegate or of the route', async () => {
    const limits = new RecordingDelegate({
      headersReceived: ({ exchange }) => exchange.setMaxBodyBytes(3),
      finish: (request) => request.respond(request.body),
    });
    await withFallback(limits, async ({ url }) => {
      const statuses = ['abc', 'abcd'].map(
        async (body) => (await fetch(url, { method: 'POST', body })).status,
      );
      expect(await Promise.all(statuses)).toEqual([200, 413]);
    });
    const fallback = responding((request) => request.respond(request.body));
    await withFallback(
      fallback,
      async ({ url }) => {
        expect((await fetch(url, { method: 'POST', body: 'abcd' })).status).toBe(413);
        expect(fallback.last.events.slice(0, 3)).toEqual([
          'headers',
          'refused 413',
          'closed ERR_HTTP1_BODY_TOO_LARGE',
        ]);
      },
      {},
      { maxBodyBytes: 3 },
    );
  });

  it('can be refused by the delegate in its own words', async () => {
    const fallback = new RecordingDelegate({
      refused: (request, { status }) => request.respond('too much', {}, status),
    });
    await withFallback(
      fallback,
      async ({ url }) => {
        const fetched = await fetch(url, { method: 'POST', body: 'abcd' });
        expect([fetched.status, await fetched.text()]).toEqual([413, 'too much']);
        expect(fallback.last.closes).toEqual([]);
      },
      { compressResponse: { minBytes: 1 } },
      { maxBodyBytes: 3 },
    );
  });

  it('needs no XSRF token, and may have invalid percent-encoding in its path', async () => {
    const fallback = responding((request) => request.respond(request.head.target));
    await withFallback(
      fallback,
      async ({ port }) => {
        const response = await ask(port, '/a%zz?b=%', 'DELETE');
        expect([statusOf(response), bodyOf(response)]).toEqual([200, '/a%zz?b=%']);
      },
      { xsrfCookies: true, cookieSecret: 'a secret that has enough bytes for a test' },
    );
  });
});

describe('the end of a request of a mounted delegate', () => {
  it('is reported when the client has left', async () => {
    const logged = signalled<number>();
    const fallback = new RecordingDelegate({
      connectionClosed: ({ exchange }) => {
        exchange.writeHead(200, '', new HTTPHeaders(), 'too late', true);
      },
    });
    await withFallback(
      fallback,
      async ({ port, log }) => {
        const client = await RawClient.connect(port, requestText('/x'));
        const request = await fallback.next();
        await request.until('finish');
        client.reset();
        await request.until('closed');
        await logged.promise;
        expect([request.closes.length, request.exchange.isCut, errors(log)]).toEqual([1, true, []]);
        await expect(request.exchange.waitDrained()).rejects.toBe(request.closes[0]);
      },
      { logFunction: ({ status }: FinishedRequest) => logged.resolve(status) },
    );
  });

  it('is reported twice if the client first ends its side', async () => {
    const fallback = new RecordingDelegate();
    await withFallback(fallback, async ({ port }) => {
      const client = await RawClient.connect(port, requestText('/x'));
      const request = await fallback.next();
      await request.until('finish');
      client.socket.end();
      await request.until('closed ERR_HTTP_PEER_ENDED');
      expect(request.exchange.isCut).toBe(false);
      request.respond('late');
      expect(bodyOf(await client.untilEnd())).toBe('late');
      expect(request.closes.length).toBe(1);
    });
    await withFallback(fallback, async ({ port, server }) => {
      const client = await RawClient.connect(port, requestText('/x'));
      const request = await fallback.next();
      await request.until('finish');
      client.socket.end();
      await request.until('closed ERR_HTTP_PEER_ENDED');
      await server.closeAll();
      expect([request.closes.length, request.exchange.isCut]).toEqual([2, true]);
      client.close();
    });
  });

  it('comes after handlerTimeoutMs, with a 503', async () => {
    const clock = new VirtualClock();
    const fallback = new RecordingDelegate();
    await withFallback(
      fallback,
      async ({ port, log }) => {
        const client = await RawClient.connect(port, requestText('/x', 'GET', 'Connection: close'));
        const request = await fallback.next();
        await request.until('finish');
        await clock.advance(1_000);
        expect(statusOf(await client.untilEnd())).toBe(503);
        expect(request.closes).toMatchObject([{ name: 'HTTPError', status: 503 }]);
        expect([request.exchange.isCut, request.exchange.finished]).toEqual([true, false]);
        request.respond('too late');
        expect(errors(log).length).toBe(1);
      },
      { clock },
      { handlerTimeoutMs: 1_000 },
    );
  });

  it('cuts the response after handlerTimeoutMs if its head was sent', async () => {
    const clock = new VirtualClock();
    const fallback = responding(({ exchange }) => exchange.writeHead(200, '', new HTTPHeaders(), 'part'));
    await withFallback(
      fallback,
      async ({ port }) => {
        const client = await RawClient.connect(port, requestText('/x'));
        await client.until('part');
        await clock.advance(1_000);
        expect(await client.untilEnd()).not.toContain('0\r\n\r\n');
        expect(fallback.last.closes.length).toBe(1);
      },
      { clock },
      { handlerTimeoutMs: 1_000 },
    );
  });
});

describe('an error of a mounted delegate', () => {
  const boom = new Error('boom');
  const fail = (how: string): Promise<void> => {
    if (how === 'throws') throw boom;
    return Promise.reject(boom);
  };
  const points = ['headersReceived', 'dataReceived', 'finish'] as const;

  it.each(points.flatMap((point) => [`${point} throws`, `${point} rejects`]))(
    'becomes an error page of the application: %s',
    async (text) => {
      const [point, how] = text.split(' ') as [string, string];
      const fallback = new RecordingDelegate({ [point]: () => fail(how) });
      const finished: number[] = [];
      await withFallback(
        fallback,
        async ({ url, log }) => {
          const fetched = await fetch(url, { method: 'POST', body: 'body' });
          expect([fetched.status, await fetched.text(), finished]).toEqual([500, 'own page', [500]]);
          expect(log.records).toMatchObject([{ level: 'error', error: boom }]);
          expect(fallback.last.closes).toEqual([boom]);
          expect(fallback.last.exchange.isCut).toBe(true);
        },
        {
          writeError: ({ response }) => response.write('own page'),
          logFunction: ({ status }: FinishedRequest) => void finished.push(status),
        },
      );
    },
  );

  it('cuts the response if its head was sent', async () => {
    const fallback = responding(({ exchange }) => {
      exchange.writeHead(200, '', new HTTPHeaders(), 'part');
      throw boom;
    });
    await withFallback(fallback, async ({ port, log }) => {
      const received = await ask(port, '/x');
      expect(received).not.toContain('0\r\n\r\n');
      expect(log.records).toMatchObject([{ level: 'error', error: boom }]);
    });
  });

  it('is a response with the status of an HTTPInputError', async () => {
    const fallback = responding(() => {
      throw new HTTPInputError('not like this', 422);
    });
    await withFallback(fallback, async ({ url, log }) => {
      const fetched = await fetch(url);
      expect([fetched.status, await fetched.text()]).toEqual([422, expect.stringContaining('not like this')]);
      expect(errors(log)).toEqual([]);
    });
  });

  it('is logged if the response is complete', async () => {
    const fallback = responding((request) => {
      request.respond('text');
      throw boom;
    });
    await withFallback(fallback, async ({ url, log }) => {
      expect(await (await fetch(url)).text()).toBe('text');
      expect(log.records).toMatchObject([{ level: 'error', error: boom }]);
    });
  });

  it.each<[string, (request: RecordedRequest) => void]>([
    ['a second head', (request) => request.respond('again')],
    ['more of a complete response', ({ exchange }) => exchange.write('more')],
    ['another end', ({ exchange }) => exchange.finish()],
    ['taking over its connection', ({ exchange }) => void exchange.detach()],
  ])('is ERR_HTTP_USAGE for %s', async (_, act) => {
    let error: unknown;
    const fallback = responding((request) => {
      request.respond('text');
      try {
        act(request);
      } catch (thrown) {
        error = thrown;
      }
    });
    await withFallback(fallback, async ({ url }) => {
      expect(await (await fetch(url)).text()).toBe('text');
      expect(error).toMatchObject({ code: 'ERR_HTTP_USAGE' });
    });
  });

  it('is an error page if the head is invalid', async () => {
    const fallback = responding(({ exchange }) =>
      exchange.writeHead(99, '', new HTTPHeaders(), 'text', true),
    );
    await withFallback(fallback, async ({ url, log }) => {
      expect((await fetch(url)).status).toBe(500);
      expect(errors(log).length).toBe(1);
    });
  });
});

describe('a subclass of FallbackHandler', () => {
  it('may check requests before it passes them on', async () => {
    class Checked extends FallbackHandler {
      override async prepare(): Promise<void> {
        await new Promise((resolve) => setImmediate(resolve));
        if (this.getQueryArgument('key', '') === 'open') await super.prepare();
        else this.sendError(403);
      }
    }
    const fallback = responding((request) => request.respond(request.body));
    await withApp([['/*path', Checked, { fallback }]], async ({ url }) => {
      const post = { method: 'POST', body: 'body' };
      expect(await (await fetch(`${url}/?key=open`, post)).text()).toBe('body');
      expect((await fetch(url, post)).status).toBe(403);
      expect(fallback.requests.length).toBe(1);
    });
  });

  it('that responds itself ends the request of the delegate, with an error of its own', async () => {
    class Responds extends FallbackHandler {
      override async prepare(): Promise<void> {
        await super.prepare();
        await this.finish('mine');
      }
    }
    const fallback = new RecordingDelegate();
    await withApp([['/*path', Responds, { fallback }]], async ({ url }) => {
      for (const _ of [1, 2]) expect(await (await fetch(url)).text()).toBe('mine');
      const [first, second] = fallback.requests.flatMap(({ closes }) => closes);
      expect([first, second]).toMatchObject([{ code: 'ERR_WEB_FINISHED' }, { code: 'ERR_WEB_FINISHED' }]);
      expect(first).not.toBe(second);
    });
  });

  it('gets an error page if it neither passes the request on nor responds', async () => {
    class Forgets extends FallbackHandler {
      override prepare(): void {}
    }
    await withApp([['/*path', Forgets, { fallback: new RecordingDelegate() }]], async ({ url, log }) => {
      expect((await fetch(url)).status).toBe(500);
      expect(log.records).toMatchObject([{ error: { message: expect.stringContaining('super.prepare') } }]);
    });
  });

  it('is called after other routes', async () => {
    class Hello extends RequestHandler {
      override get(): void {
        this.write('hello');
      }
    }
    const fallback = responding((request) => request.respond('fallback'));
    const routes = [['/', Hello] as const, ['/*path', FallbackHandler, { fallback }] as const];
    await withApp(routes, async ({ url }) => {
      const texts = ['/', '/other'].map(async (target) => (await fetch(url + target)).text());
      expect(await Promise.all(texts)).toEqual(['hello', 'fallback']);
    });
  });
});

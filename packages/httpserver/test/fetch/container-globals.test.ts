import { H3 } from 'h3';
import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { cors } from 'hono/cors';
import { streamSSE } from 'hono/streaming';
import { afterEach, describe, expect, it } from 'vitest';
import { installGlobalObjects } from '../../src/fetch/global-objects.ts';
import { exchangeOf } from '../../src/fetch/index.ts';
import { converse } from '../fixtures/raw-client.ts';
import { parsed, post, requestText, unchunked, withContainer } from './container-fixture.ts';

const native = { Response, Request, fetch };
const undone: (() => void)[] = [];
afterEach(() => {
  for (const undo of undone.splice(0)) undo();
});

function install(): () => void {
  const undo = installGlobalObjects();
  undone.push(undo);
  return undo;
}

describe('installGlobalObjects', () => {
  it('replaces the globals, until it is undone', () => {
    const undo = install();
    expect([Response === native.Response, Request === native.Request, fetch === native.fetch]).toEqual([
      false,
      false,
      false,
    ]);
    expect([Response.name, Request.name, fetch.name]).toEqual(['Response', 'Request', 'fetch']);
    undo();
    expect({ Response, Request, fetch }).toEqual(native);
    expect(Object.getOwnPropertyDescriptor(globalThis, 'Response')?.enumerable).toBe(false);
  });

  it('counts: the last to undo it restores the globals', () => {
    const first = install();
    const second = install();
    first();
    first();
    expect(Response === native.Response).toBe(false);
    second();
    expect(Response).toBe(native.Response);
    install()();
    expect(Response).toBe(native.Response);
  });

  it('leaves a global that other code has replaced in the meantime', () => {
    const undo = install();
    class Other {}
    const light = Response;
    globalThis.Response = Other as never;
    undo();
    expect(Response).toBe(Other);
    expect(Request).toBe(native.Request);
    globalThis.Response = native.Response;
    expect(light === native.Response).toBe(false);
  });

  describe('after other code has replaced a global', () => {
    afterEach(() => {
      for (const undo of undone.splice(0)) undo();
      Object.assign(globalThis, native);
    });

    it.each(['before the first installation', 'between two installations'])(
      'calls that fetch: %s',
      (when) => {
        if (when.startsWith('between')) install()();
        const calls: unknown[][] = [];
        const traced = Object.assign(
          (...args: unknown[]) => {
            calls.push(args);
            return Promise.resolve(new Response('traced'));
          },
          { tracer: 'on' },
        );
        globalThis.fetch = traced as never;
        const undo = install();
        return withContainer(
          async (request) => {
            const response = await fetch(request, { keepalive: true });
            return new Response(`${await response.text()} ${(fetch as unknown as typeof traced).tracer}`);
          },
          async ({ get }) => {
            expect(parsed(await get('/a')).body).toBe('traced on');
            expect(calls[0]?.[0]).toBeInstanceOf(native.Request);
            expect(calls).toMatchObject([[{ url: 'http://example.com/a' }, { keepalive: true }]]);
            undo();
            expect(fetch).toBe(traced);
          },
        );
      },
    );

    it('creates an instance of that Request', () => {
      class Traced extends Request {
        readonly tracer = 'on';
      }
      globalThis.Request = Traced;
      const undo = install();
      const request = new Request('http://a/');
      expect([request, request instanceof Request, request instanceof Traced]).toMatchObject([
        { tracer: 'on', url: 'http://a/' },
        true,
        true,
      ]);
      undo();
      expect(Request).toBe(Traced);
    });

    it('leaves that Response, and says so in the log', () => {
      class Traced extends Response {}
      globalThis.Response = Traced as typeof Response;
      const texts: string[] = [];
      const ignore = (): void => {};
      const debug = (_details: object, text: string) => void texts.push(text);
      const undo = installGlobalObjects({ debug, info: ignore, warn: ignore, error: ignore });
      undone.push(undo);
      expect(Response).toBe(Traced);
      expect(texts).toEqual([expect.stringContaining('Response is not that of Node')]);
      undo();
      expect(Response).toBe(Traced);
      expect([Request, fetch]).toEqual([native.Request, native.fetch]);
    });
  });

  it('makes each Response an instance of the other', async () => {
    const before = new Response('before');
    install();
    const after = new Response('after');
    expect([before instanceof Response, after instanceof Response]).toEqual([true, true]);
    expect([before instanceof native.Response, after instanceof native.Response]).toEqual([true, true]);
    expect({} instanceof Response).toBe(false);
    const fetched = await fetch('data:,text');
    expect([fetched instanceof Response, await fetched.text()]).toEqual([true, 'text']);
  });

  it('keeps Request a class that can be extended', async () => {
    install();
    class Mine extends Request {
      get mine(): boolean {
        return true;
      }
    }
    const request = new Mine('http://a/', { method: 'POST', body: 'text' });
    expect([request instanceof Mine, request instanceof Request, request instanceof native.Request]).toEqual([
      true,
      true,
      true,
    ]);
    expect([request.mine, await new Request(request).text()]).toEqual([true, 'text']);
    expect(new native.Request('http://a/') instanceof Request).toBe(true);
    expect(() => (Request as unknown as () => unknown)()).toThrow(TypeError);
  });

  it('lets copies of a request lead to its exchange', () => {
    install();
    const mounted = new Hono().mount('/mounted', (request) => {
      class Mine extends Request {}
      const copies = [
        request,
        new Request(request),
        new Request('http://other/', request),
        new Mine(request),
        new Request(new Request('http://other/'), request),
      ];
      const others = [new Request('http://other/', { method: 'GET' }), new Request(new URL('http://other/'))];
      const targets = copies.map((copy) => exchangeOf(copy)?.head.target);
      return Response.json([request.url, ...targets, ...others.map(exchangeOf)]);
    });
    return withContainer(mounted.fetch, async ({ get }) => {
      expect(JSON.parse(parsed(await get('/mounted/a')).body)).toEqual([
        'http://example.com/a',
        ...Array(5).fill('/mounted/a'),
        null,
        null,
      ]);
    });
  });

  it('lets a request of the container be copied and fetched', () => {
    install();
    return withContainer(
      async (request) => {
        if (request.headers.get('x-inner') !== null) return new Response(`inner ${await request.text()}`);
        const copy = new Request(request, { headers: { 'X-Inner': '1' } });
        class Mine extends Request {}
        expect(new Mine(new Request(copy.clone())) instanceof Mine).toBe(true);
        return fetch(copy);
      },
      async ({ port, records }) => {
        const text = `POST / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc`;
        expect(await converse(port, text)).toContain('inner abc');
        expect(records).toEqual([]);
      },
    );
  });
});

describe.each([
  ['with the native globals', false],
  ['with the light globals', true],
])('an application of Hono, %s', (_kind, isLight) => {
  const app = new Hono();
  app.use('/cors', cors());
  app.use('/packed', compress());
  app.get('/', (c) => c.text('text'));
  app.get('/cors', (c) => c.text('text'));
  app.get('/packed', (c) => c.text('a'.repeat(4000)));
  app.get('/json/:id', (c) =>
    c.json({ id: c.req.param('id'), query: c.req.query('q'), agent: c.req.header('X-Agent') }),
  );
  app.post('/body', async (c) => c.json(await c.req.json(), 201, { 'X-A': '1' }));
  app.post('/form', async (c) => c.json(await c.req.parseBody()));
  app.get('/cookie', (c) => {
    c.header('Set-Cookie', 'a=1', { append: true });
    c.header('Set-Cookie', 'b=2', { append: true });
    return c.body(null, 204);
  });
  app.get('/events', (c) =>
    streamSSE(c, async (stream) => {
      await stream.writeSSE({ data: 'one' });
      await stream.writeSSE({ data: 'two' });
    }),
  );
  app.get('/fail', () => {
    throw new Error('on purpose');
  });
  app.onError((error, c) => c.text(`caught ${error.message}`, 500));

  async function responseTo(text: string): Promise<ReturnType<typeof parsed>> {
    if (isLight) install();
    let received = '';
    await withContainer(
      (request, environment) => app.fetch(request, environment),
      async ({ port, records }) => {
        received = await converse(port, text);
        expect(records).toEqual([]);
      },
    );
    return parsed(received);
  }

  it('sends text and JSON', async () => {
    expect(await responseTo(requestText('GET', '/'))).toMatchObject({ status: 200, body: 'text' });
    const { fields, body } = await responseTo(requestText('GET', '/json/4?q=%20x', 'X-Agent: me\r\n'));
    expect([fields.get('content-type'), JSON.parse(body)]).toEqual([
      ['application/json'],
      { id: '4', query: ' x', agent: 'me' },
    ]);
    expect(await responseTo(requestText('GET', '/none'))).toMatchObject({ status: 404 });
    expect(await responseTo(requestText('GET', '/fail'))).toMatchObject({
      status: 500,
      body: 'caught on purpose',
    });
    expect(await responseTo(requestText('HEAD', '/'))).toMatchObject({ status: 200, body: '' });
  });

  it('reads JSON and forms', async () => {
    const json = await responseTo(post('/body', '{"a":1}', 'Content-Type: application/json\r\n'));
    expect([json.status, json.fields.get('x-a'), json.body]).toEqual([201, ['1'], '{"a":1}']);
    const form = await responseTo(
      post('/form', 'a=1&b=x+y', 'Content-Type: application/x-www-form-urlencoded\r\n'),
    );
    expect(JSON.parse(form.body)).toEqual({ a: '1', b: 'x y' });
  });

  it('has middleware that changes the response', async () => {
    const cookies = await responseTo(requestText('GET', '/cookie'));
    expect([cookies.status, cookies.fields.get('set-cookie')]).toEqual([204, ['a=1', 'b=2']]);
    const shared = await responseTo(requestText('GET', '/cors', 'Origin: http://b\r\n'));
    expect([shared.fields.get('access-control-allow-origin'), shared.body]).toEqual([['*'], 'text']);
    const packed = await responseTo(requestText('GET', '/packed', 'Accept-Encoding: gzip\r\n'));
    expect([packed.fields.get('content-encoding'), packed.body.length < 4000]).toEqual([['gzip'], true]);
  });

  it('streams events', async () => {
    const { fields, body } = await responseTo(requestText('GET', '/events'));
    expect(fields.get('content-type')).toEqual(['text/event-stream']);
    expect(unchunked(body)).toBe('data: one\n\ndata: two\n\n');
  });
});

describe.each([
  ['with the native globals', false],
  ['with the light globals', true],
])('an application of h3, %s', (_kind, isLight) => {
  it('sends text and JSON, and reads a body', async () => {
    if (isLight) install();
    const app = new H3();
    app.get('/', () => 'text');
    app.get('/json/:id', (event) => ({
      id: event.context.params?.id,
      query: event.url.searchParams.get('q'),
    }));
    app.post('/body', async (event) => ({ got: await event.req.json() }));
    app.get(
      '/stream',
      () =>
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode('streamed'));
            controller.close();
          },
        }),
    );
    await withContainer(
      (request) => app.fetch(request),
      async ({ port, get, records }) => {
        expect(parsed(await get('/'))).toMatchObject({ status: 200, body: 'text' });
        expect(JSON.parse(parsed(await get('/json/4?q=x')).body)).toEqual({ id: '4', query: 'x' });
        expect(parsed(await get('/stream')).body).toBe('streamed');
        const text = post('/body', '{"a":1}', 'Content-Type: application/json\r\n');
        expect(JSON.parse(parsed(await converse(port, text)).body)).toEqual({ got: { a: 1 } });
        expect(parsed(await get('/none')).status).toBe(404);
        expect(records).toEqual([]);
      },
    );
  });
});

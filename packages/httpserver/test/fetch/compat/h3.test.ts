import { Readable } from 'node:stream';
import {
  createEventStream,
  defineHandler,
  getCookie,
  getQuery,
  getRequestIP,
  getRequestURL,
  getRouterParam,
  H3,
  HTTPError,
  handleCors,
  noContent,
  readBody,
  redirect,
  serveStatic,
  setCookie,
  withBase,
} from 'h3';
import { describe, expect, it } from 'vitest';
import { ask, deferred, responseOf, SRVX_SERVERS, send, takeErrors, withKind } from './servers.ts';

describe.each(SRVX_SERVERS)('an h3 application on $name', (kind) => {
  const app = new H3();
  const served = (test: (port: number) => Promise<void>): Promise<void> =>
    withKind(kind, (request) => app.fetch(request), test);
  app.get('/text', () => 'text');
  app.get('/json', () => ({ a: [1, null] }));
  app.get('/nothing', () => null);
  app.get('/none', () => noContent());
  app.get('/bytes', () => new Uint8Array([0, 255]));
  app.get('/blob', () => new Blob(['blob'], { type: 'image/x' }));
  app.get('/response', () => new Response('response', { status: 202, headers: { 'X-A': 'b' } }));
  app.get('/users/:id', (event) => ({
    id: getRouterParam(event, 'id'),
    query: getQuery(event),
    url: getRequestURL(event).pathname,
    ip: getRequestIP(event),
    method: event.req.method,
  }));
  app.post('/body', async (event) => ({ body: await readBody(event) }));
  app.post('/text', async (event) => (await event.req.text()).toUpperCase());
  app.get('/headers', (event) => {
    event.res.status = 203;
    event.res.headers.set('X-Seen', event.req.headers.get('X-Sent') ?? '');
    setCookie(event, 'a', '1');
    setCookie(event, 'b', '2');
    return getCookie(event, 'sent') ?? 'no cookie';
  });
  app.get('/redirect', () => redirect('/text', 307));
  app.get('/teapot', () => {
    throw new HTTPError({ status: 418, message: 'short and stout' });
  });
  app.get('/throws', () => {
    throw new Error('secret detail');
  });
  app.get('/stream', () => new Blob(['a stream']).stream());
  app.get('/node-stream', () => Readable.from(['of ', 'node']));
  app.use('/cors', (event) => {
    const handled = handleCors(event, { origin: ['https://a.example'], methods: ['PUT'] });
    return handled === false ? undefined : handled;
  });
  app.get('/cors', () => 'shared');
  app.mount(
    '/nested',
    new H3().get('/deep', (event) => `deep ${event.url.pathname}`),
  );
  app.use('/based/**', withBase('/based', new H3().get('/x', () => 'based').handler));
  app.use('/wrapped', async (event, next) => {
    const value = await next();
    event.res.headers.set('X-Wrapped', 'yes');
    return value;
  });
  app.get('/wrapped', () => 'wrapped');

  it.each([
    ['/text', 200, 'text/plain;charset=UTF-8', 'text'],
    ['/json', 200, 'application/json;charset=UTF-8', '{"a":[1,null]}'],
    ['/nothing', 200, undefined, ''],
    ['/none', 204, undefined, ''],
    ['/bytes', 200, undefined, '\0\ufffd'],
    ['/blob', 200, 'image/x', 'blob'],
    ['/response', 202, 'text/plain;charset=UTF-8', 'response'],
    ['/nested/deep', 200, 'text/plain;charset=UTF-8', 'deep /nested/deep'],
    ['/based/x', 200, 'text/plain;charset=UTF-8', 'based'],
    ['/stream', 200, undefined, 'a stream'],
    ['/node-stream', 200, undefined, 'of node'],
  ])('%s has its status, type and body', (path, status, type, text) =>
    served(async (port) => {
      const reply = await ask(port, path);
      expect([reply.status, reply.text]).toEqual([status, text]);
      if (type !== undefined) expect(reply.headers['content-type']?.replace('; ', ';')).toBe(type);
    }),
  );

  it('has parameters, the query, the URL and the address of the client', () =>
    served(async (port) => {
      const { text } = await ask(port, '/users/7?a=1&a=2');
      expect(JSON.parse(text)).toEqual({
        id: '7',
        query: { a: ['1', '2'] },
        url: '/users/7',
        ip: '127.0.0.1',
        method: 'GET',
      });
    }));

  it.each([
    ['JSON', 'application/json', '{"a":1}', { a: 1 }],
    ['a form', 'application/x-www-form-urlencoded', 'a=1&b=x+y', { a: '1', b: 'x y' }],
  ])('reads %s', (_what, type, body, expected) =>
    served(async (port) => {
      const reply = await ask(port, '/body', { method: 'POST', headers: { 'Content-Type': type }, body });
      expect(JSON.parse(reply.text)).toEqual({ body: expected });
    }),
  );

  it('reads text', () =>
    served(async (port) => {
      expect((await ask(port, '/text', { method: 'POST', chunks: ['lo', 'ud'] })).text).toBe('LOUD');
    }));

  it('sets the status, headers and cookies', () =>
    served(async (port) => {
      const { status, headers, text } = await ask(port, '/headers', {
        headers: { Cookie: 'sent=c', 'X-Sent': 'd' },
      });
      expect([status, headers['x-seen'], text]).toEqual([203, 'd', 'c']);
      expect(headers['set-cookie']).toEqual(['a=1; Path=/', 'b=2; Path=/']);
    }));

  it('redirects', () =>
    served(async (port) => {
      const { status, headers } = await ask(port, '/redirect');
      expect([status, headers.location]).toEqual([307, '/text']);
    }));

  it.each([
    ['/teapot', 418, 'short and stout'],
    ['/throws', 500, ''],
    ['/missing', 404, ''],
  ])('%s has an error page without details', (path, status, message) =>
    served(async (port) => {
      const reply = await ask(port, path);
      expect(reply.status).toBe(status);
      expect(reply.text).toContain(message);
      expect(reply.text).not.toContain('secret');
      expect(takeErrors()).toEqual([]);
    }),
  );

  it('answers CORS preflight requests', () =>
    served(async (port) => {
      const headers = { Origin: 'https://a.example', 'Access-Control-Request-Method': 'PUT' };
      const reply = await ask(port, '/cors', { method: 'OPTIONS', headers });
      expect([reply.status, reply.headers['access-control-allow-origin']]).toEqual([
        204,
        'https://a.example',
      ]);
    }));

  it('runs middleware around the handler', () =>
    served(async (port) => {
      const { headers, text } = await ask(port, '/wrapped');
      expect([headers['x-wrapped'], text]).toEqual(['yes', 'wrapped']);
    }));

  it('serves files', () => {
    const files: Readonly<Record<string, string>> = { '/a.txt': 'file a' };
    const own = new H3().use(
      defineHandler((event) =>
        serveStatic(event, {
          getContents: (id) => files[id],
          getMeta: (id) => {
            const text = files[id];
            return text === undefined ? undefined : { size: text.length, type: 'text/plain', etag: '"1"' };
          },
        }),
      ),
    );
    return withKind(
      kind,
      (request) => own.fetch(request),
      async (port) => {
        const reply = await ask(port, '/a.txt');
        expect([reply.text, reply.headers['content-length'], reply.headers.etag]).toEqual([
          'file a',
          '6',
          '"1"',
        ]);
        expect((await ask(port, '/a.txt', { headers: { 'If-None-Match': '"1"' } })).status).toBe(304);
        expect((await ask(port, '/b.txt')).status).toBe(404);
      },
    );
  });

  it('streams events, and notices that the client has left', () => {
    const closed = deferred();
    const own = new H3().get('/', (event) => {
      const stream = createEventStream(event);
      stream.onClosed(() => closed.resolve());
      void stream.push({ event: 'tick', data: 'one', id: '1' });
      return stream.send();
    });
    return withKind(
      kind,
      (request) => own.fetch(request),
      async (port) => {
        const message = await responseOf(send(port, '/'));
        expect(message.headers['content-type']).toBe('text/event-stream');
        let text = '';
        for await (const piece of message) {
          text += String(piece);
          if (text.endsWith('\n\n')) break;
        }
        expect(text).toContain('data: one');
        await closed.promise;
      },
    );
  });
});

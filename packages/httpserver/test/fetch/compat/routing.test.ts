import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { describe, expect, it } from 'vitest';
import { converse, statusLines } from '../../fixtures/raw-client.ts';
import { ALL_SERVERS, ask, HONO_SERVERS, takeErrors, withKind } from './servers.ts';

describe.each(HONO_SERVERS)('a Hono application on $name: routes', (kind) => {
  const app = new Hono();
  app.get('/', (c) => c.text('hello'));
  app.get('/url', (c) => c.text(c.req.url));
  app.get('/query', (c) => c.json({ page: c.req.query('page'), tags: c.req.queries('tag') }));
  app.get('/posts/:id', (c) => c.text(`post ${c.req.param('id')}`));
  app.delete('/posts/:id', (c) => c.text(`deleted ${c.req.param('id')}`));
  app.put('/posts/:id', (c) => c.text(`put ${c.req.path}`));
  app.patch('/posts/:id', (c) => c.text('patched'));
  app.on('PURGE', '/cache', (c) => c.text('purged'));
  app.on(['PUT', 'POST'], '/both', (c) => c.text(c.req.method));
  const book = new Hono()
    .get('/', (c) => c.text('books'))
    .get('/:id', (c) => c.text(`book ${c.req.param('id')}`))
    .post('/', (c) => c.text('made a book', 201));
  app.route('/book', book);
  app.route(
    '/v2',
    new Hono().basePath('/api').get('/me', (c) => c.text('me')),
  );
  app.mount('/inner', (request: Request) => new Response(`inner ${new URL(request.url).pathname}`));
  app.use('/stamped/*', async (c, next) => {
    c.header('X-Before', 'yes');
    await next();
    c.header('X-After', String(c.res.status));
  });
  app.get('/stamped/:what', (c) => c.text(c.req.param('what')));

  it.each([
    ['GET', '/', 200, 'hello'],
    ['GET', '/posts/7', 200, 'post 7'],
    ['DELETE', '/posts/7', 200, 'deleted 7'],
    ['PUT', '/posts/7?draft', 200, 'put /posts/7'],
    ['PATCH', '/posts/7', 200, 'patched'],
    ['PURGE', '/cache', 200, 'purged'],
    ['POST', '/both', 200, 'POST'],
    ['GET', '/book', 200, 'books'],
    ['GET', '/book/3', 200, 'book 3'],
    ['POST', '/book', 201, 'made a book'],
    ['GET', '/v2/api/me', 200, 'me'],
    ['GET', '/inner/deep/path', 200, 'inner /deep/path'],
    ['GET', '/nowhere', 404, '404 Not Found'],
    ['PURGE', '/', 404, '404 Not Found'],
  ])('%s %s has its handler', (method, path, status, text) =>
    withKind(kind, app.fetch, async (port) => {
      const reply = await ask(port, path, { method });
      expect([reply.status, reply.text]).toEqual([status, text]);
      expect(reply.headers['content-type']).toMatch(/^text\/plain/i);
    }),
  );

  it('decodes the query', () =>
    withKind(kind, app.fetch, async (port) => {
      const { text } = await ask(port, '/query?page=a%20b&tag=x&tag=%C3%A9');
      expect(JSON.parse(text)).toEqual({ page: 'a b', tags: ['x', 'é'] });
    }));

  it('runs middleware around the handler', () =>
    withKind(kind, app.fetch, async (port) => {
      const { headers, text } = await ask(port, '/stamped/this');
      expect([headers['x-before'], headers['x-after'], text]).toEqual(['yes', '200', 'this']);
    }));

  it('makes the URL of the Host field and the target', () =>
    withKind(kind, app.fetch, async (port) => {
      const { text } = await ask(port, '/url?q=%20', { headers: { Host: 'example.com:8080' } });
      expect(text).toBe('http://example.com:8080/url?q=%20');
    }));
});

describe.each(HONO_SERVERS)('a Hono application on $name: errors', (kind) => {
  const app = new Hono();
  app.get('/throws', () => {
    throw new Error('secret detail');
  });
  app.get('/rejects', async () => {
    await Promise.resolve();
    throw new Error('secret detail');
  });
  app.get('/teapot', () => {
    throw new HTTPException(418, { message: 'short and stout' });
  });
  app.onError((error, c) =>
    error instanceof HTTPException ? error.getResponse() : c.text(`handled ${error.name}`, 500),
  );
  app.notFound((c) => c.json({ missing: c.req.path }, 404));

  it.each([
    ['/throws', 500, 'handled Error'],
    ['/rejects', 500, 'handled Error'],
    ['/teapot', 418, 'short and stout'],
    ['/else', 404, '{"missing":"/else"}'],
  ])('%s has the page of the error handler', (path, status, text) =>
    withKind(kind, app.fetch, async (port) => {
      const reply = await ask(port, path);
      expect([reply.status, reply.text]).toEqual([status, text]);
    }),
  );
});

describe.each(ALL_SERVERS)('a Fetch handler on $name', (kind) => {
  it.each([
    ['throws', () => Promise.reject(new Error('secret detail'))],
    [
      'throws before it returns',
      () => {
        throw new Error('secret detail');
      },
    ],
    ['returns text', () => '<h1>text</h1>'],
    ['returns nothing', () => undefined],
  ])('gets a 500 without details if it %s', (_what, handler) =>
    withKind(kind, handler, async (port) => {
      const reply = await ask(port, '/');
      expect(reply.status).toBe(500);
      expect(reply.text).not.toContain('secret');
      expect(takeErrors()).toHaveLength(kind.isOurs ? 1 : 0);
    }),
  );

  it('gets URLs without dot segments', () =>
    withKind(
      kind,
      (request) => new Response(request.url),
      async (port) => {
        const { text } = await ask(port, '/a/../b/./%2e%2e/c?x=..');
        expect(text).toBe(`http://127.0.0.1:${port}/c?x=..`);
      },
    ));

  it('gets the authority of a target in absolute form (RFC 9112 §3.2.2)', () =>
    withKind(
      kind,
      (request) => new Response(request.url),
      async (port) => {
        const received = await converse(
          port,
          'GET http://example.org/a?b HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n',
        );
        expect(received).toMatch(/http:\/\/example\.org\/a\?b/);
      },
    ));

  it('is not called without a Host field in HTTP/1.1 (RFC 9112 §3.2)', () =>
    withKind(
      kind,
      () => new Response('called'),
      async (port) => {
        const received = await converse(port, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n');
        expect(statusLines(received)).toEqual(['HTTP/1.1 400 Bad Request']);
      },
    ));

  it('is called for HTTP/1.0 requests, which end with the connection', () =>
    withKind(
      kind,
      () => new Response('old'),
      async (port) => {
        const received = await converse(port, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n');
        expect(received).toMatch(/^HTTP\/1\.[01] 200 [\s\S]*\r\n\r\nold$/);
      },
    ));

  it('gets several requests of one connection in order', () =>
    withKind(
      kind,
      (request) => new Response(new URL(request.url).pathname),
      async (port) => {
        const one = (path: string, connection: string) =>
          `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\n\r\n`;
        const received = await converse(
          port,
          one('/1', 'keep-alive') + one('/2', 'keep-alive') + one('/3', 'close'),
        );
        expect(statusLines(received)).toHaveLength(3);
        expect(received).toMatch(/^\/1[\s\S]*^\/2[\s\S]*^\/3/m);
      },
    ));
});

describe.each(HONO_SERVERS)('an invalid Host field on $name', (kind) => {
  it.each(['a b', 'a/path', 'a?query', 'a#hash', 'user@a', 'a:port', '[::1'])('%j is a 400', (host) =>
    withKind(
      kind,
      (request) => new Response(request.url),
      async (port) => {
        const received = await converse(port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
        expect(statusLines(received)).toEqual(['HTTP/1.1 400 Bad Request']);
      },
    ),
  );
});

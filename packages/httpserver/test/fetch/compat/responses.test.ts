import { Hono } from 'hono';
import { setCookie } from 'hono/cookie';
import { describe, expect, it } from 'vitest';
import { converse } from '../../fixtures/raw-client.ts';
import { ALL_SERVERS, ask, HONO_SERVERS, withKind } from './servers.ts';

const BINARY = { headers: { 'Content-Type': 'application/octet-stream' } };

describe.each(HONO_SERVERS)('a Hono application on $name: responses', (kind) => {
  const app = new Hono();
  app.get('/text', (c) => c.text('Grüße'));
  app.get('/json', (c) => c.json({ a: [1, null] }));
  app.get('/html', (c) => c.html('<h1>hello</h1>'));
  app.get('/html-async', (c) => c.html(Promise.resolve('<h1>later</h1>')));
  app.get('/bytes', (c) => c.body(new Uint8Array([0, 255]).buffer));
  app.get('/empty', (c) => c.body(null, 204));
  app.get('/unchanged', (c) => c.body(null, 304, { ETag: '"1"' }));
  app.get('/redirect', (c) => c.redirect('/text?a=b'));
  app.get('/moved', (c) => c.redirect('https://example.com/', 301));
  app.get('/cookies', (c) => {
    setCookie(c, 'a', '1', { httpOnly: true });
    setCookie(c, 'b', 'x y', { path: '/only', maxAge: 60 });
    return c.text('cookies');
  });
  app.get('/replaced', async (c) => {
    c.res = new Response('first', { headers: { 'X-First': 'kept' } });
    c.res = new Response('second');
    return c.res;
  });
  app.use('/child/*', async (c, next) => {
    await next();
    c.res.headers.append('Set-Cookie', 'late=1');
    c.res = new Response(c.res.body, c.res);
  });
  app.get('/child/json', (c) => c.json({ child: true }));

  it.each([
    ['/text', 200, 'text/plain', 'Grüße'],
    ['/json', 200, 'application/json', '{"a":[1,null]}'],
    ['/html', 200, 'text/html', '<h1>hello</h1>'],
    ['/html-async', 200, 'text/html', '<h1>later</h1>'],
  ])('%s has its status, type and length', (path, status, type, text) =>
    withKind(kind, app.fetch, async (port) => {
      const reply = await ask(port, path);
      expect([reply.status, reply.text]).toEqual([status, text]);
      expect(reply.headers['content-type']).toContain(type);
      expect(reply.headers['content-length']).toBe(String(Buffer.byteLength(text)));
      expect(reply.headers['transfer-encoding']).toBeUndefined();
    }),
  );

  it('sends bytes', () =>
    withKind(kind, app.fetch, async (port) => {
      expect([...(await ask(port, '/bytes')).bytes]).toEqual([0, 255]);
    }));

  it.each([
    ['/empty', 204],
    ['/unchanged', 304],
  ])('%s has no body', (path, status) =>
    withKind(kind, app.fetch, async (port) => {
      const received = await converse(port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      expect(received).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(received).toMatch(/\r\n\r\n$/);
      expect(received).not.toMatch(/^(?:content-type|transfer-encoding):/im);
    }),
  );

  it.each([
    ['/redirect', 302, '/text?a=b'],
    ['/moved', 301, 'https://example.com/'],
  ])('%s redirects', (path, status, location) =>
    withKind(kind, app.fetch, async (port) => {
      const reply = await ask(port, path);
      expect([reply.status, reply.headers.location]).toEqual([status, location]);
    }),
  );

  it('sends each cookie as a field of its own', () =>
    withKind(kind, app.fetch, async (port) => {
      const { headers } = await ask(port, '/cookies');
      expect(headers['set-cookie']).toEqual(['a=1; Path=/; HttpOnly', 'b=x%20y; Max-Age=60; Path=/only']);
    }));

  it('keeps the headers of a response that a handler replaces', () =>
    withKind(kind, app.fetch, async (port) => {
      const reply = await ask(port, '/replaced');
      expect([reply.text, reply.headers['x-first']]).toEqual(['second', 'kept']);
    }));

  it('keeps headers that middleware appends, in a response made of another', () =>
    withKind(kind, app.fetch, async (port) => {
      const reply = await ask(port, '/child/json');
      expect([reply.text, reply.headers['set-cookie']]).toEqual(['{"child":true}', ['late=1']]);
      expect(reply.headers['content-type']).toBe('application/json');
    }));

  it('sends no body for HEAD, but the headers of GET', () =>
    withKind(kind, app.fetch, async (port) => {
      const request = 'HEAD /text HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
      const received = await converse(port, request);
      expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(received).toMatch(/^content-type: text\/plain/im);
      expect(received).toMatch(/\r\n\r\n$/);
    }));
});

describe.each(ALL_SERVERS)('a response on $name', (kind) => {
  const form = new FormData();
  form.set('a', '1');
  it.each([
    ['text', () => new Response('Grüße'), 'Grüße', 'text/plain;charset=UTF-8'],
    ['a Uint8Array', () => new Response(Buffer.from('bytes'), BINARY), 'bytes', 'application/octet-stream'],
    [
      'an ArrayBuffer',
      () => new Response(new TextEncoder().encode('b').buffer, BINARY),
      'b',
      'application/octet-stream',
    ],
    ['a Blob', () => new Response(new Blob(['blob'], { type: 'image/x' })), 'blob', 'image/x'],
    [
      'parameters',
      () => new Response(new URLSearchParams({ q: 'a b' })),
      'q=a+b',
      'application/x-www-form-urlencoded;charset=UTF-8',
    ],
    ['JSON', () => Response.json({ a: 1 }), '{"a":1}', 'application/json'],
  ])('sends %s with its media type', (_what, make, text, type) =>
    withKind(kind, make, async (port) => {
      const reply = await ask(port, '/');
      expect([reply.status, reply.text]).toEqual([200, text]);
      expect(reply.headers['content-type']?.toLowerCase().replace('; ', ';')).toBe(type.toLowerCase());
    }),
  );

  it('sends a form', () =>
    withKind(
      kind,
      () => new Response(form),
      async (port) => {
        const reply = await ask(port, '/');
        const parsed = await new Response(reply.bytes, {
          headers: { 'Content-Type': reply.headers['content-type'] as string },
        }).formData();
        expect(parsed.get('a')).toBe('1');
      },
    ));

  it('sends text of many megabytes', () =>
    withKind(
      kind,
      () => new Response('0123456789'.repeat(800_000)),
      async (port) => {
        const reply = await ask(port, '/');
        expect(reply.bytes.length).toBe(8_000_000);
      },
    ));

  it('has the status and the headers of the handler', () =>
    withKind(
      kind,
      () => new Response('made', { status: 201, headers: { 'X-A': 'b', Location: '/made' } }),
      async (port) => {
        const { status, headers } = await ask(port, '/');
        expect([status, headers['x-a'], headers.location]).toEqual([201, 'b', '/made']);
      },
    ));

  it('has headers that were changed after it was made', () =>
    withKind(
      kind,
      () => {
        const response = new Response('x', { headers: { 'X-A': '1', 'X-B': '2' } });
        response.headers.set('X-A', '3');
        response.headers.delete('X-B');
        response.headers.append('Set-Cookie', 'a=1');
        response.headers.append('Set-Cookie', 'b=2');
        return response;
      },
      async (port) => {
        const { headers } = await ask(port, '/');
        expect([headers['x-a'], headers['x-b'], headers['set-cookie']]).toEqual([
          '3',
          undefined,
          ['a=1', 'b=2'],
        ]);
      },
    ));

  it.each([
    ['an object', { 'Content-Type': 'text/plain', 'Content-Length': '11' }],
    ['Headers', new Headers({ 'Content-Type': 'text/plain', 'Content-Length': '11' })],
    [
      'a list',
      [
        ['Content-Type', 'text/plain'],
        ['Content-Length', '11'],
      ] as [string, string][],
    ],
  ])('has the length that %s announces', (_what, headers) =>
    withKind(
      kind,
      () => new Response('hello world', { headers }),
      async (port) => {
        const reply = await ask(port, '/');
        expect([reply.headers['content-length'], reply.text]).toEqual(['11', 'hello world']);
      },
    ),
  );

  it('has no media type without a body', () =>
    withKind(
      kind,
      () => new Response(null, { status: 200 }),
      async (port) => {
        const reply = await ask(port, '/');
        expect([reply.headers['content-type'], reply.text]).toEqual([undefined, '']);
      },
    ));

  it('can be a clone, whose original was read', () =>
    withKind(
      kind,
      async () => {
        const original = new Response('cloned', { status: 202, headers: { 'X-A': 'b' } });
        const clone = original.clone();
        await original.text();
        return clone;
      },
      async (port) => {
        const { status, headers, text } = await ask(port, '/');
        expect([status, headers['x-a'], text]).toEqual([202, 'b', 'cloned']);
      },
    ));

  it('can come from a fetch to another server', () =>
    withKind(
      kind,
      () => new Response('upstream', { headers: { 'X-Up': 'yes' } }),
      (upstream) =>
        withKind(
          kind,
          () => fetch(`http://127.0.0.1:${upstream}/`),
          async (port) => {
            const { status, headers, text } = await ask(port, '/');
            expect([status, headers['x-up'], text]).toEqual([200, 'yes', 'upstream']);
          },
        ),
    ));
});

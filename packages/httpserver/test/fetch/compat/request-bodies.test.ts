import { once } from 'node:events';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { describe, expect, it } from 'vitest';
import { RawClient, statusLines } from '../../fixtures/raw-client.ts';
import { ALL_SERVERS, ask, HONO_SERVERS, OUR_SERVERS, withKind } from './servers.ts';

const JSON_TYPE = { 'Content-Type': 'application/json' };
const UMLAUTS = 'zwölf Boxkämpfer';
const LARGE = Buffer.alloc(3 * 1024 * 1024, 'large ');

describe.each(HONO_SERVERS)('a Hono application on $name: bodies of requests', (kind) => {
  const app = new Hono();
  app.post('/json', async (c) => c.json(await c.req.json()));
  app.post('/text', async (c) => c.text(await c.req.text()));
  app.post('/bytes', async (c) => c.body(await c.req.arrayBuffer()));
  app.post('/blob', async (c) => {
    const blob = await c.req.blob();
    return c.json({ type: blob.type, size: blob.size });
  });
  app.post('/form', async (c) => c.json(await c.req.parseBody({ all: true })));
  app.post('/files', async (c) => {
    const form = await c.req.formData();
    const file = form.get('file') as File;
    return c.json({ name: file.name, type: file.type, text: await file.text(), field: form.get('field') });
  });
  app.post('/twice', async (c) => {
    const text = await c.req.text();
    return c.json({ text, json: await c.req.json(), bytes: (await c.req.arrayBuffer()).byteLength });
  });
  app.post('/unread', (c) => c.text('unread'));
  app.use('/limited', bodyLimit({ maxSize: 10, onError: (c) => c.text('too large', 413) }));
  app.post('/limited', async (c) => c.text(await c.req.text()));

  it('reads JSON', () =>
    withKind(kind, app.fetch, async (port) => {
      const body = JSON.stringify({ text: UMLAUTS });
      const reply = await ask(port, '/json', { method: 'POST', headers: JSON_TYPE, body });
      expect(JSON.parse(reply.text)).toEqual({ text: UMLAUTS });
    }));

  it.each([
    ['announced', { body: UMLAUTS }],
    ['chunked', { chunks: ['zwö', 'lf Box', 'kämpfer'] }],
    ['with no byte', { body: '', headers: { 'Content-Length': '0' } }],
  ])('reads text that is %s', (_how, question) =>
    withKind(kind, app.fetch, async (port) => {
      const reply = await ask(port, '/text', { method: 'POST', ...question });
      expect(reply.text).toBe('chunks' in question || question.body !== '' ? UMLAUTS : '');
    }),
  );

  it('reads bytes, more than are buffered at once', () =>
    withKind(kind, app.fetch, async (port) => {
      const reply = await ask(port, '/bytes', { method: 'POST', body: LARGE });
      expect(reply.bytes.equals(LARGE)).toBe(true);
    }));

  it('reads a Blob with the media type', () =>
    withKind(kind, app.fetch, async (port) => {
      const headers = { 'Content-Type': 'image/png' };
      const reply = await ask(port, '/blob', { method: 'POST', headers, body: 'not an image' });
      expect(JSON.parse(reply.text)).toEqual({ type: 'image/png', size: 12 });
    }));

  it('reads a form', () =>
    withKind(kind, app.fetch, async (port) => {
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
      const reply = await ask(port, '/form', { method: 'POST', headers, body: 'a=1&b=x+y&b=%C3%A9' });
      expect(JSON.parse(reply.text)).toEqual({ a: '1', b: ['x y', 'é'] });
    }));

  it('reads a multipart form with a file', () =>
    withKind(kind, app.fetch, async (port) => {
      const form = new FormData();
      form.set('field', UMLAUTS);
      form.set('file', new File(['of a file'], 'a.txt', { type: 'text/plain' }));
      const encoded = new Response(form);
      const headers = { 'Content-Type': encoded.headers.get('Content-Type') as string };
      const body = Buffer.from(await encoded.arrayBuffer());
      const reply = await ask(port, '/files', { method: 'POST', headers, body });
      expect(JSON.parse(reply.text)).toEqual({
        name: 'a.txt',
        type: 'text/plain',
        text: 'of a file',
        field: UMLAUTS,
      });
    }));

  it('keeps what it has read, for middleware and handlers', () =>
    withKind(kind, app.fetch, async (port) => {
      const reply = await ask(port, '/twice', { method: 'POST', headers: JSON_TYPE, body: '{"a":1}' });
      expect(JSON.parse(reply.text)).toEqual({ text: '{"a":1}', json: { a: 1 }, bytes: 7 });
    }));

  it.each([
    ['announced', { body: 'more than ten' }],
    ['chunked', { chunks: ['more ', 'than ', 'ten'] }],
  ])('lets bodyLimit refuse a body that is %s and too large', (_how, question) =>
    withKind(kind, app.fetch, async (port) => {
      const large = await ask(port, '/limited', { method: 'POST', ...question });
      expect([large.status, large.text]).toEqual([413, 'too large']);
      const small = await ask(port, '/limited', { method: 'POST', body: 'small' });
      expect([small.status, small.text]).toEqual([200, 'small']);
    }),
  );

  it('accepts the next request after a body that was not read', () =>
    withKind(kind, app.fetch, async (port) => {
      const body = 'x'.repeat(10_000);
      const first = `POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      const second = 'POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
      const client = await RawClient.connect({ port }, first + second);
      expect(statusLines(await client.untilEnd())).toEqual(['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK']);
      client.close();
    }));
});

describe.each(ALL_SERVERS)('the body of a request on $name', (kind) => {
  it('arrives in pieces as the client sends them', () => {
    const read: string[] = [];
    return withKind(
      kind,
      async (request) => {
        const decoder = new TextDecoder();
        for await (const piece of request.body as ReadableStream<Uint8Array>) {
          read.push(decoder.decode(piece));
        }
        return new Response(read.join('|'));
      },
      async (port) => {
        const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n';
        const client = await RawClient.connect({ port }, `${head}5\r\nfirst\r\n`);
        while (read.length < 1) await new Promise(setImmediate);
        client.send('6\r\nsecond\r\n0\r\n\r\n');
        expect(await client.untilEnd()).toContain('first|second');
        client.close();
      },
    );
  });

  it('can be echoed while it arrives', () =>
    withKind(
      kind,
      (request) => new Response(request.body),
      async (port) => {
        const reply = await ask(port, '/', { method: 'POST', body: LARGE });
        expect(reply.bytes.equals(LARGE)).toBe(true);
      },
    ));

  it('is null for GET and HEAD', () =>
    withKind(
      kind,
      (request) => new Response(String(request.body)),
      async (port) => {
        expect((await ask(port, '/')).text).toBe('null');
      },
    ));

  it('can be read from a clone and from the request', () =>
    withKind(
      kind,
      async (request) => {
        const clone = request.clone();
        return Response.json([
          await clone.text(),
          await request.text(),
          clone.method,
          clone.url === request.url,
        ]);
      },
      async (port) => {
        const { text } = await ask(port, '/', { method: 'POST', body: 'twice' });
        expect(JSON.parse(text)).toEqual(['twice', 'twice', 'POST', true]);
      },
    ));

  it('can be cancelled', () =>
    withKind(
      kind,
      async (request) => {
        await request.body?.cancel();
        return new Response('cancelled');
      },
      async (port) => {
        expect((await ask(port, '/', { method: 'POST', body: 'cancelled' })).text).toBe('cancelled');
      },
    ));

  it('is asked for with 100 Continue when the client expects that', () =>
    withKind(
      kind,
      async (request) => new Response(await request.text()),
      async (port) => {
        const head =
          'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n';
        const client = await RawClient.connect({ port }, head);
        await client.until((received) => received.includes('100 Continue'));
        client.send('body');
        expect(await client.untilEnd()).toMatch(/\r\n\r\n(?:4\r\n)?body/);
        client.close();
      },
    ));

  it('rejects a reader when the client leaves in the middle', () => {
    let outcome: Promise<string> | undefined;
    return withKind(
      kind,
      async (request) => {
        outcome = request.text().then(
          () => 'read',
          (error: Error) => (error instanceof Error ? 'rejected' : 'rejected without an error'),
        );
        await outcome;
        return new Response('late');
      },
      async (port) => {
        const client = await RawClient.connect(
          { port },
          'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n',
        );
        while (outcome === undefined) await new Promise(setImmediate);
        client.reset();
        await once(client.socket, 'close');
        expect(await outcome).toBe('rejected');
      },
    );
  });
});

describe.each(HONO_SERVERS)('the request of a handler on $name', (kind) => {
  it('is a Request, with headers of that class', () =>
    withKind(
      kind,
      (request) => Response.json([request instanceof Request, request.headers instanceof Headers]),
      async (port) => expect(JSON.parse((await ask(port, '/')).text)).toEqual([true, true]),
    ));

  it('has a body that can be read once', () =>
    withKind(
      kind,
      async (request) => {
        const before = request.bodyUsed;
        await request.text();
        const again = await request.text().catch((error: Error) => error.name);
        const cloned = await (async () => request.clone())().catch((error: Error) => error.name);
        return Response.json([before, request.bodyUsed, again, cloned]);
      },
      async (port) => {
        const { text } = await ask(port, '/', { method: 'POST', body: 'once' });
        expect(JSON.parse(text)).toEqual([false, true, 'TypeError', 'TypeError']);
      },
    ));

  it('has the defaults of a Request', () =>
    withKind(
      kind,
      ({ cache, credentials, integrity, keepalive, mode, redirect, referrer, referrerPolicy, signal }) =>
        Response.json({
          ...{ cache, credentials, integrity, keepalive, mode, redirect, referrer, referrerPolicy },
          aborted: signal.aborted,
          isSignal: signal instanceof AbortSignal,
        }),
      async (port) => {
        const plain = new Request('http://a/');
        const { cache, credentials, integrity, keepalive, redirect, referrer, referrerPolicy } = plain;
        expect(JSON.parse((await ask(port, '/')).text)).toMatchObject({
          ...{ cache, credentials, integrity, keepalive, redirect, referrer, referrerPolicy },
          aborted: false,
          isSignal: true,
        });
      },
    ));

  it('has all values of repeated header fields', () =>
    withKind(
      kind,
      ({ headers }) =>
        Response.json({
          accept: headers.get('Accept'),
          cookie: headers.get('Cookie'),
          has: headers.has('x-one'),
          missing: headers.get('X-Missing'),
          names: [...headers.keys()].filter((name) => name.startsWith('x-')),
        }),
      async (port) => {
        const headers = { Accept: ['a/b', 'c/d'], Cookie: 'a=1; b=2', 'X-Two': 'x', 'X-One': 'y' };
        expect(JSON.parse((await ask(port, '/', { headers })).text)).toEqual({
          accept: 'a/b, c/d',
          cookie: 'a=1; b=2',
          has: true,
          missing: null,
          names: ['x-one', 'x-two'],
        });
      },
    ));

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])('has the method %s', (method) =>
    withKind(
      kind,
      (request) => new Response(request.method),
      async (port) => {
        expect((await ask(port, '/', { method })).text).toBe(method);
      },
    ),
  );
});

// @hono/node-server supports this only while it replaces the global Request.
describe.each(OUR_SERVERS)('the request of a handler on $name', (kind) => {
  it('can be the source of a new Request', () =>
    withKind(
      kind,
      async (request) => {
        const copy = new Request(request, { headers: { 'X-New': 'yes' } });
        return Response.json([copy.method, copy.url, copy.headers.get('x-new'), await copy.text()]);
      },
      async (port) => {
        const { text } = await ask(port, '/path', { method: 'PUT', body: 'copied' });
        expect(JSON.parse(text)).toEqual(['PUT', `http://127.0.0.1:${port}/path`, 'yes', 'copied']);
      },
    ));

  it('can be the source of a new Request with another URL and body', () =>
    withKind(
      kind,
      async (request) => {
        const copy = new Request('http://other/', new Request(request, { body: 'replaced' }));
        return Response.json([copy.method, copy.url, await copy.text()]);
      },
      async (port) => {
        const { text } = await ask(port, '/', { method: 'POST', body: 'original' });
        expect(JSON.parse(text)).toEqual(['POST', 'http://other/', 'replaced']);
      },
    ));
});

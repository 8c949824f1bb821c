import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, inflateSync } from 'node:zlib';
import type { HttpBindings } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import { earlyHints } from '@hono/node-server/early-hints';
import { serveStatic } from '@hono/node-server/serve-static';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { basicAuth } from 'hono/basic-auth';
import { compress } from 'hono/compress';
import { getCookie, getSignedCookie, setSignedCookie } from 'hono/cookie';
import { cors } from 'hono/cors';
import { csrf } from 'hono/csrf';
import { etag } from 'hono/etag';
import { poweredBy } from 'hono/powered-by';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import { timeout } from 'hono/timeout';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, HONO_SERVERS, responseOf, send, withKind } from './servers.ts';

const LONG = 'compressible '.repeat(1_000);

describe.each(HONO_SERVERS)('middleware of Hono on $name', (kind) => {
  it.each([
    ['gzip', gunzipSync],
    ['deflate', inflateSync],
  ])('compresses with %s', (coding, decode) => {
    const app = new Hono().use(compress()).get('/', (c) => c.text(LONG));
    return withKind(kind, app.fetch, async (port) => {
      const reply = await ask(port, '/', { headers: { 'Accept-Encoding': coding } });
      expect(reply.headers['content-encoding']).toBe(coding);
      expect(reply.headers['content-length']).toBeUndefined();
      expect(decode(reply.bytes).toString()).toBe(LONG);
    });
  });

  it('compresses error pages', () => {
    const app = new Hono().use(compress({ threshold: 0 }));
    app.get('/throws', () => {
      throw new Error('caught');
    });
    app.notFound((c) => c.text(`missing ${LONG}`, 404));
    app.onError((_error, c) => c.text(`failed ${LONG}`, 500));
    return withKind(kind, app.fetch, async (port) => {
      const headers = { 'Accept-Encoding': 'gzip' };
      const missing = await ask(port, '/nowhere', { headers });
      expect([missing.status, gunzipSync(missing.bytes).toString()]).toEqual([404, `missing ${LONG}`]);
      const failed = await ask(port, '/throws', { headers });
      expect([failed.status, gunzipSync(failed.bytes).toString()]).toEqual([500, `failed ${LONG}`]);
    });
  });

  it('makes an ETag, and answers a condition with 304', () => {
    const app = new Hono().use(etag()).get('/', (c) => c.body(Buffer.from('tagged')));
    return withKind(kind, app.fetch, async (port) => {
      const first = await ask(port, '/');
      const tag = first.headers.etag as string;
      expect([first.text, tag]).toEqual(['tagged', expect.stringMatching(/^"\w+"$/)]);
      const second = await ask(port, '/', { headers: { 'If-None-Match': tag } });
      expect([second.status, second.text]).toEqual([304, '']);
    });
  });

  it('answers CORS preflight requests', () => {
    const app = new Hono()
      .use(cors({ origin: 'https://a.example', maxAge: 60 }))
      .put('/', (c) => c.text('put'));
    return withKind(kind, app.fetch, async (port) => {
      const headers = { Origin: 'https://a.example', 'Access-Control-Request-Method': 'PUT' };
      const reply = await ask(port, '/', { method: 'OPTIONS', headers });
      expect([reply.status, reply.text]).toEqual([204, '']);
      expect(reply.headers).toMatchObject({
        'access-control-allow-origin': 'https://a.example',
        'access-control-max-age': '60',
      });
    });
  });

  it('refuses forms of other sites', () => {
    const app = new Hono().use(csrf()).post('/', (c) => c.text('accepted'));
    return withKind(kind, app.fetch, async (port) => {
      const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
      const post = (origin: string) =>
        ask(port, '/', { method: 'POST', headers: { ...form, Origin: origin }, body: 'a=1' });
      expect((await post('https://evil.example')).status).toBe(403);
      expect((await post(`http://127.0.0.1:${port}`)).text).toBe('accepted');
    });
  });

  it('ends a slow handler', () => {
    const app = new Hono().use(timeout(1)).get('/', () => new Promise<Response>(() => {}));
    return withKind(kind, app.fetch, async (port) => {
      expect((await ask(port, '/')).status).toBe(504);
    });
  });

  it('asks for a password, which may have any character', () => {
    const app = new Hono()
      .use(basicAuth({ username: 'hönö', password: 'pässwörd' }))
      .get('/', (c) => c.text('in'));
    return withKind(kind, app.fetch, async (port) => {
      const refused = await ask(port, '/');
      expect([refused.status, refused.headers['www-authenticate']]).toEqual([
        401,
        'Basic realm="Secure Area"',
      ]);
      const Authorization = `Basic ${Buffer.from('hönö:pässwörd').toString('base64')}`;
      expect((await ask(port, '/', { headers: { Authorization } })).text).toBe('in');
    });
  });

  it('signs cookies, and reads them', () => {
    const app = new Hono();
    app.get('/set', async (c) => {
      await setSignedCookie(c, 'user', 'ada', 'secret');
      return c.text('set');
    });
    app.get('/get', async (c) => c.json([await getSignedCookie(c, 'secret', 'user'), getCookie(c, 'other')]));
    return withKind(kind, app.fetch, async (port) => {
      const [cookie] = (await ask(port, '/set')).headers['set-cookie'] as string[];
      const Cookie = `${(cookie as string).split(';')[0]}; other=1`;
      expect(JSON.parse((await ask(port, '/get', { headers: { Cookie } })).text)).toEqual(['ada', '1']);
    });
  });

  it('adds headers', () => {
    const app = new Hono().use(poweredBy(), secureHeaders(), requestId()).get('/', (c) => c.text('x'));
    return withKind(kind, app.fetch, async (port) => {
      const { headers } = await ask(port, '/', { headers: { 'X-Request-Id': 'given-id' } });
      expect(headers).toMatchObject({
        'x-powered-by': 'Hono',
        'x-content-type-options': 'nosniff',
        'x-request-id': 'given-id',
      });
    });
  });
});

describe.each(HONO_SERVERS)('the helpers of @hono/node-server on $name', (kind) => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'landspout-static-'));
    writeFileSync(join(folder, 'plain.txt'), 'plain text');
    writeFileSync(join(folder, 'index.html'), '<h1>index</h1>');
    writeFileSync(join(folder, 'large.bin'), Buffer.alloc(2_000_000, 7));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('tell the address of the client', () => {
    const app = new Hono().get('/', (c) => c.json(getConnInfo(c).remote));
    return withKind(kind, app.fetch, async (port) => {
      expect(JSON.parse((await ask(port, '/')).text)).toEqual({
        address: '127.0.0.1',
        addressType: 'IPv4',
        port: expect.any(Number),
      });
    });
  });

  it.each([
    ['/plain.txt', 200, 'text/plain; charset=utf-8', 'plain text'],
    ['/', 200, 'text/html; charset=utf-8', '<h1>index</h1>'],
    ['/missing.txt', 404, 'text/plain; charset=UTF-8', '404 Not Found'],
    ['/..%2f..%2fetc/passwd', 404, 'text/plain; charset=UTF-8', '404 Not Found'],
  ])('serve the file of %s', (path, status, type, text) => {
    const app = new Hono().use(serveStatic({ root: folder }));
    return withKind(kind, app.fetch, async (port) => {
      const reply = await ask(port, path);
      expect([reply.status, reply.headers['content-type'], reply.text]).toEqual([status, type, text]);
    });
  });

  it('serve a large file, and ranges of it', () => {
    const app = new Hono().use(serveStatic({ root: folder }));
    return withKind(kind, app.fetch, async (port) => {
      const whole = await ask(port, '/large.bin');
      expect([whole.headers['content-length'], whole.bytes.length]).toEqual(['2000000', 2_000_000]);
      const part = await ask(port, '/large.bin', { headers: { Range: 'bytes=10-19' } });
      expect([part.status, part.headers['content-range'], part.bytes.length]).toEqual([
        206,
        'bytes 10-19/2000000',
        10,
      ]);
      const head = await ask(port, '/large.bin', { method: 'HEAD' });
      expect([head.headers['content-length'], head.bytes.length]).toEqual(['2000000', 0]);
    });
  });

  it('let the handler respond by the objects of node:http', () => {
    const app = new Hono<{ Bindings: HttpBindings }>().get('/:what', (c) => {
      const { incoming, outgoing } = c.env;
      outgoing.writeHead(203, { 'Content-Type': 'text/plain', 'X-Url': incoming.url as string });
      outgoing.write(`${incoming.method} `);
      outgoing.end('by node:http');
      return RESPONSE_ALREADY_SENT;
    });
    return withKind(kind, app.fetch, async (port) => {
      const reply = await ask(port, '/path?q');
      expect([reply.status, reply.headers['x-url'], reply.text]).toEqual([
        203,
        '/path?q',
        'GET by node:http',
      ]);
      expect(reply.headers['x-hono-already-sent']).toBeUndefined();
    });
  });

  it('let the handler respond later by the objects of node:http', () => {
    const app = new Hono<{ Bindings: HttpBindings }>().get('/', (c) => {
      setImmediate(() => c.env.outgoing.end('later'));
      return RESPONSE_ALREADY_SENT;
    });
    return withKind(kind, app.fetch, async (port) => {
      expect((await ask(port, '/')).text).toBe('later');
    });
  });

  it('send early hints', () => {
    const link = '</style.css>; rel=preload; as=style';
    const app = new Hono().use(earlyHints({ link })).get('/', (c) => c.text('final'));
    return withKind(kind, app.fetch, async (port) => {
      const sending = send(port, '/');
      const hints: unknown[] = [];
      sending.on('information', ({ statusCode, headers }) => hints.push([statusCode, headers.link]));
      const message = await responseOf(sending);
      expect(hints).toEqual([[103, link]]);
      expect(message.statusCode).toBe(200);
      message.resume();
    });
  });
});

import { execFile } from 'node:child_process';
import type { RequestListener } from 'node:http';
import { promisify } from 'node:util';
import { getRequestListener } from '@hono/node-server';
import { HTTPHeaders } from '@landspout/http1';
import { H3 } from 'h3';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { compress } from 'hono/compress';
import { toNodeHandler as srvxToNode } from 'srvx/node';
import { describe, expect, it } from 'vitest';
import { exchangeOf, FetchContainer, toFetchHandler } from '../../src/fetch/index.ts';
import { converse, RawClient, statusLines } from '../fixtures/raw-client.ts';
import { RecordingDelegate } from '../fixtures/recording-delegate.ts';
import { waitUntil, withServer } from '../fixtures/running-server.ts';
import { deferred, RecordingLogger, respond, withNodeServer } from './outer-servers.ts';

const curl = promisify(execFile);

function streaming(gate: Promise<void>): RecordingDelegate {
  return new RecordingDelegate({
    finish: async ({ exchange }) => {
      exchange.writeHead(200, '', HTTPHeaders.from({ 'Content-Type': 'text/plain' }), 'one ');
      await gate;
      exchange.write('two');
      exchange.finish();
    },
  });
}

describe('toFetchHandler in Hono', () => {
  it('is mounted below a path', async () => {
    const delegate = new RecordingDelegate();
    const app = new Hono();
    app.get('/', (context) => context.text('hono'));
    app.mount('/live', toFetchHandler(delegate, { mountPath: '/live' }));
    expect(await (await app.request('/')).text()).toBe('hono');
    const response = await app.request('/live/items/1?a=b', { method: 'POST', body: 'a body' });
    expect(await response.text()).toBe('6 bytes');
    expect(delegate.requests[0]?.head).toMatchObject({ mountPath: '/live', target: '/items/1?a=b' });
  });

  it('handles all paths with c.req.raw, also HEAD', async () => {
    const delegate = new RecordingDelegate();
    const handler = toFetchHandler(delegate);
    const app = new Hono();
    app.all('*', (context) => handler(context.req.raw));
    expect(await (await app.request('/a')).text()).toBe('0 bytes');
    const head = await app.request('/a', { method: 'HEAD' });
    expect(head.headers.get('Content-Length')).toBe('7');
    expect(delegate.requests.map(({ head: { method } = {} }) => method)).toEqual(['GET', 'HEAD']);
  });

  it('lets middleware change the response', async () => {
    const app = new Hono();
    app.use(compress());
    app.use(async (context, next) => {
      await next();
      context.header('X-Theirs', '1');
    });
    const text = 'text '.repeat(1_000);
    const handler = toFetchHandler(
      new RecordingDelegate({
        finish: ({ exchange }) => {
          const headers = new HTTPHeaders().set('Content-Type', 'text/plain');
          exchange.writeHead(200, '', headers.add('Set-Cookie', 'a=1').add('Set-Cookie', 'b=2'), text, true);
        },
      }),
    );
    app.all('*', (context) => handler(context.req.raw));
    await withNodeServer(getRequestListener(app.fetch), async ({ url }) => {
      const response = await fetch(url, { headers: { 'Accept-Encoding': 'gzip' } });
      expect(response.headers.get('Content-Encoding')).toBe('gzip');
      expect(response.headers.get('X-Theirs')).toBe('1');
      expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
      expect(await response.text()).toBe(text);
    });
  });

  it('rejects if a body limit of Hono fails the body, and Hono responds', async () => {
    const delegate = new RecordingDelegate();
    const handler = toFetchHandler(delegate);
    const app = new Hono();
    app.use(bodyLimit({ maxSize: 3 }));
    app.all('*', (context) => handler(context.req.raw));
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('a body'));
        controller.close();
      },
    });
    const init = { method: 'POST', body, duplex: 'half', headers: { 'Transfer-Encoding': 'chunked' } };
    expect((await app.request('/', init as RequestInit)).status).toBe(413);
  });
});

const SERVERS = [
  ['@hono/node-server', (fetch: (request: Request) => Promise<Response>) => getRequestListener(fetch)],
  ['srvx', (fetch: (request: Request) => Promise<Response>) => srvxToNode(fetch) as RequestListener],
] as const;

describe('toFetchHandler with the environment of @hono/node-server', () => {
  it('knows the address of a client that has left', async () => {
    const delegate = new RecordingDelegate({ finish: () => {} });
    const handler = toFetchHandler(delegate);
    const listener = getRequestListener((request, environment) => handler(request, environment));
    await withNodeServer(listener, async ({ port }) => {
      const client = await RawClient.connect({ port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await waitUntil(() => delegate.requests[0]?.calls.includes('finish') === true);
      client.reset();
      await waitUntil(() => delegate.requests[0]?.closedWith.length === 1);
      expect(delegate.requests[0]?.exchange.connection.remoteAddress).toMatchObject({ address: '127.0.0.1' });
    });
  });
});

describe.each(SERVERS)('toFetchHandler on %s', (_name, listenerOf) => {
  it('streams both ways', async () => {
    const delegate = new RecordingDelegate({
      head: ({ exchange }) => exchange.writeHead(200, '', new HTTPHeaders()),
      data: ({ exchange }, chunk) => exchange.write(chunk),
      finish: ({ exchange }) => exchange.finish(),
    });
    await withNodeServer(listenerOf(toFetchHandler(delegate)), async ({ port }) => {
      const client = await RawClient.connect(
        { port },
        'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
      );
      await client.until((received) => received.includes('abc'));
      client.send('3\r\ndef\r\n0\r\n\r\n');
      await client.until((received) => received.includes('def') && received.endsWith('0\r\n\r\n'));
      client.close();
    });
  });

  it('sends the start of a response before its end', async () => {
    const gate = deferred();
    await withNodeServer(listenerOf(toFetchHandler(streaming(gate.promise))), async ({ port }) => {
      const client = await RawClient.connect({ port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.until((received) => received.includes('one '));
      gate.resolve();
      await client.until((received) => received.includes('two') && received.endsWith('0\r\n\r\n'));
      client.close();
    });
  });

  it('notifies the delegate if the client leaves before the response', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate({ finish: () => {} });
    await withNodeServer(listenerOf(toFetchHandler(delegate, { logger })), async ({ port }) => {
      const client = await RawClient.connect({ port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await waitUntil(() => delegate.requests[0]?.calls.includes('finish') === true);
      client.reset();
      await waitUntil(() => delegate.requests[0]?.closedWith.length === 1);
      expect(logger.records).toEqual([]);
    });
  });

  it('notifies the delegate if the client leaves during the response', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate({
      finish: async ({ exchange }) => {
        exchange.writeHead(200, '', new HTTPHeaders());
        for (;;) {
          exchange.write(Buffer.alloc(50_000));
          await exchange.waitDrained();
        }
      },
    });
    await withNodeServer(listenerOf(toFetchHandler(delegate, { logger })), async ({ port }) => {
      const client = await RawClient.connect({ port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.until((received) => received.length > 100_000);
      client.reset();
      await waitUntil(() => delegate.requests[0]?.closedWith.length === 1);
      await new Promise((resolve) => setImmediate(resolve));
      expect(logger.records).toEqual([]);
    });
  });

  it('sends a 413 that the client can read', async () => {
    const logger = new RecordingLogger();
    const handler = toFetchHandler(new RecordingDelegate(), { maxBodyBytes: 100, logger });
    await withNodeServer(listenerOf(handler), async ({ url }) => {
      const given = ['-s', '-S', '-o', '/dev/null', '-w', '%{http_code}', '--data-binary', '@-', url];
      const child = curl('curl', given);
      child.child.stdin?.end('x'.repeat(10_000));
      expect((await child).stdout).toBe('413');
    });
  });
});

describe('toFetchHandler in h3', () => {
  it('handles all paths', async () => {
    const delegate = new RecordingDelegate();
    const handler = toFetchHandler(delegate);
    const app = new H3();
    app.all('/live/**', (event) => handler(event.req));
    const request = new Request('http://a.example/live/1?a=b', { method: 'POST', body: 'a body' });
    expect(await (await app.fetch(request)).text()).toBe('6 bytes');
    expect(delegate.requests[0]?.head?.target).toBe('/live/1?a=b');
  });
});

describe('toFetchHandler in a FetchContainer', () => {
  it('describes the connection, and sends interim responses', async () => {
    const delegate = new RecordingDelegate({
      head: ({ exchange }) => exchange.writeInterim(103, HTTPHeaders.from({ Link: '</a.css>; rel=preload' })),
    });
    const container = new FetchContainer(toFetchHandler(delegate));
    await withServer(container, async ({ port }) => {
      const client = await RawClient.connect(
        { port },
        'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      );
      expect(statusLines(await client.untilEnd())).toEqual(['HTTP/1.1 103 Early Hints', 'HTTP/1.1 200 Said']);
      client.close();
      expect(delegate.requests[0]?.exchange.connection.remoteAddress).toMatchObject({ address: '127.0.0.1' });
    });
  });

  it.each([
    ['the protocol of the options', {}, {}, { protocol: 'https', remoteAddress: '127.0.0.1' }],
    [
      'what the proxies of the server report',
      { trustedProxies: ['127.0.0.1'] },
      {},
      { protocol: 'http', remoteAddress: '10.0.0.1' },
    ],
    [
      'what the proxies of the handler report',
      {},
      { trustedProxies: ['127.0.0.1'] },
      { protocol: 'http', remoteAddress: '10.0.0.1' },
    ],
    [
      // A client at 10.0.0.1 could otherwise choose the address to its left.
      'what the proxies of the server report, if the handler trusts more of them',
      { trustedProxies: ['127.0.0.1'] },
      { trustedProxies: ['127.0.0.1', '10.0.0.0/8'] },
      { protocol: 'http', remoteAddress: '10.0.0.1' },
    ],
  ])('describes requests by %s', async (_name, ofServer, ofHandler, expected) => {
    const delegate = new RecordingDelegate();
    const handler = toFetchHandler(delegate, { protocol: 'https', ...ofHandler });
    const proxied = 'X-Forwarded-For: 192.0.2.1, 10.0.0.1\r\nX-Forwarded-Proto: http\r\n';
    await withServer(
      new FetchContainer(handler),
      async ({ port }) => {
        await converse(port, `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${proxied}\r\n`);
        const { protocol, remoteAddress } = delegate.requests[0]?.exchange.connection ?? {};
        expect({ protocol, remoteAddress: (remoteAddress as { address?: string }).address }).toEqual(
          expected,
        );
      },
      ofServer,
    );
  });

  it('sets the protocol if the proxies of the server report only the address', async () => {
    const delegate = new RecordingDelegate();
    const container = new FetchContainer(toFetchHandler(delegate, { protocol: 'https' }));
    const options = { trustedProxies: ['127.0.0.1'], forwardedHost: true };
    await withServer(
      container,
      async ({ port }) => {
        const proxied = 'X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: b.example\r\n';
        await converse(port, `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${proxied}\r\n`);
        expect(delegate.requests[0]?.exchange.connection).toMatchObject({
          protocol: 'https',
          remoteAddress: { address: '192.0.2.1' },
          forwardedHost: 'b.example',
        });
      },
      options,
    );
  });

  it('sends the Upgrade of a 426, which other servers may refuse, but not the fields of a connection', async () => {
    const fields = { Upgrade: 'echo', 'Keep-Alive': 'timeout=1', 'Proxy-Connection': 'close', 'X-Own': '1' };
    const delegate = new RecordingDelegate({
      finish: ({ exchange }) => respond(exchange, 426, '', { ...fields, Connection: 'Upgrade' }),
    });
    const handler = toFetchHandler(delegate);
    await withServer(new FetchContainer(handler), async ({ port }) => {
      const received = await converse(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      expect(received.toLowerCase()).toMatch(/^upgrade: echo\r$/m);
      expect(received).toMatch(/^X-Own: 1\r$/im);
      expect(received).not.toMatch(/^(?:keep-alive|proxy-connection):/im);
    });
    const { headers } = await handler(new Request('http://a.example/'));
    expect([...headers.keys()]).toEqual(['content-length', 'x-own']);
  });

  it('hands the connection over', async () => {
    const delegate = new RecordingDelegate({
      head: ({ exchange }) => {
        const stream = exchange.detach();
        stream.send('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
        void stream.pipeTo(stream).catch(() => {});
      },
    });
    const handler = toFetchHandler(delegate);
    const app = new Hono();
    app.all('*', (context) => {
      expect(exchangeOf(context.req.raw)).toBeDefined();
      return handler(context.req.raw);
    });
    await withServer(new FetchContainer(app.fetch), async ({ port, records }) => {
      const upgrade = 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n';
      const client = await RawClient.connect({ port }, `${upgrade}early `);
      await client.until((received) => received.endsWith('early '));
      client.send('late');
      await client.until((received) => received.endsWith('early late'));
      client.close();
      expect(records.filter(({ level }) => level === 'error')).toEqual([]);
      expect(delegate.requests[0]?.calls).toEqual(['head']);
    });
  });
});

import { execFile } from 'node:child_process';
import { open, unlink, writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HTTPHeaders, HTTPInputError } from '@landspout/http1';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { HTTPDetachError, toNodeHandler } from '../../src/node/index.ts';
import { makeCertificate } from '../fixtures/certificate.ts';
import { converse, RawClient, statusLines } from '../fixtures/raw-client.ts';
import { RecordingDelegate } from '../fixtures/recording-delegate.ts';
import { waitUntil } from '../fixtures/running-server.ts';
import { deferred, RecordingLogger, respond, withNodeServer } from './outer-servers.ts';

const curl = promisify(execFile);

/** A request whose response is the last of its connection. */
function lastRequest(line: string, fields = '', body = ''): string {
  return `${line} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n${fields}\r\n${body}`;
}

describe('toNodeHandler: the request', () => {
  it('passes method, target, headers and body', async () => {
    const delegate = new RecordingDelegate();
    await withNodeServer(toNodeHandler(delegate), async ({ url, port }) => {
      const response = await fetch(`${url}/items?id=1`, {
        method: 'PUT',
        body: 'a body',
        headers: [
          ['X-One', 'a'],
          ['X-Two', 'b'],
        ],
      });
      expect([response.status, await response.text()]).toEqual([200, '6 bytes']);
      const [received] = delegate.requests;
      expect(received?.head).toMatchObject({ method: 'PUT', target: '/items?id=1', version: 'HTTP/1.1' });
      expect(received?.head?.headers.get('Host')).toBe(`127.0.0.1:${port}`);
      expect(received?.head?.headers.get('X-Two')).toBe('b');
      expect(received?.head?.mountPath).toBeUndefined();
      expect(received?.body.toString()).toBe('a body');
    });
  });

  it('passes a chunked body and its trailers', async () => {
    const delegate = new RecordingDelegate();
    await withNodeServer(toNodeHandler(delegate), async ({ port }) => {
      const body = '4\r\nabcd\r\n2\r\nef\r\n0\r\nX-Sum: 6\r\n\r\n';
      const received = await converse(port, lastRequest('POST /', 'Transfer-Encoding: chunked\r\n', body));
      expect(statusLines(received)).toEqual(['HTTP/1.1 200 Said']);
      expect(delegate.requests[0]?.body.toString()).toBe('abcdef');
      expect(delegate.requests[0]?.trailers?.get('X-Sum')).toBe('6');
    });
  });

  it('describes the connection, once for all of its requests', async () => {
    const closed: unknown[] = [];
    const delegate = Object.assign(new RecordingDelegate(), {
      onClose: (connection: unknown) => void closed.push(connection),
    });
    await withNodeServer(toNodeHandler(delegate), async ({ port }) => {
      const head = 'GET / HTTP/1.1\r\nHost: a\r\n';
      await converse(port, `${head}\r\n${head}Connection: close\r\n\r\n`);
      await waitUntil(() => closed.length > 0);
      const [first, second] = delegate.requests.map(({ exchange }) => exchange.connection);
      expect(first).toMatchObject({
        protocol: 'http',
        tls: undefined,
        remoteAddress: { family: 'IPv4', address: '127.0.0.1' },
        localAddress: { family: 'IPv4', address: '127.0.0.1', port },
      });
      expect(second).toBe(first);
      expect(closed).toEqual([first]);
    });
  });

  it('describes TLS', async () => {
    const identity = makeCertificate();
    const names: unknown[] = [];
    const delegate = new RecordingDelegate({
      finish: (received) => {
        names.push(received.exchange.connection.tls?.getPeerCertificate()?.subject.CN);
        received.answer(200, 'ok');
      },
    });
    await withNodeServer(
      toNodeHandler(delegate),
      async ({ port }) => {
        const options = { ca: identity.cert, cert: identity.cert, key: identity.key, agent: false };
        await new Promise<void>((resolve, reject) => {
          const client = httpsRequest(`https://localhost:${port}/`, options, (response) => {
            response.resume().once('end', resolve);
          });
          client.once('error', reject).end();
        });
        const { tls, protocol } = delegate.requests[0]?.exchange.connection ?? {};
        expect(protocol).toBe('https');
        expect(tls).toMatchObject({ authorized: true, servername: 'localhost', isSessionReused: false });
        expect(tls?.protocol).toMatch(/^TLSv1/);
        expect(tls?.cipher).toMatch(/^TLS_/);
        expect(names).toEqual(['localhost']);
      },
      { ...identity, ca: identity.cert, requestCert: true },
    );
  });

  it('describes a client without the certificate that was requested as unauthorized, without an error', async () => {
    const { cert, key } = makeCertificate();
    const delegate = new RecordingDelegate();
    await withNodeServer(
      toNodeHandler(delegate),
      async ({ port }) => {
        await new Promise<void>((resolve, reject) => {
          const options = { ca: cert, agent: false };
          const client = httpsRequest(`https://localhost:${port}/`, options, (response) => {
            response.resume().once('end', resolve);
          });
          client.once('error', reject).end();
        });
        const { tls } = delegate.requests[0]?.exchange.connection ?? {};
        expect(tls).toMatchObject({ authorized: false, authorizationError: undefined });
      },
      { cert, key, ca: cert, requestCert: true, rejectUnauthorized: false },
    );
  });

  it('reads no more of the body while the promise of the delegate is pending', async () => {
    const gate = deferred();
    const delegate = new RecordingDelegate({ data: () => gate.promise, keep: false });
    await withNodeServer(toNodeHandler(delegate), async ({ port }) => {
      const client = await RawClient.connect(
        { port },
        lastRequest('POST /', 'Content-Length: 4000000\r\n', 'x'.repeat(4_000_000)),
      );
      await waitUntil(() => (delegate.requests[0]?.bytes ?? 0) > 0);
      const first = delegate.requests[0]?.bytes as number;
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(delegate.requests[0]?.bytes).toBe(first);
      gate.resolve();
      expect(await client.untilEnd()).toContain('4000000 bytes');
      client.close();
    });
  });

  it('delivers the end of a body after the promise for its last chunk', async () => {
    const gate = deferred();
    const delegate = new RecordingDelegate({ data: () => gate.promise });
    await withNodeServer(toNodeHandler(delegate), async ({ url }) => {
      const response = fetch(url, { method: 'POST', body: 'x' });
      await waitUntil(() => delegate.requests[0]?.bytes === 1);
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(delegate.requests[0]?.calls).toEqual(['head', 'data']);
      gate.resolve();
      expect(await (await response).text()).toBe('1 bytes');
    });
  });

  it('removes the mountPath, and leaves other paths to the next handler or responds with a 404', async () => {
    const delegate = new RecordingDelegate();
    const handler = toNodeHandler(delegate, { mountPath: '/live', logger: new RecordingLogger() });
    await withNodeServer(handler, async ({ url }) => {
      expect((await fetch(`${url}/live/a?b=/live`)).status).toBe(200);
      expect((await fetch(`${url}/lively`)).status).toBe(404);
    });
    const withNext = (incoming: IncomingMessage, response: ServerResponse) =>
      handler(incoming, response, () => response.end('next'));
    await withNodeServer(withNext, async ({ url }) => {
      expect(await (await fetch(`${url}/lively`)).text()).toBe('next');
    });
    expect(delegate.requests.map(({ head }) => [head?.mountPath, head?.target])).toEqual([
      ['/live', '/a?b=/live'],
    ]);
  });

  it('uses the bytes that middleware has read, and fails if it has kept none', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate();
    const handler = toNodeHandler(delegate, { logger });
    const reading = (keeps: boolean) => async (incoming: IncomingMessage, response: ServerResponse) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      if (keeps) Object.assign(incoming, { body: Buffer.concat(chunks) });
      handler(incoming, response);
    };
    await withNodeServer(reading(true), async ({ url }) => {
      expect(await (await fetch(url, { method: 'POST', body: 'a body' })).text()).toBe('6 bytes');
    });
    await withNodeServer(reading(false), async ({ url }) => {
      expect((await fetch(url, { method: 'POST', body: 'a body' })).status).toBe(500);
      expect(logger.problems).toMatchObject([{ error: { code: 'ERR_HTTP_USAGE' } }]);
    });
  });
});

describe('toNodeHandler: the response', () => {
  it('has the status, its reason, and every Set-Cookie, and keeps the connection', async () => {
    const headers = new HTTPHeaders().add('Set-Cookie', 'a=1').add('Set-Cookie', 'b=2');
    const delegate = new RecordingDelegate({
      finish: ({ exchange }) => exchange.writeHead(201, 'Made', headers, 'ok', true),
    });
    await withNodeServer(toNodeHandler(delegate), async ({ port }) => {
      const head = 'GET / HTTP/1.1\r\nHost: a\r\n';
      const received = await converse(port, `${head}\r\n${head}Connection: close\r\n\r\n`);
      expect(statusLines(received)).toEqual(['HTTP/1.1 201 Made', 'HTTP/1.1 201 Made']);
      expect(received).toMatch(/Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n/);
      expect(received).toMatch(/Content-Length: 2\r\n/);
    });
  });

  it('keeps headers of middleware, replaces those of the same name, and adds to cookies and Vary', async () => {
    const delegate = new RecordingDelegate({
      finish: ({ exchange }) =>
        respond(exchange, 200, 'ok', { 'Set-Cookie': 'b=2', Vary: 'Accept', 'X-Same': 'ours' }),
    });
    const handler = toNodeHandler(delegate);
    const middleware = (incoming: IncomingMessage, response: ServerResponse) => {
      response.setHeader('Set-Cookie', 'a=1').setHeader('Vary', 'Origin');
      response.setHeader('X-Same', 'theirs').setHeader('X-Other', 'theirs');
      handler(incoming, response);
    };
    await withNodeServer(middleware, async ({ url }) => {
      const response = await fetch(url);
      expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
      expect(response.headers.get('Vary')).toBe('Origin, Accept');
      expect(response.headers.get('X-Same')).toBe('ours');
      expect(response.headers.get('X-Other')).toBe('theirs');
    });
  });

  it.each([
    ['GET', 204],
    ['GET', 205],
    ['GET', 304],
    ['HEAD', 200],
  ])('has no body for %s with the status %i', async (method, status) => {
    const delegate = new RecordingDelegate({
      finish: ({ exchange }) => respond(exchange, status, status === 200 ? 'hello' : ''),
    });
    await withNodeServer(toNodeHandler(delegate), async ({ port }) => {
      const received = await converse(port, lastRequest(`${method} /`));
      expect(received).toMatch(/\r\n\r\n$/);
      const length = /Content-Length: (\d+)/.exec(received)?.[1];
      expect(length).toBe(method === 'HEAD' ? '5' : status === 205 ? '0' : undefined);
    });
  });

  it('sends the headers at once, and then what is written, with trailers', async () => {
    const gate = deferred();
    const delegate = new RecordingDelegate({
      finish: async ({ exchange }) => {
        exchange.writeHead(200, '', HTTPHeaders.from({ Trailer: 'X-Sum' }));
        await gate.promise;
        exchange.write('hello');
        exchange.finish(HTTPHeaders.from({ 'X-Sum': '5' }));
      },
    });
    await withNodeServer(toNodeHandler(delegate), async ({ port }) => {
      const client = await RawClient.connect({ port }, lastRequest('GET /'));
      await client.until((received) => received.endsWith('\r\n\r\n'));
      gate.resolve();
      expect(await client.untilEnd()).toMatch(/5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n$/);
      client.close();
    });
  });

  it('waits for a client that does not read', async () => {
    const delegate = new RecordingDelegate({
      finish: async ({ exchange }) => {
        exchange.writeHead(200, '', new HTTPHeaders());
        for (let at = 0; at < 200; at += 1) {
          exchange.write(Buffer.alloc(100_000, 'x'));
          if (exchange.isDrained !== true) await exchange.waitDrained();
        }
        exchange.finish();
      },
    });
    await withNodeServer(toNodeHandler(delegate), async ({ port }) => {
      const client = await RawClient.connect({ port }, lastRequest('GET /'));
      client.socket.pause();
      await waitUntil(() => delegate.requests[0]?.exchange.isDrained === false);
      expect(delegate.requests[0]?.exchange.bodyBytesSent).toBeLessThan(20_000_000);
      client.socket.resume();
      const received = await client.untilEnd();
      expect(received.split('x').length - 1).toBeGreaterThanOrEqual(20_000_000);
      client.close();
    });
  });

  it('sends parts of files in the order of the calls', async () => {
    const path = join(tmpdir(), `landspout-reverse-node-${process.pid}`);
    await writeFile(path, 'x'.repeat(3_000_000));
    const file = await open(path);
    try {
      const sent: string[] = [];
      const delegate = new RecordingDelegate({
        finish: ({ exchange }) => {
          exchange.writeHead(200, '', HTTPHeaders.from({ 'Content-Length': '2500002' }), '<');
          void exchange.writeFile(file, { end: 2_500_000 }).then(() => sent.push('file'));
          exchange.write('>');
          exchange.finish();
        },
      });
      await withNodeServer(toNodeHandler(delegate), async ({ url }) => {
        const text = await (await fetch(url)).text();
        expect(text).toBe(`<${'x'.repeat(2_500_000)}>`);
        expect(sent).toEqual(['file']);
      });
    } finally {
      await file.close();
      await unlink(path);
    }
  });

  it('sends interim responses', async () => {
    const delegate = new RecordingDelegate({
      head: ({ exchange }) => {
        exchange.writeInterim(102);
        exchange.writeInterim(103, HTTPHeaders.from({ Link: '</a.css>; rel=preload; as=style' }));
      },
    });
    await withNodeServer(toNodeHandler(delegate), async ({ port }) => {
      const received = await converse(port, lastRequest('GET /'));
      expect(statusLines(received)).toEqual([
        'HTTP/1.1 102 Processing',
        'HTTP/1.1 103 Early Hints',
        'HTTP/1.1 200 Said',
      ]);
      expect(received.toLowerCase()).toContain('link: </a.css>; rel=preload; as=style');
    });
  });

  it('works with curl, with an upload that waits for 100 Continue', async () => {
    await withNodeServer(toNodeHandler(new RecordingDelegate()), async ({ url }) => {
      const given = ['-s', '-S', '-i', '--data-binary', 'x'.repeat(2_000), '-H', 'Expect: 100-continue', url];
      const { stdout } = await curl('curl', given);
      expect(statusLines(stdout)).toEqual(['HTTP/1.1 100 Continue', 'HTTP/1.1 200 Said']);
      expect(stdout).toContain('2000 bytes');
    });
  });

  it('responds to an HTTP/1.0 client', async () => {
    const delegate = new RecordingDelegate({
      finish: ({ exchange }) => {
        exchange.writeHead(200, '', new HTTPHeaders(), 'hel');
        exchange.write('lo');
        exchange.finish();
      },
    });
    await withNodeServer(toNodeHandler(delegate), async ({ port }) => {
      const received = await converse(port, 'GET / HTTP/1.0\r\n\r\n');
      expect(received).toMatch(/\r\n\r\nhello$/);
      expect(delegate.requests[0]?.head?.version).toBe('HTTP/1.0');
    });
  });
});

describe('toNodeHandler: failures', () => {
  it('responds with a 500 and logs one record if the delegate throws', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate({ finish: () => Promise.reject(new Error('secret')) });
    await withNodeServer(toNodeHandler(delegate, { logger }), async ({ url }) => {
      const response = await fetch(url);
      expect([response.status, await response.text()]).toEqual([500, '500 Internal Server Error\n']);
      expect(logger.records).toMatchObject([{ level: 'error', error: { message: 'secret' } }]);
    });
  });

  it('resets the connection if the delegate fails or aborts after the headers', async () => {
    const logger = new RecordingLogger();
    for (const end of ['throw', 'abort'] as const) {
      const delegate = new RecordingDelegate({
        finish: ({ exchange }) => {
          exchange.writeHead(200, '', new HTTPHeaders(), 'part');
          if (end === 'throw') throw new Error('late');
          exchange.abort();
        },
      });
      await withNodeServer(toNodeHandler(delegate, { logger }), async ({ port }) => {
        const client = await RawClient.connect({ port }, lastRequest('GET /'));
        await client.untilEnd();
        expect(client.errorCode).toBe('ECONNRESET');
        expect(delegate.requests[0]?.closedWith).toHaveLength(1);
        expect(delegate.requests[0]?.exchange.isCut).toBe(true);
        client.close();
      });
    }
    expect(logger.problems).toHaveLength(1);
  });

  it('responds with the status of an HTTPInputError', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate({
      data: () => {
        throw new HTTPInputError('bad coding', 415);
      },
    });
    await withNodeServer(toNodeHandler(delegate, { logger }), async ({ url }) => {
      const response = await fetch(url, { method: 'POST', body: 'x' });
      expect([response.status, await response.text()]).toEqual([
        415,
        '415 Unsupported Media Type: bad coding\n',
      ]);
      expect(logger.problems).toEqual([]);
    });
  });

  it('throws HTTPDetachError from detach, and responds with a 501', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate({ head: ({ exchange }) => void exchange.detach() });
    await withNodeServer(toNodeHandler(delegate, { logger }), async ({ port }) => {
      const received = await converse(port, lastRequest('GET /'));
      expect(statusLines(received)).toEqual(['HTTP/1.1 501 Not Implemented']);
      expect(received).toContain('handler.upgrade');
      expect(logger.records[0]?.error).toBeInstanceOf(HTTPDetachError);
    });
  });

  it('leaves the response of another handler alone', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate();
    const handler = toNodeHandler(delegate, { logger });
    const before = (incoming: IncomingMessage, response: ServerResponse) => {
      response.end('theirs');
      handler(incoming, response);
    };
    await withNodeServer(before, async ({ url }) => {
      expect(await (await fetch(url)).text()).toBe('theirs');
      expect(delegate.requests).toEqual([]);
      expect(logger.problems).toMatchObject([{ error: { code: 'ERR_HTTP_USAGE' } }]);
    });
  });

  it('fails if another handler responds while the delegate works', async () => {
    const logger = new RecordingLogger();
    const gate = deferred();
    const delegate = new RecordingDelegate({
      finish: async (received) => {
        await gate.promise;
        received.answer(200, 'ours');
      },
    });
    const handler = toNodeHandler(delegate, { logger });
    const during = (incoming: IncomingMessage, response: ServerResponse) => {
      handler(incoming, response);
      response.writeHead(200).write('theirs');
      gate.resolve();
      setImmediate(() => response.end());
    };
    await withNodeServer(during, async ({ url }) => {
      expect(await (await fetch(url)).text()).toBe('theirs');
      expect(logger.problems).toMatchObject([{ error: { code: 'ERR_HTTP_USAGE' } }]);
    });
  });

  it('sends no interim response into the body of another handler', async () => {
    const hint = HTTPHeaders.from({ Link: '</a.css>; rel=preload' });
    const gate = deferred();
    const done = deferred();
    const delegate = new RecordingDelegate({
      finish: async ({ exchange }) => {
        await gate.promise;
        for (const status of [100, 102, 103])
          exchange.writeInterim(status, status === 103 ? hint : undefined);
        done.resolve();
      },
    });
    const handler = toNodeHandler(delegate);
    const during = async (incoming: IncomingMessage, response: ServerResponse) => {
      handler(incoming, response);
      response.writeHead(200, { 'Content-Length': '6' }).write('the');
      gate.resolve();
      await done.promise;
      response.end('irs');
    };
    await withNodeServer(during, async ({ port }) => {
      const received = await converse(port, lastRequest('GET /'));
      expect(statusLines(received)).toEqual(['HTTP/1.1 200 OK']);
      expect(received).toMatch(/\r\n\r\ntheirs$/);
    });
  });

  it('calls the next handler for a 404 only with fallthrough, and not after reading the body', async () => {
    const delegate = new RecordingDelegate({ finish: ({ exchange }) => respond(exchange, 404, 'ours') });
    for (const fallthrough of [false, true]) {
      const handler = toNodeHandler(delegate, { fallthrough });
      const both = (incoming: IncomingMessage, response: ServerResponse) =>
        handler(incoming, response, () => response.end('theirs'));
      await withNodeServer(both, async ({ url }) => {
        expect(await (await fetch(url)).text()).toBe(fallthrough ? 'theirs' : 'ours');
        expect(await (await fetch(url, { method: 'POST', body: 'x' })).text()).toBe('ours');
      });
    }
  });

  it('leaves an unread body to the next handler', async () => {
    const delegate = new RecordingDelegate({ head: ({ exchange }) => respond(exchange, 404, 'ours') });
    const handler = toNodeHandler(delegate, { fallthrough: true });
    const both = (incoming: IncomingMessage, response: ServerResponse) =>
      handler(incoming, response, () => incoming.pipe(response));
    await withNodeServer(both, async ({ url }) => {
      expect(await (await fetch(url, { method: 'POST', body: 'a body' })).text()).toBe('a body');
    });
  });
});

describe('toNodeHandler: limits', () => {
  it('refuses a body that is larger than maxBodyBytes, and the client can read that', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate();
    await withNodeServer(toNodeHandler(delegate, { maxBodyBytes: 5, logger }), async ({ port }) => {
      const announced = await converse(port, lastRequest('POST /', 'Content-Length: 6\r\n', 'a body'));
      expect(statusLines(announced)).toEqual(['HTTP/1.1 413 Content Too Large']);
      const chunked = lastRequest('POST /', 'Transfer-Encoding: chunked\r\n', '6\r\na body\r\n0\r\n\r\n');
      expect(statusLines(await converse(port, chunked))).toEqual(['HTTP/1.1 413 Content Too Large']);
      expect(delegate.requests.map(({ calls }) => calls)).toEqual([
        ['head', 'closed'],
        ['head', 'closed'],
      ]);
    });
  });

  it('discards what is left of a body after the response, so that the connection can be used', async () => {
    const delegate = new RecordingDelegate({ data: (received) => received.answer(200, 'enough') });
    await withNodeServer(toNodeHandler(delegate), async ({ port }) => {
      const first = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n${'x'.repeat(3_000_000)}`;
      const received = await converse(port, first + lastRequest('POST /', 'Content-Length: 1\r\n', 'y'));
      expect(statusLines(received)).toHaveLength(2);
    });
  });

  it('cuts off a client that keeps sending after a 413', async () => {
    const logger = new RecordingLogger();
    const handler = toNodeHandler(new RecordingDelegate(), { maxBodyBytes: 5, logger });
    await withNodeServer(handler, async ({ port }) => {
      const client = await RawClient.connect(
        { port },
        'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
      );
      const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
      const sending = setInterval(() => client.socket.writable && client.send(chunk), 1);
      await client.untilEnd();
      clearInterval(sending);
      expect(statusLines(client.received)).toEqual(['HTTP/1.1 413 Content Too Large']);
      client.close();
    });
  });

  it('refuses a body that takes longer than bodyTimeoutMs', async () => {
    const logger = new RecordingLogger();
    const clock = new VirtualClock();
    const delegate = new RecordingDelegate();
    const handler = toNodeHandler(delegate, { bodyTimeoutMs: 100, clock, logger });
    await withNodeServer(handler, async ({ port }) => {
      const client = await RawClient.connect({ port }, lastRequest('POST /', 'Content-Length: 2\r\n', 'x'));
      await waitUntil(() => delegate.requests[0]?.bytes === 1);
      await clock.advance(100);
      await client.until((received) => received.includes('408 Request Timeout'));
      expect(delegate.requests[0]?.closedWith).toMatchObject([{ code: 'ERR_HTTP_DEADLINE' }]);
      client.close();
    });
  });

  it.each([
    ['two Hosts', 'Host: b.example\r\n', 400],
    ['a huge header', `X-Huge: ${'x'.repeat(70_000)}\r\n`, 431],
    ['too many headers', 'X-A: 1\r\n'.repeat(250), 431],
  ])('refuses %s', async (_name, fields, status) => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate();
    const lenient = { maxHeaderSize: 200_000 };
    await withNodeServer(
      toNodeHandler(delegate, { logger }),
      async ({ port }) => {
        const received = await converse(port, lastRequest('GET /', fields));
        expect(received).toContain(`HTTP/1.1 ${status} `);
        expect(delegate.requests).toEqual([]);
      },
      lenient,
    );
  });

  it('refuses a target that a handler in front has made invalid', async () => {
    const logger = new RecordingLogger();
    const delegate = new RecordingDelegate();
    const handler = toNodeHandler(delegate, { logger });
    const rewriting = (incoming: IncomingMessage, response: ServerResponse) => {
      incoming.url = 'a b';
      handler(incoming, response);
    };
    await withNodeServer(rewriting, async ({ url }) => {
      expect((await fetch(url)).status).toBe(400);
      expect(delegate.requests).toEqual([]);
    });
  });

  it('notifies the delegate if a body is shorter than its Content-Length', async () => {
    const delegate = new RecordingDelegate();
    await withNodeServer(toNodeHandler(delegate), async ({ port }) => {
      const short = await RawClient.connect({ port }, lastRequest('POST /', 'Content-Length: 9\r\n', 'x'));
      await waitUntil(() => delegate.requests[0]?.bytes === 1);
      short.socket.end();
      await waitUntil(() => delegate.requests[0]?.closedWith.length === 1);
      short.close();
    });
  });

  it('refuses unknown and invalid options', () => {
    const delegate = new RecordingDelegate();
    expect(() => toNodeHandler(delegate, { fallThrough: true } as never)).toThrow(/fallthrough/);
    expect(() => toNodeHandler(delegate, { fallthrough: 1 } as never)).toThrow(/true or false/);
    expect(() => toNodeHandler((() => {}) as never)).toThrow(/delegate/);
  });
});

describe('toNodeHandler: the client leaves', () => {
  it('notifies the delegate at every point of a request', async () => {
    const logger = new RecordingLogger();
    for (const point of ['body', 'before the response', 'in the response'] as const) {
      const delegate = new RecordingDelegate({
        finish: async ({ exchange }) => {
          if (point === 'before the response') return;
          exchange.writeHead(200, '', new HTTPHeaders());
          for (;;) {
            exchange.write(Buffer.alloc(100_000));
            await exchange.waitDrained();
          }
        },
      });
      await withNodeServer(toNodeHandler(delegate, { logger }), async ({ port }) => {
        const body = point === 'body' ? 'x' : 'xy';
        const client = await RawClient.connect(
          { port },
          lastRequest('POST /', 'Content-Length: 2\r\n', body),
        );
        await waitUntil(() => delegate.requests[0]?.bytes === body.length);
        if (point === 'in the response') await client.until((received) => received.length > 100_000);
        client.reset();
        await waitUntil(() => delegate.requests[0]?.closedWith.length === 1);
        const [received] = delegate.requests;
        expect(received?.exchange.isCut).toBe(true);
        expect(received?.closedWith[0]).toMatchObject({ code: expect.stringMatching(/^ERR_HTTP_/) });
        await new Promise((resolve) => setImmediate(resolve));
      });
    }
    expect(logger.records).toEqual([]);
  });

  it('leaves no listener on the connection after the response', async () => {
    const sockets: IncomingMessage['socket'][] = [];
    const counts: number[] = [];
    const handler = toNodeHandler(new RecordingDelegate());
    const counting = (incoming: IncomingMessage, response: ServerResponse) => {
      const { socket } = incoming;
      sockets.push(socket);
      counts.push(socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0));
      handler(incoming, response);
    };
    await withNodeServer(counting, async ({ port }) => {
      const client = await RawClient.connect({ port });
      for (let at = 1; at <= 3; at += 1) {
        client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx');
        await client.until((received) => statusLines(received).length === at && received.endsWith('bytes'));
      }
      client.close();
    });
    expect(new Set(sockets).size).toBe(1);
    expect(counts[1]).toBe(counts[0]);
    expect(counts[2]).toBe(counts[0]);
  });

  it('passes no request to the delegate if the client has left already', async () => {
    const delegate = new RecordingDelegate();
    const handler = toNodeHandler(delegate);
    const seen = deferred();
    const late = (incoming: IncomingMessage, response: ServerResponse) => {
      response.once('close', () => {
        handler(incoming, response);
        seen.resolve();
      });
    };
    await withNodeServer(late, async ({ url }) => {
      const client = httpRequest(url);
      client.on('error', () => {});
      client.end();
      client.once('socket', (socket) => socket.once('connect', () => setImmediate(() => client.destroy())));
      await seen.promise;
      expect(delegate.requests).toEqual([]);
    });
  });
});

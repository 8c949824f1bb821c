import { HTTPHeaders, type HTTPMessageDelegate } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import type { ServerRequest } from '../src/index.ts';
import { converse, RawClient, statusLines } from './fixtures/raw-client.ts';
import { waitUntil, withServer } from './fixtures/running-server.ts';

const hello = (request: ServerRequest): void => request.respond(200, 'hello');

const GOOD = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

describe('HTTPServer, against bad peers', () => {
  it('never lets an error in a pipelined request replace the answer before it', () =>
    withServer(
      async (request) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        request.respond(200, 'first');
      },
      async ({ port }) => {
        const received = await converse(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\nbroken\r\n\r\n');
        expect(statusLines(received)).toEqual(['HTTP/1.1 200 OK', 'HTTP/1.1 400 Bad Request']);
      },
    ));

  it('lets the refusal arrive although the peer is still sending its body (RFC 9112 §9.6)', () =>
    withServer(
      hello,
      async ({ port }) => {
        const client = await RawClient.connect(
          { port },
          'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n',
        );
        client.send('x'.repeat(4_000_000));
        const received = await client.untilEnd();
        expect(received).toMatch(/^HTTP\/1\.1 413 /);
        expect(client.errorCode).toBeUndefined();
        client.close();
      },
      { maxBodyBytes: 1000 },
    ));

  it('closes a connection that says nothing, and answers 408 to half a head [ATT-31]', () =>
    withServer(
      hello,
      async ({ port }) => {
        const silent = await RawClient.connect({ port });
        const slow = await RawClient.connect({ port }, 'GET / HT');
        expect(await silent.untilEnd()).toBe('');
        expect(await slow.untilEnd()).toMatch(/^HTTP\/1\.1 408 /);
        silent.close();
        slow.close();
      },
      { headerTimeoutMs: 100 },
    ));

  it('closes an idle connection after its time, and no earlier for having served [ATT-31]', () =>
    withServer(
      hello,
      async ({ port }) => {
        const client = await RawClient.connect({ port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        const received = await client.untilEnd();
        expect(statusLines(received)).toEqual(['HTTP/1.1 200 OK']);
        client.close();
      },
      { idleTimeoutMs: 100 },
    ));

  it('answers 408 to a body that stops coming [ATT-31]', () =>
    withServer(
      hello,
      async ({ port }) => {
        const received = await converse(
          port,
          'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf',
        );
        expect(received).toMatch(/^HTTP\/1\.1 408 /);
      },
      { progressMs: 100, minBytesPerSecond: 1000 },
    ));

  it('resets a peer that does not read its answer, and frees what was queued [ATT-32]', () =>
    withServer(
      (request) => request.respond(200, Buffer.alloc(64 * 1024 * 1024)),
      async ({ port, server }) => {
        const client = await RawClient.connect({ port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        client.socket.pause();
        await waitUntil(() => server.connectionCount === 1);
        await waitUntil(() => server.connectionCount === 0);
        client.close();
      },
      { progressMs: 100, minBytesPerSecond: 1_000_000, idleTimeoutMs: 100 },
    ));

  it('tells a handler that its peer has reset the connection, and goes on [H1-22]', () => {
    let reason: unknown;
    let begun = false;
    return withServer(
      (request) =>
        new Promise((resolve) => {
          begun = true;
          request.signal.addEventListener('abort', () => {
            reason = request.signal.reason;
            resolve();
          });
        }),
      async ({ port, server, records }) => {
        const client = await RawClient.connect({ port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        await waitUntil(() => begun);
        client.reset();
        await waitUntil(() => reason !== undefined && server.connectionCount === 0);
        expect(reason).toMatchObject({ code: 'ERR_HTTP_RESET', cause: { code: 'ECONNRESET' } });
        expect(records).toEqual([]);
      },
    );
  });

  it('tells a handler that its peer has half-closed, and still delivers the answer', () => {
    let reason: unknown;
    return withServer(
      (request) =>
        new Promise((resolve) => {
          request.signal.addEventListener('abort', () => {
            reason = request.signal.reason;
            request.respond(200, 'still here');
            resolve();
          });
        }),
      async ({ port }) => {
        const client = await RawClient.connect({ port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        client.socket.end();
        expect((await client.untilEnd()).endsWith('still here')).toBe(true);
        expect(reason).toMatchObject({ code: 'ERR_HTTP_PEER_ENDED' });
        client.close();
      },
    );
  });

  it('answers all pipelined requests of a peer that has half-closed, and then closes', () =>
    withServer(
      async (request) => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        request.respond(200, request.target);
      },
      async ({ port }) => {
        const requests = ['/1', '/2', '/3'].map((target) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
        const client = await RawClient.connect({ port }, requests.join(''));
        client.socket.end();
        const received = await client.untilEnd();
        expect(statusLines(received)).toHaveLength(3);
        expect(received.match(/Connection: close/g)).toHaveLength(1);
        expect(received.endsWith('/3')).toBe(true);
        client.close();
      },
    ));

  it('notices that a peer has left although the peer had sent more than one request', () => {
    let reason: unknown;
    let begun = false;
    return withServer(
      (request) =>
        new Promise((resolve) => {
          if (request.target === '/other') return resolve(request.respond(200, 'other'));
          begun = true;
          request.signal.addEventListener('abort', () => {
            reason = request.signal.reason;
            resolve();
          });
        }),
      async ({ port, server }) => {
        const client = await RawClient.connect({ port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        await waitUntil(() => begun);
        client.send('GET / HTTP/1.1\r\n');
        // Once another connection is answered, those bytes have been read.
        await converse(port, 'GET /other HTTP/1.0\r\n\r\n');
        client.reset();
        await waitUntil(() => reason !== undefined && server.connectionCount === 0);
        expect(reason).toMatchObject({ code: 'ERR_HTTP_RESET' });
      },
    );
  });

  it('never shows a handler a body that was cut short [H1-22]', () => {
    let handled = 0;
    return withServer(
      (request) => {
        handled += 1;
        request.respond(200);
      },
      async ({ port, server }) => {
        const client = await RawClient.connect(
          { port },
          'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf',
        );
        client.socket.end();
        await client.untilEnd();
        client.close();
        await waitUntil(() => server.connectionCount === 0);
        expect(handled).toBe(0);
      },
    );
  });
});

describe('HTTPServer, against its own handlers', () => {
  const failure = new Error('a bug');

  it.each([
    [
      'throws',
      () => {
        throw failure;
      },
    ],
    ['rejects', () => Promise.reject(failure)],
  ] as const)('answers 500 and logs one stack when a handler %s', (_, handler) =>
    withServer(handler, async ({ port, records }) => {
      const received = await converse(port, GOOD);
      expect(received).toMatch(/^HTTP\/1\.1 500 Internal Server Error\r\n/);
      expect(received).not.toContain('a bug');
      expect(records).toEqual([{ level: 'error', message: expect.any(String), error: failure }]);
      expect(await converse(port, GOOD)).toMatch(/^HTTP\/1\.1 500 /);
    }),
  );

  const refuse = (): never => {
    throw new Error('a trap');
  };

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['an object without a text', Object.create(null)],
    ['an object whose text throws', { toString: refuse }],
    ['an error with getters that throw', Object.defineProperty(new Error('x'), 'name', { get: refuse })],
    ['a proxy', new Proxy({}, { get: refuse, getPrototypeOf: refuse })],
  ])('answers 500, or cuts the answer, whatever a handler throws: %s', (_, thrown) =>
    withServer(
      (request) => {
        const path = request.target;
        if (path.startsWith('/head')) request.exchange.writeHead(200, 'OK', new HTTPHeaders(), 'half');
        if (path.endsWith('later')) return Promise.reject(thrown);
        throw thrown;
      },
      async ({ port, records }) => {
        for (const path of ['/', '/later', '/head', '/head-later']) {
          const received = await converse(port, GOOD.replace('/', path));
          if (path.startsWith('/head')) expect(received).not.toContain('\r\n0\r\n');
          else expect(received).toMatch(/^HTTP\/1\.1 500 Internal Server Error\r\n/);
          expect([path, records.splice(0).length]).toEqual([path, 1]);
        }
      },
    ),
  );

  it('cuts the answer visibly when the handler fails after its head [ATT-72]', () =>
    withServer(
      async ({ exchange }) => {
        exchange.writeHead(200, 'OK', new HTTPHeaders(), 'half of');
        await new Promise((resolve) => setTimeout(resolve, 20));
        throw failure;
      },
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        const received = await client.untilEnd();
        expect(received).not.toContain('\r\n0\r\n');
        expect(client.errorCode).toBe('ECONNRESET');
        expect(records).toHaveLength(1);
        client.close();
      },
    ));

  it.each([
    ['fewer', 'abc'],
    ['more', 'abcdefghijklmnop'],
  ])('cuts the connection when %s bytes than Content-Length are written [H1-13] [ATT-16]', (_, body) =>
    withServer(
      ({ exchange }) => {
        exchange.writeHead(200, 'OK', HTTPHeaders.from({ 'Content-Length': '10' }));
        exchange.write(body);
        exchange.finish();
      },
      async ({ port, records }) => {
        const client = await RawClient.connect(
          { port },
          'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n',
        );
        const received = await client.untilEnd();
        expect(statusLines(received).length).toBeLessThanOrEqual(1);
        expect(records.map(({ level }) => level)).toEqual(['error']);
        client.close();
      },
    ),
  );

  /** A delegate that only hears; `hooks` replace what it does. */
  const listening = (hooks: Partial<HTTPMessageDelegate>) => ({
    startRequest: (): HTTPMessageDelegate => ({
      headersReceived() {},
      dataReceived() {},
      finish() {},
      connectionClosed() {},
      ...hooks,
    }),
  });

  it('logs a delegate that throws when it hears of a half-close, and goes on', () => {
    const heard: unknown[] = [];
    const delegate = listening({
      connectionClosed(reason) {
        heard.push(reason);
        throw failure;
      },
    });
    return withServer(delegate, async ({ port, server, records }) => {
      const client = await RawClient.connect({ port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      client.socket.end();
      await waitUntil(() => heard.length === 1);
      client.reset();
      await waitUntil(() => records.length >= 1);
      expect(records[0]).toMatchObject({ level: 'error', error: failure });
      await server.closeAll();
    });
  });

  it('cuts a body whose peer ends while the delegate holds it back', () => {
    const heard: string[] = [];
    let letGo!: () => void;
    const delegate = listening({
      dataReceived: () =>
        new Promise((resolve) => {
          letGo = resolve;
        }),
      connectionClosed: (reason) => void heard.push((reason as Error & { code: string }).code),
    });
    return withServer(delegate, async ({ port, server }) => {
      const client = await RawClient.connect(
        { port },
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf',
      );
      await waitUntil(() => letGo !== undefined);
      client.socket.end();
      await waitUntil(() => heard.length === 1);
      letGo();
      expect(await client.untilEnd()).toBe('');
      await waitUntil(() => server.connectionCount === 0);
      expect(heard).toEqual(['ERR_HTTP_PEER_ENDED', 'ERR_HTTP_CLOSED']);
      client.close();
    });
  });

  it('closes instead of parsing a body that the handler did not wait for [H1-14] [ATT-14]', () => {
    const targets: string[] = [];
    const delegate = {
      startRequest: (exchange: ServerRequest['exchange']) => ({
        headersReceived(head: { readonly target: string }) {
          targets.push(head.target);
          exchange.writeHead(200, 'OK', new HTTPHeaders(), 'early', true);
        },
        dataReceived() {},
        finish() {},
        connectionClosed() {},
      }),
    };
    return withServer(delegate, async ({ port }) => {
      const smuggled = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n';
      const client = await RawClient.connect(
        { port },
        `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${smuggled.length}\r\n\r\n`,
      );
      await client.until((all) => all.endsWith('early'));
      client.send(smuggled);
      const received = await client.untilEnd();
      expect(received).toContain('Connection: close');
      expect(statusLines(received)).toHaveLength(1);
      expect(targets).toEqual(['/']);
      client.close();
    });
  });
});

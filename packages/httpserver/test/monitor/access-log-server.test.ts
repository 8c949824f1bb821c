import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { type AccessRecord, formatAccessRecord, HTTPServer, type ServerRequest } from '../../src/index.ts';
import { converse, RawClient, statusLines } from '../fixtures/raw-client.ts';
import { type RunningServer, waitUntil, withServer } from '../fixtures/running-server.ts';

type Handler = ConstructorParameters<typeof HTTPServer>[0];
type Options = NonNullable<ConstructorParameters<typeof HTTPServer>[1]>;

const HEADERS = new HTTPHeaders();
const hello = (request: ServerRequest): void => request.respond(200, 'hello');
const get = (target: string, more = '') => `GET ${target} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const LAST = 'Connection: close\r\n';

/** Runs `test` against a server whose access log is `records`. */
function withLog(
  handler: Handler,
  test: (running: RunningServer, log: AccessRecord[]) => Promise<void>,
  options: Options = {},
): Promise<void> {
  const log: AccessRecord[] = [];
  const accessLog = (record: AccessRecord): void => void log.push(record);
  return withServer(handler, (running) => test(running, log), { accessLog, ...options });
}

const brief = ({ method, target, outcome, status, bytesSent, aborted }: AccessRecord) =>
  `${method} ${target} ${outcome} ${status} ${bytesSent} ${aborted}`;

describe('the access log of an HTTPServer', () => {
  it('has one record for each request, in the order of the answers', () => {
    const handler = ({ target, exchange }: ServerRequest): void => {
      if (target === '/chunked') {
        exchange.writeHead(200, 'OK', HEADERS, 'one,');
        exchange.write('two €');
        exchange.finish();
      } else if (target === '/bytes') exchange.writeHead(201, 'Created', HEADERS, new Uint8Array(1000), true);
      else if (target === '/304') exchange.writeHead(304, 'Not Modified', HEADERS, 'nothing', true);
      else if (target === '/early') {
        exchange.writeInterim(103);
        exchange.writeHead(404, 'Not Found', HEADERS, 'missing', true);
      } else exchange.writeHead(200, 'OK', HEADERS, 'größe', true);
    };
    return withLog(handler, async ({ port }, log) => {
      const targets = ['/whole', '/chunked', '/bytes', '/304', '/early'];
      await converse(
        port,
        [...targets.map((target) => get(target)), `HEAD /head HTTP/1.1\r\nHost: a\r\n${LAST}\r\n`].join(''),
      );
      expect(log.map(brief)).toEqual([
        'GET /whole completed 200 7 undefined',
        'GET /chunked completed 200 11 undefined',
        'GET /bytes completed 201 1000 undefined',
        'GET /304 completed 304 0 undefined',
        'GET /early completed 404 7 undefined',
        'HEAD /head completed 200 0 undefined',
      ]);
    });
  });

  it('has the client, the request and the duration of the response', () =>
    withLog(
      async (request) => {
        await new Promise((resolve) => setTimeout(resolve, 30));
        request.respond(200, 'slow');
      },
      async ({ port }, log) => {
        await converse(port, get('/slow?a=1', `User-Agent: test\r\nX-Forwarded-For: 203.0.113.7\r\n${LAST}`));
        const [record] = log as [AccessRecord];
        expect(record).toMatchObject({ version: 'HTTP/1.1', remoteIp: '203.0.113.7', protocol: 'http' });
        expect(record.peer.remoteAddress).toMatchObject({ address: '127.0.0.1' });
        expect(record.headers.get('User-Agent')).toBe('test');
        expect(record.durationMs).toBeGreaterThanOrEqual(25);
        expect(record.durationMs).toBeLessThan(25_000);
      },
      { trustedProxies: ['127.0.0.1'] },
    ));

  it('has what the connection refuses, with a head and without', () =>
    withLog(
      hello,
      async ({ port }, log) => {
        const received = [
          await converse(port, 'nonsense\r\n\r\n'),
          await converse(port, 'POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n'),
          await converse(
            port,
            'POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
          ),
          await converse(port, 'GET / HT'),
        ];
        const bodyBytes = received.map((text) => text.length - text.indexOf('\r\n\r\n') - 4);
        expect(received.map((text) => text.slice(9, 12))).toEqual(['400', '413', '400', '408']);
        expect(log.map(brief)).toEqual([
          `undefined undefined refused 400 ${bodyBytes[0]} undefined`,
          `POST /large refused 413 ${bodyBytes[1]} undefined`,
          `POST /chunks refused 400 ${bodyBytes[2]} undefined`,
          `undefined undefined refused 408 ${bodyBytes[3]} undefined`,
        ]);
        expect(log.map(({ error }) => (error as { code?: unknown }).code)).not.toContain(undefined);
      },
      { maxBodyBytes: 100, headerTimeoutMs: 200 },
    ));

  it('has a body in a coding that is not taken', () =>
    withLog(
      hello,
      async ({ port }, log) => {
        const coded =
          'POST /coded HTTP/1.1\r\nHost: a\r\nContent-Encoding: compress\r\nContent-Length: 2\r\n\r\nhi';
        expect(statusLines(await converse(port, coded))).toEqual(['HTTP/1.1 415 Unsupported Media Type']);
        expect(log).toMatchObject([{ target: '/coded', outcome: 'refused', status: 415 }]);
        expect(log[0]?.error).toMatchObject({ code: 'ERR_HTTP_INPUT' });
      },
      { decompressRequests: true },
    ));

  it('has a delegate that fails: as a 500, or as cut where the answer had begun', () => {
    const failure = new Error('a bug');
    const handler = ({ target, exchange }: ServerRequest): void => {
      if (target === '/begun') exchange.writeHead(200, 'OK', HEADERS, 'half');
      throw failure;
    };
    return withLog(handler, async ({ port }, log) => {
      expect(statusLines(await converse(port, get('/not-begun')))).toEqual([
        'HTTP/1.1 500 Internal Server Error',
      ]);
      const client = await RawClient.connect({ port }, get('/begun'));
      await client.untilEnd();
      await waitUntil(() => log.length === 2);
      expect(log.map(({ outcome, status, error }) => [outcome, status, error])).toEqual([
        ['completed', 500, failure],
        ['cut', 200, failure],
      ]);
      expect(log[1]).toMatchObject({ bytesSent: 4, aborted: 'Error' });
      client.close();
    });
  });

  it('has requests whose client leaves, before the head of an answer and behind it', () => {
    const handler = ({ target, exchange }: ServerRequest): Promise<void> => {
      if (target === '/begun') exchange.writeHead(200, 'OK', HEADERS, 'part');
      return new Promise(() => {});
    };
    return withLog(handler, async ({ port, server }, log) => {
      for (const target of ['/begun', '/waiting']) {
        const client = await RawClient.connect({ port }, get(target));
        if (target === '/begun') await client.until((received) => received.includes('part'));
        await waitUntil(() => server.stats().requests.underWay === 1);
        client.reset();
        await waitUntil(() => server.stats().requests.underWay === 0);
      }
      expect(log.map(brief)).toEqual([
        'GET /begun cut 200 4 ERR_HTTP_RESET',
        'GET /waiting cut undefined 0 ERR_HTTP_RESET',
      ]);
    });
  });

  it('has what the program cuts: by abort, and when it stops', () => {
    const handler = ({ target, exchange }: ServerRequest): Promise<void> => {
      if (target === '/abort') exchange.abort(new TypeError('enough'));
      return new Promise(() => {});
    };
    return withLog(handler, async ({ port, server }, log) => {
      await converse(port, get('/abort'));
      const client = await RawClient.connect({ port }, get('/stop'));
      await waitUntil(() => server.stats().requests.underWay === 1);
      await server.stop({ graceMs: 0, drainMs: 0 });
      await waitUntil(() => log.length === 2);
      expect(log[0]).toMatchObject({ outcome: 'cut', status: undefined });
      expect(log[1]).toMatchObject({ outcome: 'cut', status: undefined, aborted: 'ERR_HTTP_STOPPING' });
      client.close();
    });
  });

  it('has a connection that was taken over, when it was', () =>
    withLog(
      {
        startRequest: (exchange) => ({
          headersReceived() {
            const stream = exchange.detach();
            void stream.write('HTTP/1.1 101 Switching Protocols\r\n\r\nhello').then(() => stream.close());
          },
          dataReceived() {},
          finish() {},
          connectionClosed() {},
        }),
      },
      async ({ port }, log) => {
        expect(await converse(port, get('/chat'))).toMatch(/^HTTP\/1\.1 101 .*hello$/s);
        expect(log.map(brief)).toEqual(['GET /chat detached undefined 0 undefined']);
      },
    ));

  it('cannot be forged by what comes through the decoder [ATT-40]', () =>
    withLog(hello, async ({ port }, log) => {
      const sent = [
        ['/"quoted"', 'a " 200 5 "-" "b'],
        ['/back\\slash\\x22', '\\" \\x22'],
        ['/', `${'\x80\x9b31m\xff'.repeat(300)}`],
        [`/${'long'.repeat(4000)}`, '\ttab\there'],
      ] as const;
      for (const [target, agent] of sent) {
        await converse(port, get(target, `User-Agent: ${agent}\r\nReferer: ${agent}\r\n${LAST}`));
        // Controls never come this far: the head is refused, and its record has no values of the peer's.
        await converse(port, get(`${target}\x1b[2J`, LAST));
        await converse(port, get('/', `User-Agent: ${agent}\x1b[2J\n\r\n${LAST}`));
      }
      expect(log).toHaveLength(12);
      expect(new Set(log.map(({ outcome }) => outcome))).toEqual(new Set(['completed', 'refused']));
      for (const record of log) {
        const line = formatAccessRecord(record, 0);
        expect(line).toMatch(/^[\x20-\x7e]{1,8000}$/);
        expect(line).toMatch(
          /^127\.0\.0\.1 - - \[01\/Jan\/1970:00:00:00 \+0000\] "(GET [^" ]* HTTP\/1\.1|-)" [24]\d\d \d+ "[^"]*" "[^"]*"$/,
        );
      }
    }));

  it('hurts no request when the hook throws: that is logged, and the next one is answered', () =>
    withServer(
      hello,
      async ({ port, records }) => {
        const received = await converse(port, `${get('/1')}${get('/2', LAST)}`);
        expect(statusLines(received)).toEqual(['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK']);
        expect(received.endsWith('hello')).toBe(true);
        expect(records).toEqual([
          {
            level: 'error',
            message: 'the access log callback failed; further failures are not logged until it succeeds',
            error: new Error('disk full'),
          },
        ]);
      },
      {
        accessLog() {
          throw new Error('disk full');
        },
      },
    ));

  it('may close the server in the middle of the work', async () => {
    const log: string[] = [];
    let closed: Promise<void> | undefined;
    const server = new HTTPServer(hello, {
      accessLog(record) {
        log.push(brief(record));
        closed = server.closeAll();
      },
    });
    await server.listen({ port: 0, host: '127.0.0.1' });
    const client = await RawClient.connect({ port: server.port }, get('/1') + get('/2') + get('/3'));
    await client.untilEnd();
    await closed;
    expect(log[0]).toBe('GET /1 completed 200 5 undefined');
    expect(server.stats()).toMatchObject({ open: 0, requests: { begun: log.length, underWay: 0 } });
    client.close();
  });

  it('refuses to be anything but a function', () => {
    expect(() => new HTTPServer(hello, { accessLog: console as never })).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE' }),
    );
  });
});

import { once } from 'node:events';
import { connect } from 'node:net';
import {
  HTTPHeaders,
  HTTPInputError,
  type HTTPMessageDelegate,
  type HTTPServerConnectionDelegate,
  type HTTPServerExchange,
} from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { HTTPServer, type ServerRequest } from '../src/index.ts';
import { converse, RawClient, statusLines } from './fixtures/raw-client.ts';
import { waitUntil, withServer } from './fixtures/running-server.ts';

const POST = (length: number, more = '') =>
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\nConnection: close\r\n${more}\r\n`;
const bodyOf = (received: string) => received.slice(received.indexOf('\r\n\r\n') + 4);

/** A delegate of parts: what is left out does nothing. */
function delegate(
  parts: Partial<HTTPMessageDelegate>,
  begun: (exchange: HTTPServerExchange) => void,
): HTTPServerConnectionDelegate {
  return {
    startRequest(exchange) {
      begun(exchange);
      return { headersReceived() {}, dataReceived() {}, finish() {}, connectionClosed() {}, ...parts };
    },
  };
}

describe('HTTPServerExchange.writeInterim', () => {
  const hints = HTTPHeaders.from({ Link: '</style.css>; rel=preload' });
  const handler = ({ exchange }: ServerRequest): void => {
    exchange.writeInterim(102);
    exchange.writeInterim(103, hints);
    exchange.writeHead(200, 'OK', new HTTPHeaders(), 'page', true);
  };

  it('sends interim answers before the answer', () =>
    withServer(handler, async ({ port }) => {
      const received = await converse(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      expect(statusLines(received)).toEqual([
        'HTTP/1.1 102 Processing',
        'HTTP/1.1 103 Early Hints',
        'HTTP/1.1 200 OK',
      ]);
      expect(received).toContain('103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\nHTTP/1.1 200');
    }));

  it('sends none to HTTP/1.0, which knows no such thing', () =>
    withServer(handler, async ({ port }) => {
      expect(statusLines(await converse(port, 'GET / HTTP/1.0\r\n\r\n'))).toEqual(['HTTP/1.1 200 OK']);
    }));

  it('throws for 101, a final status, fields that frame a body, and after the head', async () => {
    const thrown: unknown[] = [];
    const attempt = (act: () => void) => {
      try {
        act();
      } catch (error) {
        thrown.push((error as { code: unknown }).code);
      }
    };
    await withServer(
      ({ exchange }) => {
        attempt(() => exchange.writeInterim(101));
        attempt(() => exchange.writeInterim(200));
        attempt(() => exchange.writeInterim(103, HTTPHeaders.from({ 'Content-Length': '1' })));
        exchange.writeHead(200, 'OK', new HTTPHeaders(), 'page', true);
        attempt(() => exchange.writeInterim(103));
      },
      async ({ port }) => {
        const received = await converse(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
        expect(statusLines(received)).toEqual(['HTTP/1.1 200 OK']);
      },
    );
    expect(thrown).toEqual(['ERR_HTTP1_USAGE', 'ERR_HTTP1_USAGE', 'ERR_HTTP1_USAGE', 'ERR_HTTP_USAGE']);
  });
});

describe('trailers', () => {
  it('of a request come with its end, apart from the headers', () =>
    withServer(
      (request) => request.respond(200, `${request.trailers?.get('X-Sum')} ${request.headers.has('X-Sum')}`),
      async ({ port }) => {
        const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n';
        expect(bodyOf(await converse(port, `${head}1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n`))).toBe('7 false');
        expect(bodyOf(await converse(port, `${head}1\r\na\r\n0\r\n\r\n`))).toBe('undefined false');
      },
    ));

  it('of an answer leave behind a chunked body, and are dropped with HTTP/1.0', () =>
    withServer(
      ({ exchange }) => {
        exchange.writeHead(200, 'OK', HTTPHeaders.from({ Trailer: 'X-Sum' }), 'a');
        exchange.finish(HTTPHeaders.from({ 'X-Sum': '7' }));
      },
      async ({ port }) => {
        const received = await converse(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
        expect(bodyOf(received)).toBe('1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n');
        expect(bodyOf(await converse(port, 'GET / HTTP/1.0\r\n\r\n'))).toBe('a');
      },
    ));

  it('that would frame a message are refused, and the peer sees a cut answer', () =>
    withServer(
      ({ exchange }) => {
        exchange.writeHead(200, 'OK', new HTTPHeaders(), 'a');
        exchange.finish(HTTPHeaders.from({ 'Content-Length': '7' }));
      },
      async ({ port, records }) => {
        const received = await converse(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        expect(received).not.toContain('\r\n0\r\n');
        expect(records).toMatchObject([{ level: 'error', error: { code: 'ERR_HTTP1_USAGE' } }]);
      },
    ));
});

describe('limits of one request [H1-19]', () => {
  it('takes more, or less, of a body than the server does', () => {
    let exchange!: HTTPServerExchange;
    let received = 0;
    const parts: Partial<HTTPMessageDelegate> = {
      headersReceived(head) {
        received = 0;
        exchange.setMaxBodyBytes(Number(head.headers.get('X-Most')));
      },
      dataReceived(chunk) {
        received += chunk.length;
      },
      finish: () => exchange.writeHead(200, 'OK', new HTTPHeaders(), String(received), true),
    };
    const server = delegate(parts, (begun) => {
      exchange = begun;
    });
    return withServer(
      server,
      async ({ port }) => {
        const most = (bytes: number, length: number) =>
          `${POST(length, `X-Most: ${bytes}\r\n`)}${'x'.repeat(length)}`;
        expect(bodyOf(await converse(port, most(30, 30)))).toBe('30');
        expect(statusLines(await converse(port, most(30, 31)))).toEqual(['HTTP/1.1 413 Content Too Large']);
        expect(statusLines(await converse(port, most(2, 3)))).toEqual(['HTTP/1.1 413 Content Too Large']);
      },
      { maxBodyBytes: 10 },
    );
  });

  it('returns to the limit of the server with the next request', () => {
    let first = true;
    let exchange!: HTTPServerExchange;
    const parts: Partial<HTTPMessageDelegate> = {
      headersReceived() {
        if (first) exchange.setMaxBodyBytes(30);
        first = false;
      },
      finish: () => exchange.writeHead(200, 'OK', new HTTPHeaders(), 'taken', true),
    };
    return withServer(
      delegate(parts, (begun) => {
        exchange = begun;
      }),
      async ({ port }) => {
        const post = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n${'x'.repeat(20)}`;
        expect(statusLines(await converse(port, post + post))).toEqual([
          'HTTP/1.1 200 OK',
          'HTTP/1.1 413 Content Too Large',
        ]);
      },
      { maxBodyBytes: 10 },
    );
  });

  it.each(['server', 'request'] as const)(
    'ends a body that takes longer than the %s lets it [ATT-31]',
    (whose) => {
      let exchange!: HTTPServerExchange;
      let reason: unknown;
      const parts: Partial<HTTPMessageDelegate> = {
        headersReceived() {
          if (whose === 'request') exchange.setBodyTimeoutMs(50);
        },
        connectionClosed(why) {
          reason = why;
        },
      };
      const options = whose === 'server' ? { bodyTimeoutMs: 50, progressMs: 60_000 } : { progressMs: 60_000 };
      return withServer(
        delegate(parts, (begun) => {
          exchange = begun;
        }),
        async ({ port }) => {
          const received = await converse(port, `${POST(10)}half`);
          expect(statusLines(received)).toEqual(['HTTP/1.1 408 Request Timeout']);
          expect(received).toContain('\r\nConnection: close\r\n');
          expect(reason).toMatchObject({ code: 'ERR_HTTP_DEADLINE' });
        },
        options,
      );
    },
  );

  it('does not count the time for which the delegate holds the body back', () => {
    let exchange!: HTTPServerExchange;
    const parts: Partial<HTTPMessageDelegate> = {
      dataReceived: () => new Promise((resolve) => setTimeout(resolve, 150)),
      finish: () => exchange.writeHead(200, 'OK', new HTTPHeaders(), 'taken', true),
    };
    return withServer(
      delegate(parts, (begun) => {
        exchange = begun;
      }),
      async ({ port }) => {
        const received = await converse(port, `${POST(10)}all of it.`);
        expect(statusLines(received)).toEqual(['HTTP/1.1 200 OK']);
      },
      { bodyTimeoutMs: 100 },
    );
  });

  it.each([-1, Number.NaN, 2 ** 31])('refuses a body timeout of %s', async (timeoutMs) => {
    let thrown: unknown;
    await withServer(
      (request) => {
        try {
          request.exchange.setBodyTimeoutMs(timeoutMs);
        } catch (error) {
          thrown = error;
        }
        request.respond(200, 'ok');
      },
      async ({ port }) => void (await converse(port, 'GET / HTTP/1.0\r\n\r\n')),
    );
    expect(thrown).toMatchObject({ code: 'ERR_HTTP_USAGE' });
  });
});

describe('HTTPInputError', () => {
  const REFUSED =
    /^HTTP\/1\.1 422 Unprocessable Content\r\n.*\r\nConnection: close\r\n\r\n422 [^:]*: not like this\n$/s;
  const refuse = () => {
    throw new HTTPInputError('not like this', 422);
  };
  const cases: Record<string, Partial<HTTPMessageDelegate>> = {
    'is thrown for a head': { headersReceived: refuse },
    'is thrown for data': { dataReceived: refuse },
    'is thrown at the end': { finish: refuse },
    'rejects for a head': { headersReceived: async () => refuse() },
    'rejects for data': { dataReceived: async () => refuse() },
    'rejects at the end': { finish: async () => refuse() },
  };

  it.each(Object.entries(cases))('that %s becomes the answer, and one record [H1-21]', (_when, parts) => {
    const heard: unknown[] = [];
    return withServer(
      delegate({ ...parts, connectionClosed: (reason) => heard.push(reason) }, () => {}),
      async ({ port, records }) => {
        expect(await converse(port, `${POST(2)}hi`)).toMatch(REFUSED);
        expect(records).toMatchObject([{ level: 'info', error: { code: 'ERR_HTTP_INPUT' } }]);
        expect(heard).toMatchObject([{ code: 'ERR_HTTP_INPUT' }]);
      },
    );
  });

  it('has a status of 400 to 499', () => {
    expect(new HTTPInputError('bad').status).toBe(400);
    for (const status of [399, 500, 404.5]) {
      expect(() => new HTTPInputError('bad', status)).toThrow(
        expect.objectContaining({ code: 'ERR_HTTP_USAGE' }),
      );
    }
  });
});

describe('HTTPInputError with headers', () => {
  it('has them in the answer, as they are', () => {
    const headers = new HTTPHeaders().add('Accept-Encoding', 'gzip').add('X-Name', 'J\xfcrgen');
    const refuse = () => {
      throw new HTTPInputError('not like this', 415, { headers });
    };
    return withServer(
      delegate({ headersReceived: refuse }, () => {}),
      async ({ port }) => {
        const received = await converse(port, `${POST(2)}hi`);
        expect(received).toMatch(
          /^HTTP\/1\.1 415 [^\n]*\n.*\r\nAccept-Encoding: gzip\r\nX-Name: J\xfcrgen\r\n/s,
        );
        expect(received).toMatch(/\r\nConnection: close\r\n\r\n415 Unsupported Media Type: not like this\n$/);
      },
    );
  });

  it.each(['content-length', 'Transfer-Encoding', 'Connection', 'Date', 'Content-Type'])(
    'refuses %s, which the connection sets',
    (name) => {
      const headers = new HTTPHeaders().add(name, '0');
      expect(() => new HTTPInputError('bad', 400, { headers })).toThrow(
        expect.objectContaining({ code: 'ERR_HTTP_USAGE' }),
      );
    },
  );
});

describe('HTTPServerConnectionDelegate.onClose', () => {
  it('is called once for each connection, behind its requests, and may throw [HU-14]', () => {
    const events: string[] = [];
    const parts: Partial<HTTPMessageDelegate> = { connectionClosed: () => void events.push('cut') };
    const server: HTTPServerConnectionDelegate = {
      ...delegate(parts, () => void events.push('request')),
      onClose({ remoteAddress }) {
        events.push(`closed ${remoteAddress.family}`);
        throw new Error('on purpose');
      },
    };
    return withServer(server, async ({ port, records }) => {
      const client = await RawClient.connect({ port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await waitUntil(() => events.length === 1);
      client.reset();
      await waitUntil(() => records.length === 1);
      expect(events).toEqual(['request', 'cut', 'closed IPv4']);
      expect(records).toMatchObject([{ level: 'error', error: { message: 'on purpose' } }]);
    });
  });
});

describe('a handler that closes its connection', () => {
  it('hears of no request that was waiting behind', async () => {
    const served: string[] = [];
    const handler = (request: ServerRequest): void => {
      served.push(request.target);
      request.respond(200, 'last');
      void server.closeAll();
    };
    const server = new HTTPServer(handler);
    await server.listen({ port: 0, host: '127.0.0.1' });
    await converse(server.port, 'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(served).toEqual(['/1']);
    expect(server.stats().requests).toMatchObject({ begun: 1, underWay: 0 });
  });
});

describe('a peer that does not read', () => {
  it('is not read from either, while it still sends the body [ATT-32]', () => {
    const ANSWER = Buffer.alloc(64 * 1024, 'a');
    let exchange!: HTTPServerExchange;
    let taken = 0;
    const parts: Partial<HTTPMessageDelegate> = {
      headersReceived: () => exchange.writeHead(200, 'OK', new HTTPHeaders()),
      dataReceived(chunk) {
        taken += chunk.length;
        // The delegate sends more than it receives, and never waits.
        exchange.write(ANSWER);
        exchange.write(ANSWER);
      },
      finish: () => exchange.finish(),
    };
    const BODY = 16 * 1024 * 1024;
    return withServer(
      delegate(parts, (begun) => {
        exchange = begun;
      }),
      async ({ port, server, records }) => {
        const socket = connect({ port, host: '127.0.0.1' }).pause();
        let answered = 0;
        socket.on('data', (chunk: Buffer) => {
          answered += chunk.length;
        });
        socket.write(POST(BODY));
        socket.write(Buffer.alloc(BODY, 'b'));
        await waitUntil(() => taken > 0 && server.stats().queuedBytes > 0);
        expect(await standstill(() => taken)).toBeLessThan(BODY);
        const { queuedBytes } = server.stats();
        expect([queuedBytes > 0, queuedBytes < 2 * 1024 * 1024]).toEqual([true, true]);
        socket.resume();
        await once(socket, 'close');
        expect(taken).toBe(BODY);
        expect(answered).toBeGreaterThan(2 * BODY);
        expect(records).toEqual([]);
      },
      { maxWriteBufferBytes: 2 * 1024 * 1024, minBytesPerSecond: 1 },
    );
  });
});

/** Waits until a number has not changed for many turns of the loop. */
async function standstill(read: () => number): Promise<number> {
  let last = read();
  for (let unchanged = 0; unchanged < 50; unchanged += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (read() !== last) unchanged = 0;
    last = read();
  }
  return last;
}

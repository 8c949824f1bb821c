import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { HTTPHeaders, PreparedPiece } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { Application, FallbackHandler, type FinishedRequest, type Middleware } from '../../src/index.ts';
import { TestClient } from '../../src/testing/index.ts';
import { ask, bodyOf, headerOf, RawClient, requestText, statusOf } from '../fixtures/raw-client.ts';
import { signalled, withApp } from '../fixtures/running-application.ts';
import { type RecordedRequest, RecordingDelegate, responding } from './fallback-delegates.ts';

const routesTo = (fallback: RecordingDelegate) => [['/*path', FallbackHandler, { fallback }] as const];

/** Sends the first request of a test, and returns the response as text, decoded from latin1. */
const asked = (fallback: RecordingDelegate, method = 'GET', ...fields: string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    withApp(routesTo(fallback), async ({ port }) => resolve(await ask(port, '/x', method, ...fields))).catch(
      reject,
    );
  });

describe('the response of a mounted delegate', () => {
  it('has its status, reason and headers, and Server of the application', async () => {
    const fallback = responding((request) =>
      request.respond('text', { 'X-One': '1', Server: 'Mounted' }, 203, 'Fine'),
    );
    const response = await asked(fallback);
    expect(response.split('\r\n').filter((line) => !line.startsWith('Date'))).toEqual([
      'HTTP/1.1 203 Fine',
      'X-One: 1',
      'Server: Mounted',
      'Content-Length: 4',
      'Connection: close',
      '',
      'text',
    ]);
    const other = await asked(responding((request) => request.respond('text')));
    expect([headerOf(other, 'Server'), headerOf(other, 'Content-Type'), headerOf(other, 'ETag')]).toEqual([
      'Landspout',
      undefined,
      undefined,
    ]);
  });

  it('leaves the headers that the delegate passed unchanged', async () => {
    const shared = new HTTPHeaders().set('X-One', '1');
    const fallback = responding(({ exchange }) => exchange.writeHead(200, '', shared, 'text', true));
    await asked(fallback);
    expect(shared.getAll()).toEqual([['X-One', '1']]);
  });

  it('is written in pieces, with trailers', async () => {
    const fallback = responding(async ({ exchange }) => {
      exchange.writeHead(200, '', new HTTPHeaders().set('Trailer', 'X-Sum'));
      exchange.write('one ');
      await exchange.waitDrained();
      exchange.write(Buffer.from('two '));
      exchange.writePrepared?.(new PreparedPiece('three'));
      exchange.finish(new HTTPHeaders().set('X-Sum', '3'));
    });
    expect(bodyOf(await asked(fallback))).toBe(
      '4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\nX-Sum: 3\r\n\r\n',
    );
  });

  it('may have interim responses and bytes of a file', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'landspout-fallback-'));
    try {
      const name = path.join(folder, 'file.txt');
      await writeFile(name, '0123456789');
      const fallback = responding(async ({ exchange }) => {
        exchange.writeInterim(103, new HTTPHeaders().set('Link', '</a.css>'));
        exchange.writeHead(200, '', new HTTPHeaders().set('Content-Length', '4'));
        await using file = await open(name);
        const written = exchange.writeFile(file, { start: 2, end: 6 });
        exchange.finish();
        await written;
      });
      const response = await asked(fallback);
      expect(response).toMatch(/^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>\r\n\r\nHTTP\/1\.1 200 /);
      expect(response.endsWith('\r\n\r\n2345')).toBe(true);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each([
    ['GET', 204, ''],
    ['GET', 304, ''],
    ['HEAD', 200, ''],
    ['PURGE', 200, 'text'],
    ['TRACE', 200, 'text'],
    ['OPTIONS', 200, 'text'],
  ])('to %s with %i has the body "%s"', async (method, status, body) => {
    const response = await asked(
      responding((request) => request.respond('text', { 'Content-Type': 'text/plain' }, status)),
      method,
    );
    expect([statusOf(response), headerOf(response, 'Content-Type'), bodyOf(response)]).toEqual([
      status,
      'text/plain',
      body,
    ]);
  });

  it('has what middleware has set: headers, cookies, and the changes of hooks', async () => {
    const middleware: Middleware = (context, next) => {
      context.response.setHeader('X-Before', 'middleware');
      context.response.addHeader('Vary', 'Origin');
      context.response.setHeader('X-Both', 'middleware');
      context.response.cookies.set('theme', 'dark');
      context.response.beforeHeaders((response) => {
        response.setHeader('X-Hook', `${response.status} ${response.header('X-Both')}`);
      });
      return next();
    };
    const fallback = responding((request) =>
      request.respond('text', { 'X-Both': 'delegate', Vary: 'Accept', 'Set-Cookie': 'a=b' }, 201),
    );
    await withApp(
      routesTo(fallback),
      async ({ url }) => {
        const { headers } = await fetch(url);
        expect(headers.getSetCookie()).toEqual(['a=b', expect.stringMatching(/^theme=dark/)]);
        const shown = ['X-Before', 'X-Both', 'X-Hook', 'Vary', 'Content-Type'].map((name) =>
          headers.get(name),
        );
        expect(shown).toEqual(['middleware', 'delegate', '201 delegate', 'Origin, Accept', null]);
      },
      { middleware: [middleware] },
    );
  });

  it('is logged once, with its status and size', async () => {
    const logged: (string | number)[] = [];
    const logFunction = ({ status, response, match }: FinishedRequest): void => {
      logged.push(status, response.exchange.bodyBytesSent, match.pattern);
    };
    await withApp(
      routesTo(responding((request) => request.respond('text', {}, 404))),
      async ({ port }) => {
        await ask(port, '/x');
        expect(logged).toEqual([404, 4, '/*path']);
      },
      { logFunction },
    );
  });

  it('can be a connection that the delegate takes over', async () => {
    let after: unknown;
    const fallback = new RecordingDelegate({
      headersReceived: ({ exchange }) => {
        const stream = exchange.detach();
        after = [exchange.finished, exchange.headSent];
        void stream.write('HTTP/1.1 101 Switching Protocols\r\n\r\nhello').then(() => stream.close());
      },
    });
    const left: string[] = [];
    const middleware: Middleware = async (_, next) => {
      await next();
      left.push('left');
    };
    await withApp(
      routesTo(fallback),
      async ({ port }) => {
        const client = await RawClient.connect(
          port,
          requestText('/x', 'GET', 'Upgrade: echo', 'Connection: Upgrade'),
        );
        expect(await client.untilEnd()).toBe('HTTP/1.1 101 Switching Protocols\r\n\r\nhello');
        expect([after, left]).toEqual([[true, true], ['left']]);
      },
      { middleware: [middleware] },
    );
  });

  it('needs no socket: TestClient gets it', async () => {
    const app = new Application(routesTo(responding((request) => request.respond(request.head.target))));
    await using client = new TestClient(app);
    expect((await client.request('/a?b=c')).text()).toBe('/a?b=c');
  });

  it('waits for a client that does not read', async () => {
    // More than the buffers of both sockets hold.
    const large = Buffer.alloc(32 * 1024 * 1024);
    const events: string[] = [];
    const fallback = responding(async ({ exchange }) => {
      exchange.writeHead(200, '', new HTTPHeaders().set('Content-Length', String(large.length)));
      events.push(`drained ${exchange.isDrained}`);
      exchange.write(large);
      events.push(`drained ${exchange.isDrained}`);
      await exchange.waitDrained();
      events.push('waited');
      exchange.finish();
    });
    await withApp(routesTo(fallback), async ({ port }) => {
      const socket = connect({ host: '127.0.0.1', port }).pause();
      await once(socket, 'connect');
      const started = fallback.next();
      socket.write(requestText('/x', 'GET', 'Connection: close'));
      await (await started).until('finish');
      expect(events).toEqual(['drained true', 'drained false']);
      socket.resume();
      await once(socket, 'end');
      expect(events.at(-1)).toBe('waited');
    });
  });
});

describe('compressResponse of a mounted delegate', () => {
  const settings = { compressResponse: true };
  const text = 'compress me '.repeat(500);
  const type = { 'Content-Type': 'text/plain' };
  const compressed = async (
    respond: (request: RecordedRequest) => void | PromiseLike<void>,
    test: (fetched: Response, raw: (target: string, ...fields: string[]) => Promise<string>) => Promise<void>,
  ): Promise<void> => {
    await withApp(
      routesTo(responding(respond)),
      async ({ url, port }) =>
        test(await fetch(url), (target, ...fields) =>
          ask(port, target, 'GET', 'Accept-Encoding: gzip', ...fields),
        ),
      settings,
    );
  };

  it('compresses a body in one piece', () =>
    compressed(
      (request) => request.respond(text, { ...type, 'Content-Length': String(text.length) }),
      async (fetched, raw) => {
        expect([fetched.headers.get('Vary'), await fetched.text()]).toEqual(['Accept-Encoding', text]);
        const response = await raw('/');
        expect(headerOf(response, 'Content-Encoding')).toBe('gzip');
        expect(gunzipSync(Buffer.from(bodyOf(response), 'latin1')).toString()).toBe(text);
      },
    ));

  it('compresses a body in pieces, and sends each at once', async () => {
    const { promise, resolve } = signalled();
    const fallback = responding(async ({ exchange }) => {
      exchange.writeHead(200, '', HTTPHeaders.from(type), 'first');
      await promise;
      exchange.write(' second');
      await exchange.waitDrained();
      exchange.finish();
    });
    await withApp(
      routesTo(fallback),
      async ({ url }) => {
        const { headers, body } = await fetch(url);
        const reader = (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
        expect([headers.has('Content-Encoding'), (await reader.read()).value]).toEqual([true, 'first']);
        resolve();
        expect((await reader.read()).value).toBe(' second');
        expect((await reader.read()).done).toBe(true);
      },
      settings,
    );
  });

  it('leaves a body alone that the delegate has encoded', () =>
    compressed(
      (request) => request.respond(text, { ...type, 'Content-Encoding': 'x-own' }),
      async (_, raw) => {
        const response = await raw('/');
        expect([headerOf(response, 'Content-Encoding'), bodyOf(response)]).toEqual(['x-own', text]);
      },
    ));

  it('responds with 304 if the client has the compressed body', () =>
    compressed(
      (request) => request.respond(text, { ...type, ETag: '"v1"' }),
      async (_, raw) => {
        const tag = headerOf(await raw('/'), 'ETag') as string;
        expect(tag).not.toBe('"v1"');
        const response = await raw('/', `If-None-Match: ${tag}`);
        expect([statusOf(response), headerOf(response, 'ETag'), bodyOf(response)]).toEqual([304, tag, '']);
      },
    ));

  it('compresses bytes of a file, in the order in which they are written', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'landspout-fallback-'));
    try {
      const name = path.join(folder, 'file.txt');
      await writeFile(name, text.repeat(30));
      await using file = await open(name);
      const end = text.length * 30;
      await compressed(
        ({ exchange }) => {
          exchange.writeHead(200, '', HTTPHeaders.from(type), 'before ');
          void exchange.writeFile(file, { end });
          exchange.write(' between ');
          void exchange.writeFile(file.fd, { start: end - 3, end });
          exchange.write('after');
          exchange.finish();
        },
        async (fetched) => {
          expect(await fetched.text()).toBe(`before ${text.repeat(30)} between ${text.slice(-3)}after`);
        },
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

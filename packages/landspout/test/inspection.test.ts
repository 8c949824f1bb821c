import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { RequestDecoder } from '@landspout/http1/protocol';
import { describe, expect, it } from 'vitest';
import {
  Application,
  AsyncHTTPClient,
  HTTPHeaders,
  HTTPRequest,
  HTTPServer,
  type HTTPServerRequest,
  IOLoop,
  IOStream,
  RequestHandler,
  type ServerRequest,
  TCPClient,
  TCPServer,
  WebSocketHandler,
  websocketConnect,
} from '../src/index.ts';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');
const host = '127.0.0.1';

/** What `console.log(value)` writes. */
const shown = (value: unknown, options = {}) =>
  inspect(value, { breakLength: Number.POSITIVE_INFINITY, ...options });

/** The headers that a server received in a request with these lines. */
function receivedHeaders(...lines: readonly string[]): HTTPHeaders {
  const decoder = new RequestDecoder();
  const bytes = Buffer.from(`${['GET / HTTP/1.1', 'Host: a', ...lines].join('\r\n')}\r\n\r\n`, 'latin1');
  decoder.receive(bytes, 0, bytes.length);
  decoder.next();
  return decoder.head.headers;
}

describe('util.inspect', () => {
  it('shows something of each class that can be imported', async () => {
    const src = new URL('../src/', import.meta.url);
    // The program in cli/ exports nothing to users, and would run.
    const doors = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && !file.startsWith('cli'),
    );
    const modules = await Promise.all(doors.map((file) => import(new URL(file, src).href)));
    const exported = new Map(modules.flatMap((module) => Object.entries<unknown>(module)));
    const classes = [...exported].filter(
      (entry): entry is [string, { readonly prototype: object }] =>
        typeof entry[1] === 'function' && /^class\b/.test(String(entry[1])),
    );
    expect(classes.length).toBeGreaterThan(80);
    const blank = classes.filter(
      ([, { prototype }]) => !(prototype instanceof Error || INSPECT in prototype),
    );
    // ArgumentChecks has methods only; TopicsClient is for browsers, and has to be small; TransportDuplex is a Duplex of
    // Node, and is shown as one.
    expect(blank.map(([name]) => name).sort()).toEqual(['ArgumentChecks', 'TopicsClient', 'TransportDuplex']);
  });
});

describe('HTTPHeaders', () => {
  it('are shown with each name and value, repeated ones as a list', () => {
    const headers = new HTTPHeaders().set('Content-Type', 'text/plain').add('Via', 'a').add('via', 'b');
    expect(shown(headers)).toBe("HTTPHeaders { 'Content-Type': 'text/plain', Via: [ 'a', 'b' ] }");
  });

  it('keep credentials to themselves, in any case', () => {
    const text = shown(
      new HTTPHeaders()
        .add('authorization', 'Bearer hunter2')
        .add('Proxy-Authorization', 'Basic hunter2')
        .add('COOKIE', 'sid=hunter2')
        .add('Set-Cookie', 'sid=hunter2')
        .add('Set-Cookie', 'tid=hunter2')
        .add('X-Api-Key', 'hunter2')
        .add('X-CSRF-Token', 'hunter2')
        .add('Location', 'http://root:hunter2@example.com/'),
    );
    expect(text).not.toContain('hunter2');
    expect(text).toContain("'Set-Cookie': [ (masked), (masked) ]");
    expect(text).toContain("Location: 'http://(masked)@example.com/'");
  });

  it('are shown on one line each, with all but visible ASCII escaped, and clipped', () => {
    const text = shown(receivedHeaders(`A: \xe9\x85'\\\tb`, `Long: ${'x'.repeat(5000)}`));
    expect(text).toContain(String.raw`A: '\xe9\x85\'\\\tb'`);
    expect(text).toContain(`Long: '${'x'.repeat(200)}'… 4800 more characters`);
  });

  it('are not changed by being shown, names such as __proto__ included', () => {
    const headers = receivedHeaders('__proto__: 1', 'constructor: 2', 'size: 3');
    expect(shown(headers)).toBe("HTTPHeaders { Host: 'a', ['__proto__']: '1', constructor: '2', size: '3' }");
    expect([headers.size, headers.get('size')]).toEqual([4, '3']);
    headers.delete('size');
    expect(shown(headers)).not.toContain('size');
  });

  it('honour depth and colours', () => {
    const headers = new HTTPHeaders().set('A', 'b');
    expect(shown({ headers }, { depth: 0 })).toBe('{ headers: [HTTPHeaders] }');
    expect(shown(headers, { colors: true })).toBe("HTTPHeaders { A: \u001b[32m'b'\u001b[39m }");
  });
});

describe('HTTPServer, ServerRequest', () => {
  it('show where the server listens, and what was requested by whom, also when it is over', async () => {
    const requests: ServerRequest[] = [];
    const server = new HTTPServer((request) => {
      requests.push(request);
      request.respond(200, 'fine');
    });
    expect(shown(server)).toBe('HTTPServer { addresses: [], openConnections: 0, isStopping: false }');
    await server.listen({ host });
    expect(shown(server)).toBe(
      `HTTPServer { url: '${server.url}', addresses: [ '${host}:${server.port}' ], openConnections: 0, isStopping: false }`,
    );
    await using client = new AsyncHTTPClient();
    await client.fetch(`${server.url}/path?a=%1b`, {
      method: 'POST',
      body: 'hello',
      headers: { Cookie: 'sid=hunter2', 'Content-Type': 'text/plain' },
    });
    await client.close();
    await server.closeAll();
    const [request] = requests as [ServerRequest];
    const text = shown(request);
    expect(text).toMatch(
      /^ServerRequest { method: 'POST', target: '\/path\?a=%1b', remoteAddress: '127.0.0.1:\d+', version: 'HTTP\/1.1', headers: HTTPHeaders {/,
    );
    expect(text).toContain('Cookie: (masked)');
    expect(text).toMatch(/body: \(5 bytes\) }$/);
    expect(shown({ request }, { depth: 0 })).toBe('{ request: [ServerRequest] }');
    expect(shown(request.exchange)).toContain('status: 200, headSent: true, finished: true');
    expect(shown(server)).toContain('addresses: []');
  });
});

describe('what a server tells of a request behind a proxy', () => {
  it('is shown with the addresses of both, and without credentials', async () => {
    const texts: string[] = [];
    await using server = await new HTTPServer(
      (request) => {
        texts.push(shown(request.connection), shown(request.exchange));
        request.respond(200, 'fine');
      },
      {
        trustedProxies: [host],
        decompressRequests: true,
        accessLog: (record) => void texts.push(shown(record)),
      },
    ).listen({ host });
    await using client = new AsyncHTTPClient();
    await client.fetch(server.url, {
      method: 'POST',
      body: gzipSync('hello'),
      headers: { 'X-Forwarded-For': '192.0.2.7', 'Content-Encoding': 'gzip', Cookie: 'sid=hunter2' },
    });
    await client.close();
    await server.stop();
    const [connection, exchange, record] = texts;
    expect(connection).toMatch(
      /^ForwardedConnection { protocol: 'http', remoteAddress: '192\.0\.2\.7:\d+', peer: '127\.0\.0\.1:\d+' }$/,
    );
    expect(exchange).toMatch(
      /^DecompressingExchange { headSent: false, finished: false, remoteAddress: '192\.0\.2\.7:\d+' }$/,
    );
    expect(record).toMatch(
      /^RequestRecord { method: 'POST', status: 200, outcome: 'completed', bytesSent: 4, durationMs: .*, remoteIp: '192\.0\.2\.7', target: '\/', headers: HTTPHeaders {/,
    );
    expect(texts.join('\n')).not.toContain('hunter2');
  });
});

describe('Application, RequestHandler, HTTPServerRequest', () => {
  it('show routes, status, request, and what a subclass keeps', async () => {
    let text = '';
    class Main extends RequestHandler {
      user = { name: 'ada' };
      override get(): void {
        this.setStatus(201);
        this.setHeader('Set-Cookie', 'sid=hunter2');
        text = shown(this);
        this.write('fine');
      }
    }
    class Fallback extends RequestHandler {
      override initialize(): void {}
      override get(): void {}
    }
    const application = new Application(
      [
        ['/', Main],
        ['/story/:id', Main],
      ],
      { defaultHandlerClass: Fallback, defaultHandlerInit: { secret: 'hunter2' } },
    );
    application.addHandlers('example.com', [['/only', Main]]);
    expect(shown(application)).toBe(
      "Application { routes: [ '/ Main', '/story/:id Main' ], hosts: { 'example.com': [ '/only Main' ] }, serveTraceback: false }",
    );
    await using server = await application.listen({ host });
    await using client = new AsyncHTTPClient();
    await client.fetch(`${server.url}/story/1`, { headers: { Authorization: 'Bearer hunter2' } });
    expect(text).toMatch(
      /^Main { request: HTTPServerRequest { method: 'GET', target: '\/story\/1', remoteAddress: '127.0.0.1:\d+'/,
    );
    expect(text).toContain('status: 201, headSent: false, finished: false');
    expect(text).toContain("user: { name: 'ada' }");
    expect(text).not.toContain('hunter2');
  });

  it('make nothing that was not asked for: neither a signal nor arguments, nor headers of their own', async () => {
    let request: HTTPServerRequest | undefined;
    class Broken extends RequestHandler {
      override get(): void {
        request = this.request;
        const before = shown(this);
        expect(shown(this)).toBe(before);
        this.write('fine');
      }
    }
    const application = new Application([['/', Broken]]);
    await using server = await application.listen({ host });
    await using client = new AsyncHTTPClient();
    // A query that cannot be parsed, which `queryArguments` would throw at.
    const response = await client.fetch(`${server.url}/?a=%zz`, { raiseError: false });
    expect(response.status).toBe(200);
    expect(shown(request)).toContain("target: '/?a=%zz'");
    expect(() => request?.queryArguments).toThrow();
  });
});

describe('HTTPRequest, HTTPResponse, AsyncHTTPClient', () => {
  it('show method, URL, status and headers, and no credentials', async () => {
    await using server = await new HTTPServer((request) =>
      request.respond(200, 'hello', { 'Set-Cookie': 'sid=hunter2' }),
    ).listen({ host });
    await using client = new AsyncHTTPClient();
    const url = `${server.url.replace('//', '//root:hunter2@')}/a`;
    const request = new HTTPRequest(url, { basicAuth: { username: 'root', password: 'hunter2' } });
    expect(shown(request)).toBe(
      `HTTPRequest { method: 'GET', url: 'http://(masked)@${host}:${server.port}/a', headers: HTTPHeaders {} }`,
    );
    const text = shown(await client.fetch(request));
    expect(text).toMatch(
      /^HTTPResponse { status: 200, reason: 'OK', effectiveUrl: 'http:\/\/127.0.0.1:\d+\/a', headers: HTTPHeaders {/,
    );
    expect(text).toContain('body: (5 bytes)');
    expect(text).not.toContain('hunter2');
    expect(shown(client)).toBe(
      'AsyncHTTPClient { queuedCount: 0, idleCount: 1, connections: 1, isClosed: false }',
    );
  });

  it.each([
    ['as usual', 'http://u:hunter2@h/', 'http://(masked)@h/'],
    ['without slashes', 'http:u:hunter2@h', 'http:(masked)@h'],
    ['with backslashes', '\thttp:\\\\u:hunter2@h', '(masked)@h'],
    ['with a very long password', `http://u:${'hunter2'.repeat(100)}@h/`, 'http://(masked)@h/'],
    ['with an @ that says nothing', 'http://h/path@x?q=a@b', 'http://h/path@x?q=a@b'],
  ])('show a URL without credentials: %s', (_, url, expected) => {
    const text = shown(new HTTPRequest(url));
    expect(text).not.toContain('hunter2');
    expect(text).toContain(expected);
  });
});

describe('TCPServer, IOStream', () => {
  it('show addresses, counts and the end, also of a stream that is closed', async () => {
    const accepted: IOStream[] = [];
    await using server = await new TCPServer({ handleStream: (stream) => void accepted.push(stream) }).listen(
      {
        host,
      },
    );
    const stream = await new TCPClient().connect({ host, port: server.port });
    await stream.write('hello');
    const open = shown(stream);
    expect(open).toMatch(
      /^IOStream { isClosed: false, isEnded: false, isWriteEnded: false, bytesReceived: 0, bytesSent: 5,/,
    );
    expect(open).toContain(`remoteAddress: '${host}:${server.port}'`);
    stream.close();
    expect(shown(stream)).toMatch(/^IOStream { isClosed: true, closeReason: 'we-ended', isEnded/);
    await stream.waitClosed();
    expect(shown(stream)).toContain(`remoteAddress: '${host}:${server.port}'`);
    const [peer] = accepted as [IOStream];
    expect(shown(peer)).toMatch(/^ServerStream { isClosed: /);
    expect(shown(server)).toBe(
      `TCPServer { addresses: [ '${host}:${server.port}' ], openConnections: ${server.openConnections} }`,
    );
  });

  it('show a stream in memory', () => {
    const [a] = IOStream.pair();
    expect(shown(a)).toContain("remoteAddress: 'memory'");
    a.close();
  });
});

describe('WebSocketHandler, WebSocketClientConnection', () => {
  it('show whether the connection is open, and how it was closed', async () => {
    let text = '';
    class Echo extends WebSocketHandler {
      override onMessage(): void {
        text = shown(this);
        this.close(4001, 'bye');
      }
    }
    await using server = await new Application([['/', Echo]]).listen({ host });
    const connection = await websocketConnect(server.url.replace('http', 'ws'));
    expect(shown(connection)).toBe(
      "WebSocketClientConnection { isOpen: true, closeReason: '', queuedBytes: 0 }",
    );
    await connection.writeMessage('hello');
    expect(await connection.readMessage()).toBeNull();
    expect(text).toMatch(
      /^Echo { request: HTTPServerRequest {.*}, isOpen: true, closeReason: '', queuedBytes: 0 }$/,
    );
    expect(shown(connection)).toBe(
      "WebSocketClientConnection { isOpen: false, closeCode: 4001, closeReason: 'bye', queuedBytes: 0 }",
    );
  });
});

describe('an instance that is shown', () => {
  it('may refer to itself, and have a getter that throws', () => {
    class Mine extends TCPServer {
      readonly self = this;
      readonly loop = IOLoop.current();
      override get openConnections(): number {
        throw new Error('not now');
      }
    }
    const server = new Mine({ handleStream() {} });
    expect(() => shown(server, { depth: null })).not.toThrow();
    expect(shown(server, { depth: null })).toMatch(/^<ref \*1> Mine {.*not now.*self: \[Circular \*1\].*}$/);
  });

  it('is shown as it is now each time', async () => {
    const server = new HTTPServer(() => {});
    await server.listen({ host });
    const socket = connect(server.port, host);
    await once(socket, 'connect');
    expect(shown(server)).toContain(`url: '${server.url}'`);
    await server.closeAll();
    socket.destroy();
    expect(shown(server)).not.toContain('url');
  });
});

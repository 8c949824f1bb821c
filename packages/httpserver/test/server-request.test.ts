import { HTTPHeaders } from '@landspout/http1';
import { systemClock } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import { ServerRequest } from '../src/server-request.ts';
import { converse, statusLines } from './fixtures/raw-client.ts';
import { withServer } from './fixtures/running-server.ts';

/** Lets `read` look at one request as it came over the wire, and gives what it found and what was answered. */
async function look(
  wire: string,
  read: (request: ServerRequest) => unknown,
): Promise<{ found: unknown; answer: string; logged: readonly string[] }> {
  let found: unknown;
  let answer = '';
  let logged: readonly string[] = [];
  const handle = (request: ServerRequest): void => {
    found = read(request);
    request.respond(200, 'fine');
  };
  await withServer(handle, async ({ port, records }) => {
    answer = await converse(port, wire);
    logged = records.map(({ level }) => level);
  });
  return { found, answer, logged };
}

/** A request without a body, on a connection that ends after it. */
function get(target: string, ...fields: readonly string[]): string {
  return [`GET ${target} HTTP/1.1`, 'Host: a', 'Connection: close', ...fields, '', ''].join('\r\n');
}

function post(target: string, type: string, body: string, ...fields: readonly string[]): string {
  const head = [`POST ${target} HTTP/1.1`, 'Host: a', 'Connection: close', `Content-Type: ${type}`];
  return [...head, `Content-Length: ${body.length}`, ...fields, '', body].join('\r\n');
}

const FORM = 'application/x-www-form-urlencoded';

const facts = (request: ServerRequest): unknown => ({
  method: request.method,
  uri: request.uri,
  path: request.path,
  query: request.query,
  version: request.version,
  host: request.host,
  hostName: request.hostName,
  protocol: request.protocol,
  remoteIp: request.remoteIp,
  fullUrl: request.fullUrl(),
});

describe('ServerRequest', () => {
  it('says what the peer asked for [HU-07]', async () => {
    const wire = 'GET /a%20b?x=1?2 HTTP/1.1\r\nHost: Example.COM:8080\r\nConnection: close\r\n\r\n';
    expect((await look(wire, facts)).found).toEqual({
      method: 'GET',
      uri: '/a%20b?x=1?2',
      path: '/a%20b',
      query: 'x=1?2',
      version: 'HTTP/1.1',
      host: 'Example.COM:8080',
      hostName: 'example.com',
      protocol: 'http',
      remoteIp: '127.0.0.1',
      fullUrl: 'http://Example.COM:8080/a%20b?x=1?2',
    });
  });

  it('believes an absolute target over Host (RFC 9112 §3.2.2) [HU-07, HU-08]', async () => {
    expect((await look(get('http://[::1]:80?x'), facts)).found).toMatchObject({
      path: '/',
      query: 'x',
      host: '[::1]:80',
      hostName: '[::1]',
      fullUrl: 'http://[::1]:80/?x',
    });
  });

  it('does without Host in HTTP/1.0 [HU-08]', async () => {
    expect((await look('GET / HTTP/1.0\r\n\r\n', facts)).found).toMatchObject({
      host: '127.0.0.1',
      version: 'HTTP/1.0',
    });
  });

  it('reads cookies, of several lines too [HU-07, HU-09]', async () => {
    const { found } = await look(get('/', 'Cookie: a=1; b="x\\"y"; bad name=1', 'Cookie: a=2'), (request) => [
      ...request.cookies,
    ]);
    expect(found).toEqual([
      ['a', '2'],
      ['b', 'x"y'],
    ]);
  });

  it('reads a cookie of sixty thousand backslashes and answers [ATT-20]', async () => {
    const { found } = await look(
      get('/', `Cookie: a="${'\\'.repeat(60_000)}"`),
      (request) => request.cookies.get('a')?.length,
    );
    expect(found).toBe(30_000);
  });

  it('reads arguments of the query and of a form, those of the query first [HU-07]', async () => {
    const { found } = await look(
      post('/?a=1&b=&a=%C3%BC', `${FORM}; charset=utf-8`, 'a=3&c=x+y'),
      (request) => [[...request.queryArguments], [...request.bodyArguments], [...request.arguments]],
    );
    expect(found).toEqual([
      [
        ['a', ['1', 'ü']],
        ['b', ['']],
      ],
      [
        ['a', ['3']],
        ['c', ['x y']],
      ],
      [
        ['a', ['1', 'ü', '3']],
        ['b', ['']],
        ['c', ['x y']],
      ],
    ]);
  });

  it('finds no arguments in a body of another type [HU-07]', async () => {
    const { found } = await look(post('/', 'application/json', 'a=1'), (request) => request.arguments.size);
    expect(found).toBe(0);
  });

  it('finds no inherited names [ATT-74]', async () => {
    const wire = post('/?__proto__=1', FORM, 'constructor=2', 'Cookie: __proto__=3');
    const { found } = await look(wire, (request) => [
      request.arguments.get('__proto__'),
      request.arguments.get('constructor'),
      request.cookies.get('__proto__'),
      request.arguments.get('toString'),
      request.cookies.get('constructor'),
    ]);
    expect(found).toEqual([['1'], ['2'], '3', undefined, undefined]);
  });

  it.each([
    ['a byte that is no UTF-8', 'a=%ff'],
    ['half an escape', 'a=%'],
    ['an escape of its own kind', 'a=%u0041'],
    ['a surrogate', 'a=%ED%A0%80'],
    ['a thousand and one fields', 'a&'.repeat(1_001)],
  ])('has a request answered with 400 whose arguments have %s [ATT-75, ATT-77]', async (_what, fields) => {
    for (const wire of [get(`/?${fields}`), post('/', FORM, fields)]) {
      const { answer, logged } = await look(wire, (request) => request.arguments);
      expect(statusLines(answer)).toEqual(['HTTP/1.1 400 Bad Request']);
      expect(answer).toContain('\r\nConnection: close\r\n');
      expect(logged).toEqual(['info']);
    }
  });

  it('has a compressed form answered with 415', async () => {
    const wire = post('/', FORM, 'a=1', 'Content-Encoding: gzip');
    expect(statusLines((await look(wire, (request) => request.bodyArguments)).answer)).toEqual([
      'HTTP/1.1 415 Unsupported Media Type',
    ]);
  });

  it('minds a broken query only when it is asked for [ATT-75]', async () => {
    const { found, answer } = await look(get('/?%'), (request) => request.query);
    expect([found, statusLines(answer)]).toEqual(['%', ['HTTP/1.1 200 OK']]);
  });

  it('reads each thing once, and only when it is asked for', async () => {
    let lookups = 0;
    class Counting extends HTTPHeaders {
      override get(name: string): string | undefined {
        lookups += 1;
        return super.get(name);
      }
    }
    const headers = new Counting().add('Cookie', 'a=1').add('Host', 'a');
    const { found } = await look(get('/?a=1'), (original) => {
      const head = { method: 'GET', target: '/?a=1', version: 'HTTP/1.1', headers } as const;
      const request = new ServerRequest(head, original.exchange, systemClock);
      const before = lookups;
      return [
        before,
        Object.is(request.cookies, request.cookies),
        Object.is(request.queryArguments, request.queryArguments),
        Object.is(request.bodyArguments, request.bodyArguments),
        lookups,
      ];
    });
    expect(found).toEqual([0, true, true, true, 1]);
  });

  it('says how long ago its head came [HU-07]', async () => {
    let now = 1_000;
    const { found } = await look(get('/'), (original) => {
      const request = new ServerRequest(original, original.exchange, { ...systemClock, now: () => now });
      now += 250;
      return [request.requestTimeMs(), original.requestTimeMs() >= 0];
    });
    expect(found).toEqual([250, true]);
  });
});

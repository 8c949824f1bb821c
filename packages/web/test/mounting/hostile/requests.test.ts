import { FetchContainer } from '@landspout/httpserver/fetch';
import { NodeContainer } from '@landspout/httpserver/node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Middleware, mount, RequestHandler } from '../../../src/index.ts';
import { withApp } from '../../fixtures/running-application.ts';
import { type Handlers, MAX_BODY_BYTES, type OpenPlace, PLACES } from './places.ts';
import { converse, HostileClient, looksComplete, statusOf, turn } from './world.ts';

interface Call {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Handlers that note their calls, and respond with what they got. */
function noting(calls: Call[]): Handlers {
  return {
    async fetch(request) {
      calls.push({ method: request.method, url: request.url, headers: Object.fromEntries(request.headers) });
      if (request.url.endsWith('/refuses')) return new Response('no', { status: 403 });
      return new Response(`read ${(await request.arrayBuffer()).byteLength}`);
    },
    node(request, response, next) {
      const headers = request.headers as Record<string, string>;
      calls.push({ method: request.method ?? '', url: request.url ?? '', headers });
      if (request.url?.endsWith('/refuses')) {
        response.statusCode = 403;
        response.end('no');
        return;
      }
      let length = 0;
      request
        .on('data', (chunk: Buffer) => {
          length += chunk.length;
        })
        .on('error', next)
        .on('end', () => response.end(`read ${length}`));
    },
    web: class extends RequestHandler<'/*path'> {
      static override readonly streamRequestBody = true;
      #length = 0;

      override prepare(): void {
        const { method, path, headers } = this.request;
        calls.push({
          method,
          url: path,
          headers: Object.fromEntries(headers.getAll().map(([n, v]) => [n.toLowerCase(), v])),
        });
        if (path.endsWith('/refuses')) {
          this.setStatus(403);
          this.finish('no');
        }
      }

      override dataReceived(chunk: Uint8Array): void {
        this.#length += chunk.length;
      }

      override all(): void {
        this.write(`read ${this.#length}`);
      }
    },
  };
}

const HOST = 'Host: a.test\r\nConnection: close\r\n';

/** Requests that must not reach a handler. @see RFC 9112 §6.1 to §6.3 and §3.2 */
const REFUSED: readonly [string, (prefix: string) => string][] = [
  [
    'two lengths',
    (prefix) => `POST ${prefix}/a HTTP/1.1\r\n${HOST}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
  ],
  [
    'a length and chunks',
    (prefix) =>
      `POST ${prefix}/a HTTP/1.1\r\n${HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'an unknown coding',
    (prefix) => `POST ${prefix}/a HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'a coding after chunked',
    (prefix) => `POST ${prefix}/a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  ],
  ['a negative length', (prefix) => `POST ${prefix}/a HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n`],
  ['a length with a sign', (prefix) => `POST ${prefix}/a HTTP/1.1\r\n${HOST}Content-Length: +4\r\n\r\nabcd`],
  [
    'a space before a colon',
    (prefix) => `POST ${prefix}/a HTTP/1.1\r\n${HOST}Content-Length : 4\r\n\r\nabcd`,
  ],
  ['no host', (prefix) => `GET ${prefix}/a HTTP/1.1\r\nConnection: close\r\n\r\n`],
  ['two hosts', (prefix) => `GET ${prefix}/a HTTP/1.1\r\n${HOST}Host: b.test\r\n\r\n`],
  ['a space in the target', (prefix) => `GET ${prefix}/a b HTTP/1.1\r\n${HOST}\r\n`],
  ['a NUL in a value', (prefix) => `GET ${prefix}/a HTTP/1.1\r\n${HOST}X-A: a\0b\r\n\r\n`],
];

const isWholeNumber = /^read (\d+)$/;
const bodyOf = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);

describe.each(PLACES)('a request to $name', ({ kind, prefix, isNode, open }) => {
  const calls: Call[] = [];
  let place: OpenPlace;

  beforeAll(async () => {
    place = await open(noting(calls));
  });

  afterAll(() => place.stop());

  beforeEach(() => {
    calls.length = 0;
    place.log.records.length = 0;
  });

  const errors = (): unknown[] => place.log.records.filter(({ level }) => level === 'error');

  it.each(REFUSED)('with %s is refused before the handler', async (what, text) => {
    const received = await converse(place.port, text(prefix));
    expect(statusOf(received)).toBe(400);
    // Node calls its handler before it refuses an unknown coding.
    if (isNode !== true || what !== 'an unknown coding') expect(calls).toEqual([]);
    expect(errors()).toEqual([]);
  });

  it('above the limit is a 413, or cut, and not read', async () => {
    const length = MAX_BODY_BYTES + 1;
    const announced = await converse(
      place.port,
      `POST ${prefix}/a HTTP/1.1\r\n${HOST}Content-Length: ${length}\r\n\r\n`,
    );
    expect(statusOf(announced)).toBe(413);
    const chunk = `${length.toString(16)}\r\n${'b'.repeat(length)}\r\n0\r\n\r\n`;
    const chunked = await converse(
      place.port,
      `POST ${prefix}/a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${chunk}`,
    );
    expect([413, 0]).toContain(statusOf(chunked));
    await turn();
    expect(errors()).toEqual([]);
  });

  it('whose chunks break is a 400, or cut', async () => {
    const text = `POST ${prefix}/a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n`;
    const received = await converse(place.port, text);
    expect([400, 0]).toContain(statusOf(received));
    await turn();
    expect(errors()).toEqual([]);
  });

  it('that expects 100 Continue is refused without its body', async () => {
    const head = `POST ${prefix}/refuses HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`;
    const client = await HostileClient.connect(place.port, head);
    const { text } = await client.end();
    expect(statusOf({ text, wasReset: false })).toBe(403);
    // The server of Node asks for the body before its handler is called.
    if (isNode !== true) expect(text).not.toContain('100 Continue');
    expect(calls).toHaveLength(1);
  });

  it('with hostile names of headers and many cookies reaches the handler unharmed', async () => {
    const cookies = Array.from({ length: 1_000 }, (_, at) => `c${at}=${at}`).join('; ');
    const fields = `__proto__: a\r\nconstructor: b\r\ntoString: c\r\nCookie: ${cookies}\r\n`;
    const received = await converse(place.port, `GET ${prefix}/a HTTP/1.1\r\n${HOST}${fields}\r\n`);
    expect([statusOf(received), looksComplete(received)]).toEqual([200, true]);
    expect(bodyOf(received.text)).toMatch(isWholeNumber);
    expect(calls[0]?.headers.cookie).toBe(cookies);
    expect(calls[0]?.headers.constructor).toBe('b');
    expect(({} as { a?: unknown }).a).toBeUndefined();
    expect(errors()).toEqual([]);
  });

  it.each([
    'evil\\@x',
    'a:b@c',
    'a b',
    'a/b',
    'a?b',
    'a#b',
    '[::1',
    'a\tb',
    'a,b',
    '%00',
    '999.1.1.1',
    'a:99999',
  ])('with the host %s is refused, or has that host in its URL', async (host) => {
    const received = await converse(
      place.port,
      `GET ${prefix}/a HTTP/1.1\r\nConnection: close\r\nHost: ${host}\r\n\r\n`,
    );
    const status = statusOf(received);
    expect([200, 400]).toContain(status);
    if (status === 200 && kind === 'fetch') {
      const { url } = calls[0] as Call;
      expect([new URL(url).host, new URL(url).pathname]).toEqual([host.toLowerCase(), '/a']);
    }
    expect(errors()).toEqual([]);
  });

  it('in absolute form has the host and the path of its target', async () => {
    const received = await converse(place.port, `GET http://b.test${prefix}/a?q=1 HTTP/1.1\r\n${HOST}\r\n`);
    expect(statusOf(received)).toBe(200);
    if (kind === 'fetch') expect(calls[0]?.url).toBe('http://b.test/a?q=1');
    else expect(calls[0]?.url.replace(/^http:\/\/b\.test/, '').replace(/\?.*/, '')).toBe('/a');
  });

  it.each(['//evil.test/a', '/\\evil.test/a', '///a'])(
    'with the target %s stays on its own host',
    async (target) => {
      const received = await converse(place.port, `GET ${prefix}${target} HTTP/1.1\r\n${HOST}\r\n`);
      const status = statusOf(received);
      // A backslash may be refused.
      expect(target.includes('\\') ? [200, 400] : [200]).toContain(status);
      if (kind === 'fetch' && status === 200) expect(new URL((calls[0] as Call).url).host).toBe('a.test');
    },
  );
});

/** Spellings of `/api/secret`, of which middleware in front and the mount must see the same path. */
const SPELLINGS = [
  '/api/secret',
  '/api//secret',
  '//api/secret',
  '/api/./secret',
  '/api/../api/secret',
  '/x/../api/secret',
  '/api/%2e%2e/api/secret',
  '/api/..%2fapi/secret',
  '/%61pi/secret',
  '/api%2fsecret',
  '/api\\secret',
  '/api/..\\api/secret',
  '/API/secret',
  '/api;x/secret',
  '/api/secret%00',
  '/open/../api/secret',
  '/open/%2e%2e/api/secret',
  '/open/..%2f..%2fapi/secret',
  '/open/..%5capi/secret',
  '/open//api/secret',
];

describe('a path of a mount', () => {
  it.each(SPELLINGS)(
    'spelled %s reaches no other mount than the one that middleware has seen',
    async (target) => {
      const seen: string[] = [];
      const reached: string[] = [];
      const guard: Middleware = ({ request }, next) => {
        seen.push(request.path);
        return next();
      };
      const fetched = (name: string): FetchContainer =>
        new FetchContainer((request) => {
          reached.push(`${name} ${new URL(request.url).pathname}`);
          return new Response('reached');
        });
      const node = new NodeContainer((request, response) => {
        reached.push(`node ${request.url}`);
        response.end('reached');
      });
      const routes = [mount('/api', fetched('api')), mount('/open', fetched('open')), mount('/node', node)];
      await withApp(
        routes,
        async ({ port, log }) => {
          const received = await converse(port, `GET ${target} HTTP/1.1\r\n${HOST}\r\n`);
          expect([200, 301, 400, 404]).toContain(statusOf(received));
          const path = seen[0] ?? '';
          for (const line of reached) {
            const [name, rest] = line.split(' ') as [string, string];
            // The mount is the one whose prefix the path starts with, as middleware sees it.
            expect(path.startsWith(`/${name}`)).toBe(true);
            // What a URL makes of the rest is still below the prefix.
            expect(rest.startsWith('/')).toBe(true);
          }
          expect(log.records.filter(({ level }) => level === 'error')).toEqual([]);
        },
        { middleware: [guard] },
      );
    },
  );
});

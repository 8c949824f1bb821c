import express from 'express';
import { describe, expect, it } from 'vitest';
import { installGlobalObjects } from '../../src/fetch/global-objects.ts';
import { exchangeOf, FetchContainer } from '../../src/fetch/index.ts';
import { converse, RawClient, statusLines } from '../fixtures/raw-client.ts';
import { waitUntil } from '../fixtures/running-server.ts';
import {
  bytes,
  chunk,
  chunkedPost,
  LAST_CHUNK,
  parsed,
  post,
  requestText,
  withContainer,
} from './container-fixture.ts';

type Read = (request: Request) => unknown;

/** `bytes`, which the types of Node 20 lack. */
function bytesOf(request: Request): Promise<Uint8Array> {
  return (request as Request & { bytes(): Promise<Uint8Array> }).bytes();
}

/** What the handler reads of a request. */
async function readOf(text: string, read: Read): Promise<unknown> {
  let result: unknown;
  await withContainer(
    async (request) => {
      result = await read(request);
      return new Response('read');
    },
    async ({ port, records }) => {
      expect(parsed(await converse(port, text)).body).toBe('read');
      expect(records).toEqual([]);
    },
  );
  return result;
}

describe('the URL of a request', () => {
  it.each([
    ['/a?b=c', 'http://example.com/a?b=c'],
    ['//other/a', 'http://example.com//other/a'],
    ['/a/../b/./c', 'http://example.com/b/c'],
    ['/a/%2e%2E/b', 'http://example.com/b'],
    ['/a"b<c>', 'http://example.com/a%22b%3Cc%3E'],
    ["/a?b='", 'http://example.com/a?b=%27'],
    ['/%E4%BD%A0?%zz', 'http://example.com/%E4%BD%A0?%zz'],
    ['http://other.example:81/a?b', 'http://other.example:81/a?b'],
    ['http://other.example', 'http://other.example/'],
    ['/?', 'http://example.com/?'],
  ])('of the target %s is %s', async (target, url) => {
    expect(await readOf(requestText('GET', target), (request) => request.url)).toBe(url);
    expect(new Request(url).url).toBe(url);
  });

  it('of OPTIONS * is the root of the host (RFC 9112 §3.2.4)', async () => {
    const read: Read = ({ method, url }) => [method, url];
    expect(await readOf(requestText('OPTIONS', '*'), read)).toEqual(['OPTIONS', 'http://example.com/']);
  });

  it.each([
    ['Example.COM:80', 'http://example.com/'],
    ['example.com:8080', 'http://example.com:8080/'],
    ['[::1]:81', 'http://[::1]:81/'],
    ['0x7f.1', 'http://127.0.0.1/'],
  ])('of Host: %s is %s', async (host, url) => {
    const text = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    expect(await readOf(text, (request) => request.url)).toBe(url);
  });

  it('has the scheme and host that a trusted proxy reports', () =>
    withContainer(
      (request) => new Response(request.url),
      async ({ get }) => {
        const fields =
          'X-Forwarded-Proto: https\r\nX-Forwarded-Host: public.example\r\nX-Forwarded-For: 192.0.2.7\r\n';
        expect(parsed(await get('/a', fields)).body).toBe('https://public.example/a');
      },
      { server: { trustedProxies: ['127.0.0.1'], forwardedHost: true } },
    ));

  it('is checked when it is read: a host that no URL can have is a 400', () => {
    // Otherwise, the handler gets a native Request on Node 24 and later, which has to have a URL.
    const undo = installGlobalObjects();
    return withContainer(
      (request) => new Response(request.method === 'PUT' ? 'not read' : request.url),
      async ({ port, records }) => {
        const at = (method: string) => `${method} / HTTP/1.1\r\nHost: 999.1.1.1\r\nConnection: close\r\n\r\n`;
        expect(statusLines(await converse(port, at('GET')))).toEqual(['HTTP/1.1 400 Bad Request']);
        expect(parsed(await converse(port, at('PUT'))).body).toBe('not read');
        expect(records).toEqual([]);
      },
    ).finally(undo);
  });

  it('is a 400 even if the handler catches the error', () =>
    withContainer(
      (request) => {
        try {
          return new Response(request.url);
        } catch {
          return new Response('caught', { status: 500 });
        }
      },
      async ({ port }) => {
        const text = 'GET / HTTP/1.1\r\nHost: 999.1.1.1\r\nConnection: close\r\n\r\n';
        expect(statusLines(await converse(port, text))).toEqual(['HTTP/1.1 400 Bad Request']);
      },
    ));
});

describe('the headers of a request', () => {
  const fields = 'X-B: 1\r\nx-a: 2\r\nX-b: 3\r\nCookie: a=1\r\nCookie: b=2\r\n';
  const text = requestText('GET', '/', fields);

  it('are read by name, in any case', async () => {
    const read: Read = ({ headers }) => [
      headers.get('X-B'),
      headers.get('x-A'),
      headers.get('cookie'),
      headers.get('none'),
      headers.has('X-a'),
      headers.has('none'),
      headers.getSetCookie(),
    ];
    expect(await readOf(text, read)).toEqual(['1, 3', '2', 'a=1; b=2', null, true, false, []]);
  });

  it('are listed sorted, in lower case, repeated ones joined', async () => {
    const read: Read = ({ headers }) => {
      const called: [string, string][] = [];
      headers.forEach((value, name) => void called.push([name, value]));
      return [[...headers], [...headers.entries()], called, [...headers.keys()], [...headers.values()]];
    };
    const list = [
      ['connection', 'close'],
      ['cookie', 'a=1; b=2'],
      ['host', 'example.com'],
      ['x-a', '2'],
      ['x-b', '1, 3'],
    ];
    const names = list.map(([name]) => name);
    const values = list.map(([, value]) => value);
    expect(await readOf(text, read)).toEqual([list, list, list, names, values]);
  });

  it('are Headers, and can be copied', async () => {
    const read: Read = ({ headers }) => [
      headers instanceof Headers,
      Object.prototype.toString.call(headers),
      [...new Headers(headers)].length,
      new Request('http://a/', { headers }).headers.get('x-b'),
    ];
    expect(await readOf(text, read)).toEqual([true, '[object Headers]', 5, '1, 3']);
  });

  it('can be changed, without a change of what was received', async () => {
    const read: Read = (request) => {
      request.headers.set('x-a', ' changed ');
      request.headers.append('x-a', 'more');
      request.headers.delete('cookie');
      const { head } = exchangeOf(request) as NonNullable<ReturnType<typeof exchangeOf>>;
      const copy = new Request(request);
      return [copy.headers.get('x-a'), copy.headers.has('cookie'), head.headers.get('x-a')];
    };
    expect(await readOf(text, read)).toEqual(['changed, more', false, '2']);
  });

  it('refuse a name or value that is invalid', async () => {
    const read: Read = ({ headers }) => {
      const attempts = [
        () => headers.get('a b'),
        () => headers.set('a b', 'c'),
        () => headers.set('a', 'b\nc'),
        () => headers.append('a', '\u2713'),
      ];
      return attempts.map((attempt) => {
        try {
          attempt();
          return 'accepted';
        } catch (error) {
          return (error as Error).name;
        }
      });
    };
    expect(await readOf(text, read)).toEqual(['TypeError', 'TypeError', 'TypeError', 'TypeError']);
  });
});

describe('the body of a request', () => {
  const JSON_BODY = '\xef\xbb\xbf{"a":"\xc3\xa9"}';
  const bodies: Record<string, string> = {
    'of known length': post('/', JSON_BODY, 'Content-Type: application/json\r\n'),
    'in chunks': `${chunkedPost('/', 'Content-Type: application/json\r\n')}${chunk(JSON_BODY.slice(0, 4))}${chunk(JSON_BODY.slice(4))}${LAST_CHUNK}`,
    'that is expected': post('/', JSON_BODY, 'Content-Type: application/json\r\nExpect: 100-continue\r\n'),
  };

  describe.each(Object.entries(bodies))('%s', (_kind, text) => {
    it.each<[string, Read, unknown]>([
      ['text', (request) => request.text(), '{"a":"é"}'],
      ['json', (request) => request.json(), { a: 'é' }],
      ['bytes', async (request) => [...(await bytesOf(request))].length, 13],
      ['arrayBuffer', async (request) => (await request.arrayBuffer()).byteLength, 13],
      [
        'blob',
        async (request) => [(await request.blob()).size, await request.blob().catch(() => 0)],
        [13, 0],
      ],
      [
        'clone',
        async (request) => [await request.clone().text(), await request.json()],
        ['{"a":"é"}', { a: 'é' }],
      ],
      ['body', async (request) => new Response(request.body).text(), '{"a":"é"}'],
      [
        'new Request',
        async (request) => [await new Request(request).json(), request.bodyUsed],
        [{ a: 'é' }, true],
      ],
      [
        'new Request of a URL',
        async (request) => {
          const copy = new Request('http://other/', request);
          return [copy.url, copy.method, await copy.text(), copy.headers.get('content-type')];
        },
        ['http://other/', 'POST', '{"a":"é"}', 'application/json'],
      ],
    ])('is read by %s', async (_method, read, expected) => {
      expect(await readOfBody(text, read)).toEqual(expected);
    });
  });

  /** Like {@link readOf}, with an interim response for the body that is expected. */
  async function readOfBody(text: string, read: Read): Promise<unknown> {
    let result: unknown;
    await withContainer(
      async (request) => {
        result = await read(request);
        return new Response('read');
      },
      async ({ port, records }) => {
        expect(await converse(port, text)).toMatch(/read$/);
        expect(records).toEqual([]);
      },
    );
    return result;
  }

  it('is owned by the handler: its memory is shared with nothing', async () => {
    const read: Read = async (request) => (await bytesOf(request)).buffer.byteLength;
    expect(await readOf(post('/', 'abc'), read)).toBe(3);
    const buffer: Read = async (request) => (await request.arrayBuffer()).byteLength;
    expect(await readOf(post('/', 'abc'), buffer)).toBe(3);
  });

  it('is read with a reader that brings its buffer', async () => {
    const read: Read = async (request) => {
      const reader = (request.body as ReadableStream<Uint8Array>).getReader({ mode: 'byob' });
      const texts: string[] = [];
      for (;;) {
        const { done, value } = await reader.read(new Uint8Array(2));
        if (done) return [texts.join('|'), value?.length];
        texts.push(new TextDecoder().decode(value));
      }
    };
    expect(await readOf(post('/', 'abcde'), read)).toEqual(['ab|cd|e', 0]);
    expect(await readOf(`${chunkedPost('/')}${chunk('abc')}${LAST_CHUNK}`, read)).toEqual(['ab|c', 0]);
  });

  it('is a form, with files', async () => {
    const body = [
      '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n',
      '--b\r\nContent-Disposition: form-data; name="f"; filename="n.txt"\r\nContent-Type: text/plain\r\n\r\nfile\r\n',
      '--b--\r\n',
    ].join('');
    const read: Read = async (request) => {
      const form = await request.formData();
      const file = form.get('f') as File;
      return [form.get('a'), file.name, await file.text()];
    };
    const text = post('/', body, 'Content-Type: multipart/form-data; boundary=b\r\n');
    expect(await readOf(text, read)).toEqual(['1', 'n.txt', 'file']);
  });

  it.each([
    ['of GET', requestText('GET', '/')],
    ['of POST without a body', requestText('POST', '/')],
    ['of POST with length 0', post('/', '')],
  ])('%s is null, and read as nothing', async (_kind, text) => {
    const read: Read = async (request) => [
      request.body,
      await request.text(),
      (await request.arrayBuffer()).byteLength,
      request.bodyUsed,
      await request.json().catch((error: Error) => error.name),
    ];
    expect(await readOf(text, read)).toEqual([null, '', 0, false, 'SyntaxError']);
  });

  it('can be read once', async () => {
    const read: Read = async (request) => {
      const before = request.bodyUsed;
      await request.text();
      const failures: unknown[] = [];
      for (const again of [() => request.text(), () => request.json(), () => request.formData()]) {
        failures.push(await again().catch((error: Error) => error.name));
      }
      for (const again of [() => request.clone(), () => new Request(request)]) {
        try {
          failures.push(again());
        } catch (error) {
          failures.push((error as Error).name);
        }
      }
      return [before, request.bodyUsed, failures];
    };
    const failed = Array.from({ length: 5 }, () => 'TypeError');
    expect(await readOf(post('/', 'abc'), read)).toEqual([false, true, failed]);
  });

  it('cannot be read while a reader has locked it', async () => {
    const read: Read = async (request) => {
      const reader = (request.body as ReadableStream).getReader();
      const refused = await request.text().catch((error: Error) => error.name);
      reader.releaseLock();
      return [refused, request.bodyUsed, await request.text()];
    };
    expect(await readOf(post('/', 'abc'), read)).toEqual(['TypeError', false, 'abc']);
  });

  it('of a GET is discarded', async () => {
    const text = requestText('GET', '/', 'Content-Length: 3\r\n');
    expect(await readOf(`${text}abc`, (request) => request.body)).toBe(null);
  });

  it('is decompressed if the server does that', () =>
    withContainer(
      async (request) => new Response(await request.text()),
      async ({ port }) => {
        const { gzipSync } = await import('node:zlib');
        const body = gzipSync('compressed').toString('latin1');
        const received = await converse(port, post('/', body, 'Content-Encoding: gzip\r\n'));
        expect(parsed(received).body).toBe('compressed');
      },
      { server: { decompressRequests: true } },
    ));

  it('that waits for 100 Continue is asked for when it is read', () =>
    withContainer(
      async (request) => new Response(request.url.endsWith('/read') ? await request.text() : 'not read'),
      async ({ port }) => {
        const head = (path: string) =>
          requestText('POST', path, 'Content-Length: 3\r\nExpect: 100-continue\r\n');
        const client = await RawClient.connect({ port }, head('/read'));
        await client.until((received) => received.includes('100 Continue\r\n\r\n'));
        client.send('abc');
        expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 100 [^\n]*\n\r\nHTTP\/1\.1 200 .*abc$/s);
        client.close();
        expect(statusLines(await converse(port, head('/')))).toEqual(['HTTP/1.1 200 OK']);
      },
    ));

  it('that the handler did not read is discarded, and the next request is served', () =>
    withContainer(
      (request) => new Response(request.method),
      async ({ port }) => {
        const first = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc';
        const received = await converse(port, first + requestText('GET', '/'));
        expect(statusLines(received)).toEqual(['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK']);
      },
    ));

  it('rejects a reader that waits for it after the response', async () => {
    let failure: unknown;
    await withContainer(
      (request) => {
        request.text().catch((error: unknown) => {
          failure = error;
        });
        return new Response('early');
      },
      async ({ port }) => {
        expect(parsed(await converse(port, chunkedPost('/'))).body).toBe('early');
        await waitUntil(() => failure !== undefined);
      },
    );
    expect(failure).toMatchObject({ code: 'ERR_HTTP_CLOSED' });
  });
});

describe('the request of a FetchContainer', () => {
  it('has the interface of Request', async () => {
    const read: Read = (request) => {
      const real = new Request('http://example.com/') as unknown as Record<string, unknown>;
      const ours = request as unknown as Record<string, unknown>;
      const names = Object.getOwnPropertyNames(Request.prototype).filter(
        (name) => typeof real[name] !== 'function' && !['headers', 'signal', 'attribute'].includes(name),
      );
      return [
        request instanceof Request,
        String(request),
        request.constructor === Request.prototype.constructor,
        request.signal instanceof AbortSignal,
        names.filter((name) => ours[name] !== real[name]),
      ];
    };
    expect(await readOf(requestText('GET', '/'), read)).toEqual([true, '[object Request]', true, true, []]);
  });

  it('can be fetched', () =>
    withContainer(
      async (request) => {
        const { pathname, origin } = new URL(request.url);
        if (pathname === '/target') {
          return new Response(`${request.method} ${await request.text()} ${request.headers.get('x-hop')}`);
        }
        if (request.headers.get('x-hop') !== null) return new Response(`self ${await request.text()}`);
        request.headers.delete('connection');
        return fetch(new Request(`${origin}/target`, request));
      },
      async ({ port }) => {
        const text = `POST / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc`;
        expect(parsed(await converse(port, text)).status).toBe(200);
        expect(await converse(port, text)).toContain('POST abc null');
      },
    ));

  it('has the address of the client', async () => {
    const read: Read = (request) => (request as Request & { ip: string }).ip;
    expect(await readOf(requestText('GET', '/'), read)).toBe('127.0.0.1');
  });

  it.each(['TRACE', 'PROPFIND', 'get'])('keeps the method %s', async (method) => {
    const read: Read = (request) => [request.method, new Request(request) instanceof Request];
    expect(await readOf(requestText(method, '/'), read)).toEqual([method, true]);
  });

  it('has the objects of node:http', async () => {
    let seen: unknown;
    await withContainer(
      (request, { incoming, outgoing }) => {
        const { runtime } = request as Request & {
          runtime: { name: string; node: { req: unknown; res: unknown } };
        };
        const { name, node } = runtime;
        seen = [
          name,
          node.req === incoming,
          node.res === outgoing,
          incoming.url,
          incoming.socket.remoteAddress,
        ];
        return new Response('seen');
      },
      async ({ get }) => {
        expect(parsed(await get('/a?b')).body).toBe('seen');
      },
    );
    expect(seen).toEqual(['node', true, true, '/a?b', '127.0.0.1']);
  });

  it('leads to its exchange, as its clones do, and no other request does', async () => {
    const read: Read = (request) => [
      exchangeOf(request)?.head.target,
      exchangeOf(request.clone())?.head.target,
      exchangeOf(new Request(request)),
      exchangeOf(new Request('http://a/')),
      exchangeOf(null as never),
    ];
    expect(await readOf(requestText('GET', '/a'), read)).toEqual([
      '/a',
      '/a',
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('request.waitUntil', () => {
  it('is what settled() waits for', async () => {
    let resolve: (() => void) | undefined;
    const waiting = new Promise<void>((done) => {
      resolve = done;
    });
    await withContainer(
      (request) => {
        (request as Request & { waitUntil(promise: Promise<unknown>): void }).waitUntil(waiting);
        return new Response('later');
      },
      async ({ container, get }) => {
        expect(parsed(await get('/')).body).toBe('later');
        let isSettled = false;
        const settling = container.settled().then(() => {
          isSettled = true;
        });
        await get('/');
        expect(isSettled).toBe(false);
        resolve?.();
        await settling;
        await container.settled();
      },
    );
  });

  it('logs a rejection', () =>
    withContainer(
      (request) => {
        const work = Promise.reject(new Error('on purpose'));
        (request as Request & { waitUntil(promise: Promise<unknown>): void }).waitUntil(work);
        return new Response('later');
      },
      async ({ container, get, records }) => {
        await get('/');
        await container.settled();
        expect(records).toMatchObject([{ error: { message: 'on purpose' } }]);
      },
    ));

  it('has a limit, which it shares with the container', () =>
    withContainer(
      (request) => {
        (request as Request & { waitUntil(promise: Promise<unknown>): void }).waitUntil(Promise.resolve());
        return new Response('accepted');
      },
      async ({ container, get, records }) => {
        let settle: ((value: unknown) => void) | undefined;
        const pending = new Promise((resolve) => {
          settle = resolve;
        });
        for (let count = 0; count < 100_000; count += 1) container.waitUntil(pending);
        expect(container.pending).toBe(100_000);
        expect(parsed(await get('/')).status).toBe(500);
        expect(records).toMatchObject([{ error: { code: 'ERR_HTTP_USAGE' } }]);
        settle?.(undefined);
        await container.settled();
        expect(parsed(await get('/')).body).toBe('accepted');
      },
    ));

  it('refuses what is no promise', () => {
    const container = new FetchContainer(() => new Response());
    expect(() => container.waitUntil(1 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP_USAGE' }),
    );
  });
});

describe('FetchContainer', () => {
  it.each<[string, () => unknown]>([
    ['a handler that is no function', () => new FetchContainer({} as never)],
    ['an Express application', () => new FetchContainer(express() as never)],
    ['an unknown option', () => new FetchContainer(() => new Response(), { onErorr: () => {} } as never)],
    [
      'an onError that is no function',
      () => new FetchContainer(() => new Response(), { onError: 1 } as never),
    ],
    ['a logger without methods', () => new FetchContainer(() => new Response(), { logger: {} } as never)],
  ])('refuses %s', (_what, create) => {
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_HTTP_USAGE' }));
  });

  it('serves requests of one connection in order', () =>
    withContainer(
      async (request) => new Response(bytes(await request.text())),
      async ({ port }) => {
        const one = (text: string) =>
          `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
        const received = await converse(port, one('first') + one('second') + post('/', 'third'));
        expect(received.match(/first|second|third/g)).toEqual(['first', 'second', 'third']);
      },
    ));
});

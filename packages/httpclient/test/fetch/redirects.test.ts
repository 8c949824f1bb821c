import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import {
  type HTTPClientError,
  HTTPConnectError,
  type HTTPRedirect,
  HTTPRedirectError,
  HTTPRequest,
  type RequestOptions,
} from '../../src/index.ts';
import { redirecting, rejection, withRecorder, withSite } from '../fixtures/recording.ts';
import { answering, deferred, onHead, waitUntil, withClient, withRawServer } from '../fixtures/servers.ts';

const STATUSES = [301, 302, 303, 307, 308];
const BODIES: Readonly<Record<string, RequestOptions>> = {
  GET: {},
  HEAD: {},
  DELETE: {},
  OPTIONS: {},
  POST: { body: 'text' },
  PUT: { body: 'text' },
  PATCH: { body: 'text' },
};

/** RFC 9110 §15.4: the method of the request that follows. */
function methodAfter(method: string, status: number): string {
  if (status === 303) return method === 'HEAD' ? 'HEAD' : 'GET';
  return method === 'POST' && status < 303 ? 'GET' : method;
}

const TABLE = Object.keys(BODIES).flatMap((method) => STATUSES.map((status) => [method, status] as const));

describe('a redirect', () => {
  it.each(TABLE)('of %s with %i keeps or changes the method and the body [SH-07]', (method, status) =>
    withSite(redirecting(status, '/to'), async ({ url, requests }, client) => {
      const response = await client.fetch(`${url}/from`, {
        method,
        ...BODIES[method],
      });
      const expected = methodAfter(method, status);
      expect(requests.map((request) => [request.method, request.target])).toEqual([
        [method, '/from'],
        [expected, '/to'],
      ]);
      const hadBody = BODIES[method]?.body !== undefined;
      expect(requests[1]?.body).toBe(hadBody && expected === method ? 'text' : '');
      expect(requests[1]?.headers['content-length']).toBe(hadBody && expected === method ? '4' : undefined);
      expect(response.status).toBe(200);
      expect(response.effectiveUrl).toBe(`${url}/to`);
    }),
  );

  const about = {
    'Content-Type': 'text/x-mine',
    'Content-Encoding': 'identity',
    'Content-Language': 'de',
    'Content-Location': '/here',
    'Content-Length': '4',
    'X-Kept': 'yes',
  };

  it.each([
    ['POST', 301],
    ['POST', 302],
    ['POST', 303],
    ['PUT', 303],
    ['PATCH', 303],
  ])(
    'of %s with %i drops the header fields about the body, also those of the client [SH-07]',
    (method, status) =>
      withSite(
        redirecting(status, '/to'),
        async ({ url, requests }, client) => {
          await client.fetch(`${url}/from`, {
            method,
            body: 'text',
            headers: about,
            expectContinue: false,
          });
          expect(requests[0]?.headers).toMatchObject({
            'content-type': 'text/x-mine',
            'content-language': 'de',
          });
          const names = Object.keys(requests[1]?.headers ?? {});
          expect(names.filter((name) => name.startsWith('content-') || name === 'expect')).toEqual([]);
          expect(names).not.toContain('transfer-encoding');
          expect(requests[1]?.headers).toMatchObject({
            'x-kept': 'yes',
            'x-client': 'yes',
          });
        },
        {
          defaults: {
            headers: { 'Content-Language': 'en', 'X-Client': 'yes' },
          },
        },
      ),
  );

  it('drops the Content-Type that the client adds for json, and sends no body after a further 307 [SH-07]', () =>
    withSite(
      ({ target }, response) => {
        const next = { '/1': [303, '/2'], '/2': [307, '/3'] }[target] as [number, string] | undefined;
        if (next !== undefined) response.writeHead(next[0], { Location: next[1] });
        response.end();
      },
      async ({ url, requests }, client) => {
        await client.fetch(`${url}/1`, { method: 'POST', json: { a: 1 } });
        expect(requests.map(({ method, body }) => [method, body])).toEqual([
          ['POST', '{"a":1}'],
          ['GET', ''],
          ['GET', ''],
        ]);
        for (const { headers } of requests.slice(1)) expect(headers['content-type']).toBeUndefined();
      },
    ));

  it.each([
    ['text', { body: 'grüße' }],
    ['bytes', { body: Buffer.from('grüße') }],
    ['json', { json: 'grüße' }],
    [
      'a producer',
      {
        bodyProducer: async (write: (chunk: string) => Promise<void>) => write('grüße'),
      },
    ],
  ] as [string, RequestOptions][])('sends %s again after 307 and 308 [SH-07]', async (_, options) => {
    for (const status of [307, 308]) {
      await withSite(redirecting(status, '/to'), async ({ url, requests }, client) => {
        await client.fetch(`${url}/from`, { method: 'POST', ...options });
        expect(requests).toHaveLength(2);
        expect(requests[1]?.body).toContain('grüße');
        expect(requests[1]?.body).toBe(requests[0]?.body);
        expect(requests[1]?.headers['content-type']).toBe(requests[0]?.headers['content-type']);
      });
    }
  });

  it('rejects if a streamed body would have to be sent again, and not if it is dropped [SH-07]', async () => {
    const body = async function* () {
      yield Buffer.from('once');
    };
    await withSite(redirecting(307, '/to'), async ({ url, requests }, client) => {
      const error = await rejection(client.fetch(`${url}/from`, { method: 'POST', body: body() }));
      expect(error).toBeInstanceOf(HTTPRedirectError);
      expect(error.message).toMatch(/307.*streamed/);
      expect(requests).toHaveLength(1);
    });
    await withSite(redirecting(303, '/to'), async ({ url, requests }, client) => {
      await client.fetch(`${url}/from`, { method: 'POST', body: body() });
      expect(requests.map(({ method }) => method)).toEqual(['POST', 'GET']);
    });
  });

  it('is not given to onHead and onData: its body is discarded, and its connection reused [SH-07]', () =>
    withSite(redirecting(302, '/to'), async ({ url, sockets }, client) => {
      const statuses: number[] = [];
      let body = '';
      await client.fetch(`${url}/from`, {
        onHead: (head) => void statuses.push(head.status),
        onData: (chunk) => {
          body += Buffer.from(chunk).toString();
        },
      });
      expect(statuses).toEqual([200]);
      expect(body).toBe('/to');
      expect(sockets).toHaveLength(1);
      const streamed = await client.stream(`${url}/from`);
      expect(await streamed.text()).toBe('/to');
      expect(streamed.redirects).toHaveLength(1);
    }));

  it.each([300, 304, 305, 306, 309])('is none with the status %i [SH-07]', (status) =>
    withSite(redirecting(status, '/to'), async ({ url, requests }, client) => {
      const response = await client.fetch(`${url}/from`, {
        raiseError: false,
      });
      expect(response.status).toBe(status);
      expect(response.redirects).toEqual([]);
      expect(requests).toHaveLength(1);
    }),
  );

  it('is none without a Location [SH-07]', () =>
    withSite(
      (_, response) => {
        response.writeHead(302);
        response.end('nowhere');
      },
      async ({ url }, client) => {
        const error = await rejection<HTTPClientError>(client.fetch(url));
        expect(error).toMatchObject({
          code: 'ERR_HTTPCLIENT_STATUS',
          status: 302,
        });
        expect(error.response?.text()).toBe('nowhere');
      },
    ));

  it('gets a Host of its own, although the request had one [SH-07]', () =>
    withRecorder(redirecting(200, ''), (other) =>
      withSite(
        ({ target }, response) => {
          if (target === '/1') response.writeHead(302, { Location: '/2' });
          else response.writeHead(302, { Location: `${other.url}/3` });
          response.end();
        },
        async ({ url, requests }, client) => {
          await client.fetch(`${url}/1`, { headers: { Host: 'virtual.test' } });
          const hosts = [...requests, ...other.requests].map(({ rawHeaders }) => rawHeaders.slice(0, 2));
          expect(hosts).toEqual([
            ['Host', 'virtual.test'],
            ['Host', new URL(url).host],
            ['Host', new URL(other.url).host],
          ]);
        },
      ),
    ));

  it('leaves the request as it was, and says which redirects were followed [HC-04]', () =>
    withSite(
      ({ target }, response) => {
        if (target === '/1') response.writeHead(301, { Location: '2?x#part' });
        if (target === '/2?x') response.writeHead(307, { Location: '/3' });
        response.end(target);
      },
      async ({ url }, client) => {
        const request = new HTTPRequest(`${url}/1#mine`, {
          headers: { 'X-A': '1' },
        });
        const expected = [
          { status: 301, url: `${url}/1`, location: `${url}/2?x` },
          { status: 307, url: `${url}/2?x`, location: `${url}/3` },
        ];
        const response = await client.fetch(request);
        expect(response.request).toBe(request);
        expect(request.url).toBe(`${url}/1#mine`);
        expect(request.headers.getAll()).toEqual([['X-A', '1']]);
        expect(response.effectiveUrl).toBe(`${url}/3`);
        expect(response.redirects).toEqual(expected);
        const { redirectMs, totalMs, firstByteMs } = response.timings;
        expect(redirectMs).toBeGreaterThan(0);
        expect(redirectMs + firstByteMs).toBeLessThanOrEqual(totalMs);
      },
    ));

  it('shows in errors which redirects were followed, and the URL that failed [HC-04] [HC-05]', () =>
    withSite(
      ({ target }, response) => {
        if (target === '/1') response.writeHead(302, { Location: '/2' });
        else response.writeHead(404);
        response.end('gone');
      },
      async ({ url, port }, client) => {
        const error = await rejection<HTTPClientError>(client.fetch(`${url}/1`));
        expect(error).toMatchObject({
          status: 404,
          url: `${url}/2`,
          redirects: [{ status: 302, url: `${url}/1`, location: `${url}/2` }],
          response: { effectiveUrl: `${url}/2`, redirects: [{ status: 302 }] },
        });
        void port;
      },
    ));
});

describe('the Location of a redirect', () => {
  const utf8 = Buffer.from('/grün', 'utf8').toString('latin1');

  it.each([
    ['a path', '/to', '/to'],
    ['a relative path', 'to', '/dir/to'],
    ['a path with dot segments', '../../../to', '/to'],
    ['a query only', '?q=1', '/dir/from?q=1'],
    ['a fragment', '/to#part', '/to'],
    ['spaces', '/a b', '/a%20b'],
    ['UTF-8 bytes', utf8, '/gr%C3%BCn'],
    ['ISO-8859-1 bytes', '/gr\u00fcn', '/gr%C3%BCn'],
    ['escapes', '/a%20b%2Fc', '/a%20b%2Fc'],
  ])('may have %s [SH-07]', (_, location, target) =>
    withRawServer(
      (socket) =>
        onHead(socket, (head) => {
          const answer = head.includes('GET /dir/from HTTP')
            ? `HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`
            : `HTTP/1.1 200 OK\r\nContent-Length: ${/GET (\S+)/.exec(head)?.[1]?.length}\r\n\r\n${/GET (\S+)/.exec(head)?.[1]}`;
          socket.write(answer, 'latin1');
        }),
      ({ url }) =>
        withClient({}, async (client) => {
          const response = await client.fetch(`${url}/dir/from`);
          expect(response.text()).toBe(target);
          expect(response.effectiveUrl).toBe(url + target);
        }),
    ),
  );

  it('may omit the scheme, and may have another host and port [SH-07]', () =>
    withRecorder(redirecting(200, ''), (other) =>
      withSite(redirecting(302, `//127.0.0.1:${other.port}/to`), async ({ url }, client) => {
        const response = await client.fetch(`${url}/from`);
        expect(response.effectiveUrl).toBe(`${other.url}/to`);
        expect(other.requests).toHaveLength(1);
      }),
    ));

  it('may be the same URL if a single field is sent twice, but two URLs are refused', async () => {
    await withSite(redirecting(302, ['/to', '/to']), async ({ url }, client) => {
      expect((await client.fetch(`${url}/from`)).effectiveUrl).toBe(`${url}/to`);
    });
    await withSite(redirecting(302, ['/to', '/evil']), async ({ url, requests }, client) => {
      const error = await rejection(client.fetch(`${url}/from`));
      expect(error).toBeInstanceOf(HTTPRedirectError);
      expect(requests).toHaveLength(1);
    });
  });

  it.each(['file:///etc/passwd', 'ftp://127.0.0.1/', 'data:,x', 'javascript:1', 'ws://127.0.0.1/'])(
    'rejects in time if it has the scheme of %s [ATT-62] [CU-08] [SH-08]',
    (location) =>
      withSite(redirecting(302, location), async ({ url, requests }, client) => {
        const error = await rejection<HTTPRedirectError>(client.fetch(`${url}/from`));
        expect(error).toBeInstanceOf(HTTPRedirectError);
        expect(error).toMatchObject({
          code: 'ERR_HTTPCLIENT_REDIRECT',
          status: 599,
          url: `${url}/from`,
        });
        expect(error.message).toContain('302');
        expect(requests).toHaveLength(1);
      }),
  );

  it.each(['http://', 'http://[::1', 'http://127.0.0.1:0/', 'http://127.0.0.1:99999/', 'http://a b/'])(
    'rejects in time if it is the invalid URL %j [SH-08]',
    (location) =>
      withSite(redirecting(302, location), async ({ url }, client) => {
        expect(await rejection(client.fetch(`${url}/from`))).toBeInstanceOf(HTTPRedirectError);
      }),
  );

  it('rejects in time if nothing listens there, with the cause and the chain [SH-08] [ATT-62]', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const dead = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
    await new Promise((resolve) => server.close(resolve));
    await withSite(redirecting(302, dead), async ({ url }, client) => {
      const error = await rejection(client.fetch(`${url}/from`));
      expect(error).toBeInstanceOf(HTTPConnectError);
      expect(error).toMatchObject({
        status: 599,
        url: dead,
        cause: { code: 'ECONNREFUSED' },
        redirects: [{ status: 302, url: `${url}/from`, location: dead }],
      });
    });
  });

  it('rejects in time if the server behind it closes without a response [SH-08]', () =>
    withRawServer(
      (socket) => onHead(socket, () => socket.destroy()),
      (other) =>
        withSite(redirecting(302, `${other.url}/x`), async ({ url }, client) => {
          expect(await rejection(client.fetch(`${url}/from`))).toMatchObject({
            code: 'ERR_HTTPCLIENT_CLOSED',
            url: `${other.url}/x`,
            redirects: [{ status: 302 }],
          });
        }),
    ));
});

describe('the number of redirects', () => {
  const loop = redirecting(302, '/from');

  it('is limited to 5 by default, so that a loop ends [SH-07]', () =>
    withSite(loop, async ({ url, requests }, client) => {
      const error = await rejection<HTTPRedirectError>(client.fetch(`${url}/from`));
      expect(error).toMatchObject({
        code: 'ERR_HTTPCLIENT_REDIRECT',
        status: 599,
      });
      expect(error.message).toContain('more than 5 redirects');
      expect(error.redirects).toHaveLength(5);
      expect(requests).toHaveLength(6);
    }));

  it('ends a loop of an empty Location', () =>
    withSite(redirecting(302, ''), async ({ url }, client) => {
      const error = await rejection<HTTPClientError>(client.fetch(`${url}/from`));
      expect(error.code).toMatch(/^ERR_HTTPCLIENT_(REDIRECT|STATUS)$/);
    }));

  it.each([1, 2, 7])('is limited by maxRedirects %i [SH-07]', (maxRedirects) =>
    withSite(
      ({ target }, response) => {
        const step = Number(target.slice(1));
        if (step < maxRedirects) response.writeHead(302, { Location: `/${step + 1}` });
        response.end(target);
      },
      async ({ url }, client) => {
        expect((await client.fetch(`${url}/0`, { maxRedirects })).text()).toBe(`/${maxRedirects}`);
        expect((await client.fetch(`${url}/0`, { maxRedirects })).redirects).toHaveLength(maxRedirects);
        if (maxRedirects > 1)
          await expect(client.fetch(`${url}/0`, { maxRedirects: maxRedirects - 1 })).rejects.toBeInstanceOf(
            HTTPRedirectError,
          );
      },
    ),
  );

  it.each([
    ['maxRedirects 0', { maxRedirects: 0 }],
    ['followRedirects false', { followRedirects: false }],
    ['onRedirect that returns false', { onRedirect: () => false }],
  ] as [string, RequestOptions][])('is 0 with %s: the redirect is the response [SH-07]', (_, options) =>
    withSite(redirecting(302, '/to'), async ({ url, requests }, client) => {
      const response = await client.fetch(`${url}/from`, {
        ...options,
        raiseError: false,
      });
      expect(response).toMatchObject({
        status: 302,
        effectiveUrl: `${url}/from`,
        redirects: [],
      });
      expect(response.text()).toBe('the body of a redirect');
      const error = await rejection<HTTPClientError>(client.fetch(`${url}/from`, options));
      expect(error).toMatchObject({
        code: 'ERR_HTTPCLIENT_STATUS',
        status: 302,
      });
      expect(error.message).toContain('/to');
      expect(requests).toHaveLength(2);
    }),
  );
});

describe('onRedirect', () => {
  it('is called with each redirect before it is followed [SH-07]', () =>
    withSite(
      ({ target }, response) => {
        const step = Number(target.slice(1));
        if (step < 3) response.writeHead(301 + step, { Location: `/${step + 1}` });
        response.end();
      },
      async ({ url, requests }, client) => {
        const calls: [HTTPRedirect, number][] = [];
        await client.fetch(`${url}/0`, {
          onRedirect: (redirect) => {
            calls.push([redirect, requests.length]);
            return undefined;
          },
        });
        expect(calls).toEqual([
          [{ status: 301, url: `${url}/0`, location: `${url}/1` }, 1],
          [{ status: 302, url: `${url}/1`, location: `${url}/2` }, 2],
          [{ status: 303, url: `${url}/2`, location: `${url}/3` }, 3],
        ]);
      },
    ));

  it('stops the chain in the middle [SH-07]', () =>
    withSite(redirecting(302, '/from'), async ({ url }, client) => {
      let calls = 0;
      const response = await client.fetch(`${url}/from`, {
        raiseError: false,
        onRedirect: () => {
          calls += 1;
          return calls < 3;
        },
      });
      expect(response.status).toBe(302);
      expect(response.redirects).toHaveLength(2);
    }));

  it('rejects the fetch with what it throws, and the connection is closed', () =>
    withSite(redirecting(302, '/to'), async ({ url, requests, openSockets }, client) => {
      const mistake = new Error('mine');
      const onRedirect = (): boolean => {
        throw mistake;
      };
      await expect(client.fetch(`${url}/from`, { onRedirect })).rejects.toBe(mistake);
      expect(requests).toHaveLength(1);
      await waitUntil(() => openSockets() === 0);
    }));
});

describe('the body of a redirect', () => {
  /** Redirects with `head` and what `write` sends; responds to /to with 200. */
  const server = (head: string, write: (socket: Socket) => void) => (socket: Socket) =>
    onHead(socket, (received) => {
      if (received.startsWith('GET /to ')) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi');
        return;
      }
      socket.write(`HTTP/1.1 302 Found\r\nLocation: /to\r\n${head}\r\n`);
      write(socket);
    });
  const endless = (socket: Socket): void => {
    const more = (): void => {
      while (!socket.destroyed && socket.write('x'.repeat(16_384)));
    };
    socket.on('drain', more);
    more();
  };

  it.each<[string, string, (socket: Socket) => void]>([
    ['endless', '', endless],
    ['announced with an enormous length', `Content-Length: ${2 ** 40}\r\n`, endless],
    ['truncated', 'Content-Length: 100\r\n', (socket) => void socket.end('part')],
    ['reset', 'Content-Length: 100\r\n', (socket) => socket.resetAndDestroy()],
    ['invalid', 'Transfer-Encoding: chunked\r\n', (socket) => void socket.write('no chunk\r\n')],
    [
      'not what its coding says',
      'Content-Encoding: gzip\r\nContent-Length: 4\r\n',
      (socket) => void socket.write('part'),
    ],
  ])('does not matter if it is %s: the redirect is followed [SH-07] [SH-08]', (_, head, write) =>
    withRawServer(server(head, write), ({ url }) =>
      withClient({ defaults: { maxBodyBytes: 1_000_000 } }, async (client) => {
        const response = await client.fetch(url);
        expect(response.text()).toBe('hi');
        expect(response.redirects).toHaveLength(1);
      }),
    ),
  );

  it('does not count for maxBodyBytes if it fits into what is discarded', () =>
    withRawServer(
      server('Content-Length: 5000\r\n', (socket) => void socket.write('x'.repeat(5000))),
      ({ url }) =>
        withClient({}, async (client) => {
          expect((await client.fetch(url, { maxBodyBytes: 10 })).text()).toBe('hi');
        }),
    ));

  it('is limited in time if it never ends and nothing of it arrives [SH-08]', () => {
    const clock = new VirtualClock();
    return withRawServer(
      server('Content-Length: 10\r\n', () => {}),
      ({ url }) =>
        withClient({ loop: new IOLoop({ clock }) }, async (client) => {
          const redirected = deferred();
          const onRedirect = (): undefined => {
            redirected.resolve();
          };
          const outcome = rejection(client.fetch(url, { requestTimeoutMs: 50, onRedirect }));
          await redirected.promise;
          await clock.advance(50);
          expect(await outcome).toMatchObject({ code: 'ERR_HTTPCLIENT_TIMEOUT', phase: 'body' });
        }),
    );
  });
});

describe('the requestTimeoutMs of a fetch', () => {
  it('limits the whole chain of redirects, and not each request [SH-08] [SH-03]', () => {
    const clock = new VirtualClock();
    return withSite(
      ({ target }, response) => {
        response.writeHead(302, { Location: `${target}x` });
        void clock.advance(20).then(() => response.end());
      },
      async ({ url }, client) => {
        const error = await rejection<HTTPClientError>(
          client.fetch(`${url}/`, { requestTimeoutMs: 150, maxRedirects: 1_000 }),
        );
        expect(error.code).toBe('ERR_HTTPCLIENT_TIMEOUT');
        expect(error.redirects.length).toBeGreaterThan(1);
        expect(error.redirects.length).toBeLessThan(9);
      },
      { loop: new IOLoop({ clock }) },
    );
  });

  it('ends a chain that waits for a connection in the middle [SH-08]', () => {
    const clock = new VirtualClock();
    return withRawServer(
      () => {},
      (silent) =>
        withSite(
          redirecting(302, `${silent.url}/`),
          async ({ url }, client) => {
            const busy = client.fetch(silent.url).catch(() => {});
            const outcome = rejection<HTTPClientError>(client.fetch(`${url}/from`, { requestTimeoutMs: 80 }));
            await waitUntil(() => client.queuedCount === 1);
            await clock.advance(80);
            expect(await outcome).toMatchObject({
              code: 'ERR_HTTPCLIENT_TIMEOUT',
              phase: 'queue',
              redirects: [{ status: 302 }],
            });
            expect(client.queuedCount).toBe(0);
            await client.close();
            await busy;
          },
          { maxConnectionsPerOrigin: 1, loop: new IOLoop({ clock }) },
        ),
    );
  });

  it('ends a chain by the signal in the middle, with its reason', () =>
    withSite(redirecting(302, '/from'), async ({ url, openSockets }, client) => {
      const controller = new AbortController();
      const reason = new Error('enough');
      const onRedirect = ({ location }: HTTPRedirect): undefined => {
        if (location.endsWith('/from')) controller.abort(reason);
      };
      await expect(
        client.fetch(`${url}/from`, {
          signal: controller.signal,
          onRedirect,
        }),
      ).rejects.toBe(reason);
      await waitUntil(() => openSockets() === 0);
      expect(client.idleCount).toBe(0);
    }));
});

describe('a redirect that is not followed', () => {
  it('is an error that says where to, without credentials [HC-05]', () =>
    withRawServer(
      answering(
        'HTTP/1.1 301 Moved\r\nLocation: http://me:secret@elsewhere.test/new\r\nContent-Length: 0\r\n\r\n',
      ),
      ({ url }) =>
        withClient({}, async (client) => {
          const error = await rejection<HTTPClientError>(client.fetch(url, { followRedirects: false }));
          expect(error.message).toContain('301 Moved');
          expect(error.message).toContain('elsewhere.test/new');
          expect(error.message).not.toContain('secret');
        }),
    ));

  it('has a message of limited length', () =>
    withRawServer(
      answering(`HTTP/1.1 301 Moved\r\nLocation: /${'x'.repeat(30_000)}\r\nContent-Length: 0\r\n\r\n`),
      ({ url }) =>
        withClient({}, async (client) => {
          const error = await rejection<HTTPClientError>(client.fetch(url, { followRedirects: false }));
          expect(error.message.length).toBeLessThan(1_000);
        }),
    ));
});

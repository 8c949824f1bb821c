import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HTTPHeaders } from '@landspout/http1';
import { Future } from '@landspout/ioloop';
import { OverrideResolver, SystemResolver } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import { AsyncHTTPClient, HTTPClientError, HTTPRequest } from '../../src/index.ts';
import { deferred, withClient, withNodeServer, withRawServer } from '../fixtures/servers.ts';

/** Responds with the request that it received, as JSON. */
function mirror(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString('utf8');
    const { method, url, rawHeaders, headers } = request;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ method, url, rawHeaders, headers, body }));
  });
}

interface Mirrored {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: string[];
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Fetches from a mirror, and returns what it saw. */
function mirrored(...[path, options]: [string, Parameters<AsyncHTTPClient['fetch']>[1]?]): Promise<Mirrored> {
  return withNodeServer(mirror, ({ url }) =>
    withClient({}, async (client) => (await client.fetch(url + path, options)).json() as Mirrored),
  );
}

describe('AsyncHTTPClient', () => {
  it('fetches a page: status, headers, body, timings [HC-04]', () =>
    withNodeServer(
      (_, response) => {
        response.writeHead(200, 'Fine', {
          'Content-Type': 'text/plain; charset=iso-8859-1',
          'X-A': ['1', '2'],
        });
        response.end(Buffer.from('caf\u00e9', 'latin1'));
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const response = await client.fetch(`${url}/a?b=c#fragment`);
          expect(response).toMatchObject({
            status: 200,
            reason: 'Fine',
            ok: true,
            effectiveUrl: `${url}/a?b=c`,
          });
          expect(response.headers.getList('x-a')).toEqual(['1', '2']);
          expect(response.text()).toBe('caf\u00e9');
          expect(response.request).toMatchObject({ method: 'GET', url: `${url}/a?b=c#fragment` });
          const { queueMs, connectMs, firstByteMs, totalMs } = response.timings;
          expect(Math.min(queueMs, connectMs, firstByteMs)).toBeGreaterThanOrEqual(0);
          expect(totalMs).toBeGreaterThanOrEqual(queueMs + connectMs + firstByteMs);
        }),
    ));

  it('sends Host first, User-Agent and Accept-Encoding [SH-05]', async () => {
    const { rawHeaders, headers } = await mirrored('/');
    expect(rawHeaders[0]).toBe('Host');
    expect(headers).toEqual({
      host: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      'user-agent': 'Landspout',
      'accept-encoding': expect.stringMatching(/^gzip, deflate, br(, zstd)?$/),
    });
  });

  it('takes headers as a record, as pairs, and as HTTPHeaders, which it does not change [HC-02]', async () => {
    const own = new HTTPHeaders().add('X-A', '1').add('X-A', '2');
    for (const headers of [
      { 'X-A': ['1', '2'] },
      [
        ['X-A', '1'],
        ['X-A', '2'],
      ] as const,
      own,
    ]) {
      const seen = await mirrored('/', { headers });
      expect(seen.headers['x-a']).toBe('1, 2');
    }
    expect(own.size).toBe(2);
  });

  it('sends text as UTF-8 with its length, form-encoded unless told otherwise [SH-05] [H1-12]', async () => {
    const seen = await mirrored('/', { method: 'POST', body: 'n=\u00fc' });
    expect(seen.body).toBe('n=\u00fc');
    expect(seen.headers['content-length']).toBe('4');
    expect(seen.headers['content-type']).toBe('application/x-www-form-urlencoded');
    const json = await mirrored('/', {
      method: 'POST',
      body: '{}',
      headers: { 'Content-Type': 'application/json' },
    });
    expect(json.headers['content-type']).toBe('application/json');
  });

  it('announces an empty body where a method has one [H1-12]', async () => {
    const seen = await mirrored('/', { method: 'PUT', body: '' });
    expect(seen.headers['content-length']).toBe('0');
  });

  it('sends a large body whole [HC-03]', async () => {
    const bytes = Buffer.alloc(3 * 1024 * 1024 + 17, 'landspout ');
    const seen = await mirrored('/', { method: 'POST', body: bytes });
    expect(seen.body === bytes.toString('latin1')).toBe(true);
  });

  it('sends an iterable chunked, and by length where that is given [H1-12] [HC-03]', async () => {
    const chunks = async function* () {
      yield Buffer.from('one ');
      yield Buffer.alloc(0);
      yield Buffer.from('two');
    };
    const chunked = await mirrored('/', { method: 'POST', body: chunks() });
    expect(chunked.body).toBe('one two');
    expect(chunked.headers['transfer-encoding']).toBe('chunked');
    const sized = await mirrored('/', { method: 'PUT', body: chunks(), headers: { 'Content-Length': '7' } });
    expect(sized.body).toBe('one two');
    expect(sized.headers['transfer-encoding']).toBeUndefined();
  });

  it('asks an iterable for more only as fast as the peer takes it [HC-03]', async () => {
    let produced = 0;
    const reading = deferred();
    const chunk = Buffer.alloc(64 * 1024);
    await withNodeServer(
      async (request, response) => {
        await reading.promise;
        let length = 0;
        for await (const part of request) length += (part as Buffer).length;
        response.end(String(length));
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const chunks = async function* () {
            for (; produced < 1000; produced += 1) yield chunk;
          };
          const answer = client.fetch(url, { method: 'POST', body: chunks() });
          let before = -1;
          while (produced === 0 || produced !== before) {
            before = produced;
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
          // The buffers of the kernel and our own take a few megabytes, not the sixty of the whole body.
          expect(produced).toBeLessThan(500);
          reading.resolve();
          expect((await answer).text()).toBe(String(1000 * chunk.length));
        }),
    );
  });

  it('turns user information into basic authentication and keeps it out of the URL [SH-06]', async () => {
    await withNodeServer(mirror, ({ port }) =>
      withClient({}, async (client) => {
        const response = await client.fetch(`http://us%C3%A9r:p%40ss@127.0.0.1:${port}/x`);
        const seen = response.json() as Mirrored;
        expect(seen.url).toBe('/x');
        expect(seen.headers.host).toBe(`127.0.0.1:${port}`);
        expect(seen.headers.authorization).toBe(`Basic ${Buffer.from('us\u00e9r:p@ss').toString('base64')}`);
        expect(response.effectiveUrl).toBe(`http://127.0.0.1:${port}/x`);
        const without = await client.fetch(`http://user@127.0.0.1:${port}/`);
        expect((without.json() as Mirrored).headers.authorization).toBe(`Basic ${btoa('user:')}`);
      }),
    );
  });

  it('sends basicAuth, a user agent and a date where they are given [HC-03]', async () => {
    const seen = await mirrored('/', {
      basicAuth: { username: 'a', password: 'b:c' },
      userAgent: 'me/1',
      ifModifiedSince: new Date(0),
    });
    expect(seen.headers.authorization).toBe(`Basic ${btoa('a:b:c')}`);
    expect(seen.headers['user-agent']).toBe('me/1');
    expect(seen.headers['if-modified-since']).toBe('Thu, 01 Jan 1970 00:00:00 GMT');
  });

  it('puts the defaults of the client under each request [HC-01]', () =>
    withNodeServer(mirror, ({ url }) => {
      const defaults = { headers: { 'X-A': 'client', 'X-B': 'client' }, userAgent: 'agent' };
      return withClient({ defaults }, async (client) => {
        const response = await client.fetch(url, { headers: { 'x-a': 'request' } });
        const { headers } = response.json() as Mirrored;
        expect(headers).toMatchObject({ 'x-a': 'request', 'x-b': 'client', 'user-agent': 'agent' });
      });
    }));

  it('fetches one request object many times, but takes no options beside it [HC-02]', () =>
    withNodeServer(mirror, ({ url }) =>
      withClient({}, async (client) => {
        const request = new HTTPRequest(url, { method: 'POST', body: 'x', headers: { A: '1' } });
        for (let times = 0; times < 2; times += 1) {
          const response = await client.fetch(request);
          expect(response.request).toBe(request);
        }
        expect(request.headers.getAll()).toEqual([['A', '1']]);
        await expect(client.fetch(request, {})).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_USAGE' });
      }),
    ));

  it('reads no body after HEAD, 204 and 304, and keeps the connection [H1-07]', () =>
    withNodeServer(
      (request, response) => {
        const status = Number(request.url?.slice(1));
        response.writeHead(status, status === 204 ? {} : { 'Content-Length': '5' });
        response.end(status === 200 && request.method !== 'HEAD' ? 'hello' : undefined);
      },
      ({ url, sockets }) =>
        withClient({ defaults: { raiseError: false } }, async (client) => {
          const head = await client.fetch(`${url}/200`, { method: 'HEAD' });
          expect(head.headers.get('Content-Length')).toBe('5');
          expect(head.body).toHaveLength(0);
          expect((await client.fetch(`${url}/204`)).body).toHaveLength(0);
          expect((await client.fetch(`${url}/304`)).body).toHaveLength(0);
          expect((await client.fetch(`${url}/200`)).text()).toBe('hello');
          expect(sockets).toHaveLength(1);
        }),
    ));

  it.each([301, 304, 404, 500])(
    'rejects a status of %i with the whole answer in the error [HC-02] [HC-05]',
    (status) =>
      withNodeServer(
        (_, response) => {
          response.writeHead(status, { Location: '/elsewhere' });
          response.end(status === 304 ? undefined : 'why');
        },
        ({ url, sockets }) =>
          withClient({ defaults: { followRedirects: false } }, async (client) => {
            const error = (await client.fetch(url).catch((reason) => reason)) as HTTPClientError;
            expect(error).toBeInstanceOf(HTTPClientError);
            expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_STATUS', status });
            expect(error.response?.text()).toBe(status === 304 ? '' : 'why');
            expect((await client.fetch(url, { raiseError: false })).status).toBe(status);
            expect(sockets).toHaveLength(1);
          }),
      ),
  );

  it('hands the body to onData as it comes, and waits for its promise [HC-03] [CU-03]', () => {
    const total = 8 * 1024 * 1024;
    let written = 0;
    return withNodeServer(
      (_, response) => {
        const more = (): void => {
          while (written < total) {
            written += 64 * 1024;
            if (!response.write(Buffer.alloc(64 * 1024))) {
              response.once('drain', more);
              return;
            }
          }
          response.end();
        };
        more();
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const first = deferred();
          const gate = deferred();
          let received = 0;
          let status = 0;
          const answer = client.fetch(url, {
            onHead: (head) => {
              status = head.status;
            },
            onData: async (chunk) => {
              received += chunk.length;
              first.resolve();
              await gate.promise;
            },
          });
          await first.promise;
          let before = -1;
          while (written !== before) {
            before = written;
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
          expect(written).toBeLessThan(total);
          expect(received).toBeLessThanOrEqual(64 * 1024);
          gate.resolve();
          const response = await answer;
          expect(status).toBe(200);
          expect(received).toBe(total);
          expect(response.body).toHaveLength(0);
        }),
    );
  });

  it('calls back in the async context of the fetch, also on a connection that another opened', () =>
    withNodeServer(
      (_, response) => response.end('x'),
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          const storage = new AsyncLocalStorage<string>();
          const seen: (string | undefined)[] = [];
          for (const name of ['one', 'two']) {
            await storage.run(name, () =>
              client.fetch(url, {
                onHead: () => void seen.push(storage.getStore()),
                onData: () => void seen.push(storage.getStore()),
              }),
            );
          }
          expect(seen).toEqual(['one', 'one', 'two', 'two']);
          expect(sockets).toHaveLength(1);
        }),
    ));

  it('ends a request whose callback throws with what it threw [ATT-76]', () =>
    withNodeServer(
      (_, response) => response.end('x'),
      ({ url, openSockets }) =>
        withClient({}, async (client) => {
          const mistake = new Error('mine');
          const onData = (): void => {
            throw mistake;
          };
          await expect(client.fetch(url, { onData })).rejects.toBe(mistake);
          await expect(client.fetch(url, { onData: () => Promise.reject(mistake) })).rejects.toBe(mistake);
          await expect(client.fetch(url, { onHead: onData })).rejects.toBe(mistake);
          await expect(client.fetch(url, { onHead: () => Promise.reject(mistake) })).rejects.toBe(mistake);
          const failing = (): Future<void> => {
            const future = new Future<void>();
            setImmediate(() => future.setException(mistake));
            return future;
          };
          await expect(client.fetch(url, { onData: failing })).rejects.toBe(mistake);
          await expect(client.fetch(url, { onHead: failing })).rejects.toBe(mistake);
          await expect.poll(openSockets).toBe(0);
        }),
    ));

  it('reads no body before the promise of onHead has settled', () =>
    withNodeServer(
      (_, response) => response.end('x'),
      ({ url }) =>
        withClient({}, async (client) => {
          const calls: string[] = [];
          await client.fetch(url, {
            async onHead() {
              await new Promise((resolve) => setImmediate(resolve));
              calls.push('head');
            },
            onData: () => void calls.push('data'),
          });
          expect(calls).toEqual(['head', 'data']);
        }),
    ));

  it.each<[string, () => unknown]>([
    ['returns no promise', () => ({ done: true })],
    [
      'throws',
      () => {
        throw new Error('on the way out');
      },
    ],
    ['rejects', () => Promise.reject(new Error('on the way out'))],
  ])('gives the reason of a failed request although return of its body %s', (_what, leave) =>
    withNodeServer(
      (_, response) => response.destroy(),
      ({ url }) =>
        withClient({}, async (client) => {
          const chunks = { next: async () => ({ done: false, value: Buffer.alloc(1_000) }), return: leave };
          const body = { [Symbol.asyncIterator]: () => chunks } as never;
          await expect(client.fetch(url, { method: 'POST', body })).rejects.toMatchObject({
            code: 'ERR_HTTPCLIENT_CLOSED',
          });
        }),
    ),
  );

  it('ends a request whose body throws with what it threw [ATT-76]', () =>
    withNodeServer(mirror, ({ url, openSockets }) =>
      withClient({}, async (client) => {
        const mistake = new Error('mine');
        const body = async function* () {
          yield Buffer.from('x');
          throw mistake;
        };
        await expect(client.fetch(url, { method: 'POST', body: body() })).rejects.toBe(mistake);
        await expect.poll(openSockets).toBe(0);
      }),
    ));

  it('refuses a body that is not as long as it said [H1-13]', () =>
    withNodeServer(mirror, ({ url }) =>
      withClient({}, async (client) => {
        const body = async function* () {
          yield Buffer.from('four');
        };
        for (const length of ['3', '5']) {
          const headers = { 'Content-Length': length };
          await expect(client.fetch(url, { method: 'POST', body: body(), headers })).rejects.toMatchObject({
            code: 'ERR_HTTPCLIENT_USAGE',
          });
        }
      }),
    ));

  it('takes an answer that comes before its request is complete, and stops the body', () =>
    withNodeServer(
      (_, response) => {
        response.writeHead(413, { 'Content-Length': '3' });
        response.end('big');
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const stopped = deferred();
          let pieces = 0;
          const body: AsyncIterable<Uint8Array> = {
            [Symbol.asyncIterator]: () => ({
              // The second piece never comes.
              next: () =>
                ++pieces === 1 ? Promise.resolve({ value: Buffer.from('x') }) : new Promise(() => {}),
              return: async () => {
                stopped.resolve();
                return { done: true, value: undefined };
              },
            }),
          };
          const answer = await client.fetch(url, { method: 'POST', body, raiseError: false });
          expect(answer).toMatchObject({ status: 413 });
          expect(answer.text()).toBe('big');
          expect(client.idleCount).toBe(0);
          await stopped.promise;
        }),
    ));

  it('resolves names with the resolver that it was given [SH-01]', () =>
    withNodeServer(mirror, ({ port }) => {
      const resolver = new OverrideResolver(
        { 'nowhere.test': { host: '127.0.0.1', port } },
        new SystemResolver(),
      );
      return withClient({ resolver }, async (client) => {
        const response = await client.fetch('http://nowhere.test/x');
        expect((response.json() as Mirrored).headers.host).toBe('nowhere.test');
      });
    }));

  it('shares one client in a thread, and makes another once that is closed [HC-01]', async () => {
    const first = AsyncHTTPClient.current();
    expect(AsyncHTTPClient.current()).toBe(first);
    await first.close();
    await expect(first.fetch('http://127.0.0.1:1/')).rejects.toMatchObject({
      code: 'ERR_HTTPCLIENT_STOPPED',
    });
    const second = AsyncHTTPClient.current();
    expect(second).not.toBe(first);
    await second.close();
  });
});

describe('an upload without end', () => {
  it('gives other descriptors and timers their turn, however fast the server reads', () =>
    withRawServer(
      (socket) => socket.resume(),
      ({ url }) =>
        withClient({}, async (client) => {
          const chunk = Buffer.alloc(64 * 1024, 'x');
          const stopping = new AbortController();
          let made = 0;
          const body = (async function* endless() {
            for (;;) {
              made += chunk.length;
              yield chunk;
            }
          })();
          const upload = client.fetch(url, { method: 'POST', body, signal: stopping.signal });
          let most = 0;
          for (let turns = 0; turns < 16; ) {
            const before = made;
            await new Promise((resolve) => setImmediate(resolve));
            if (made > before) turns += 1;
            most = Math.max(most, made - before);
          }
          expect(most).toBeLessThanOrEqual(1280 * 1024);
          stopping.abort();
          await expect(upload).rejects.toMatchObject({ name: 'AbortError' });
        }),
    ));
});

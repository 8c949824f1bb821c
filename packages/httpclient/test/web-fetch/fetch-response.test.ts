import { describe, expect, it } from 'vitest';
import type { AsyncHTTPClient } from '../../src/index.ts';
import { fetchPeer } from '../fixtures/fetch-peer.ts';
import {
  deferred,
  type Peer,
  waitUntil,
  withClient,
  withNodeServer,
  withRawServer,
} from '../fixtures/servers.ts';

type Fetch = typeof globalThis.fetch;

/** Runs a test with a server for comparison and a fetch of ours. */
function withFetch(
  test: (fetch: Fetch, peer: Peer, client: AsyncHTTPClient) => Promise<void>,
): Promise<void> {
  return withNodeServer(fetchPeer, (peer) =>
    withClient({}, (client) => test(client.toFetch(), peer, client)),
  );
}

/** Reads with both clients, and expects the same. */
async function expectSame<T>(
  url: string,
  fetch: Fetch,
  read: (response: Response) => Promise<T>,
): Promise<PromiseSettledResult<T>> {
  const settle = async (one: Fetch) =>
    (await Promise.allSettled([one(url).then(read)]))[0] as PromiseSettledResult<T>;
  const theirs = await settle(globalThis.fetch);
  const ours = await settle(fetch);
  expect(ours).toEqual(theirs);
  return ours;
}

describe('the Response of toFetch', () => {
  it('is a Response, and defines each of its members itself', () =>
    withFetch(async (fetch, { url }) => {
      const response = await fetch(url);
      expect(response).toBeInstanceOf(Response);
      expect(response.constructor).toBe(Response);
      expect(Object.prototype.toString.call(response)).toBe('[object Response]');
      const own = Object.getPrototypeOf(response);
      const missing = Reflect.ownKeys(Response.prototype).filter((name) => !Object.hasOwn(own, name));
      expect(missing).toEqual([]);
      await response.text();
    }));

  it('can be copied with new Response(body, response)', () =>
    withFetch(async (fetch, { url }) => {
      const response = await fetch(`${url}/status/404`);
      const copy = new Response(response.body, response);
      expect([copy.status, copy.statusText, await copy.text()]).toEqual([404, 'Some Reason', '']);
      const mirrored = await fetch(`${url}/a`);
      const second = new Response(mirrored.body, mirrored);
      expect(second.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2']);
      expect(await second.json()).toMatchObject({ url: '/a' });
    }));

  it('has real Headers, the same each time', () =>
    withFetch(async (fetch, { url }) => {
      const { headers } = await fetch(url);
      expect(headers).toBeInstanceOf(Headers);
      expect(headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2']);
      expect(headers.get('X-LIST')).toBe('1, 2');
      const response = await fetch(url);
      expect(response.headers).toBe(response.headers);
    }));

  it.each([
    ['/', 'json'],
    ['/bad-json', 'json'],
    ['/empty', 'json'],
    ['/not-utf-8', 'text'],
    ['/latin1', 'text'],
    ['/not-utf-8', 'arrayBuffer'],
    ['/gzip', 'blob'],
    ['/latin1', 'blob'],
    ['/empty', 'blob'],
    ['/form', 'formData'],
    ['/latin1', 'formData'],
    ['/status/204', 'text'],
    ['/status/204', 'arrayBuffer'],
    ['/status/204', 'json'],
    ['/truncated', 'bytesOrBuffer'],
  ] as const)('reads %s as %s like Node', (path, method) =>
    withFetch(async (fetch, { url }) => {
      await expectSame(url + path, fetch, async (response) => {
        const value = method === 'bytesOrBuffer' ? await response.arrayBuffer() : await response[method]();
        if (value instanceof Blob) return [value.size, value.type, await value.text()];
        if (value instanceof FormData) return [...value];
        if (value instanceof ArrayBuffer) return [...new Uint8Array(value)];
        return path === '/' ? (value as { url: string }).url : value;
      }).catch((error) => {
        // The causes differ.
        expect(path).toBe('/truncated');
        expect(error).toBeDefined();
      });
    }),
  );

  it('reads a multipart form with its file', () =>
    withFetch(async (fetch, { url }) => {
      const data = await (await fetch(`${url}/multipart`)).formData();
      expect(data.get('a')).toBe('1');
      const file = data.get('f') as File;
      expect([file.name, file.type, await file.text()]).toEqual(['f.txt', 'text/css', 'body']);
    }));

  it('reads bytes into a buffer of their own', () =>
    withFetch(async (fetch, { url }) => {
      const response = (await fetch(`${url}/form`)) as Response & { bytes(): Promise<Uint8Array> };
      const bytes = await response.bytes();
      expect(bytes.buffer.byteLength).toBe(bytes.byteLength);
      expect(Buffer.from(bytes).toString()).toBe('a=1&b=%20&a=2');
    }));

  it('can be read once; without a body, any number of times', () =>
    withFetch(async (fetch, { url }) => {
      const response = await fetch(`${url}/form`);
      expect(response.bodyUsed).toBe(false);
      const text = response.text();
      expect(response.bodyUsed).toBe(true);
      await text;
      await expect(response.text()).rejects.toThrow(TypeError);
      await expect(response.json()).rejects.toThrow(TypeError);
      expect(() => response.clone()).toThrow(TypeError);
      expect(response.body?.locked).toBe(true);
      const none = await fetch(`${url}/status/204`);
      expect([none.body, await none.text(), await none.text(), none.bodyUsed]).toEqual([null, '', '', false]);
      expect(none.clone().body).toBe(null);
    }));

  it('is a byte stream if its body is asked for', () =>
    withFetch(async (fetch, { url }) => {
      const response = await fetch(`${url}/form`);
      const { body } = response;
      expect(body).toBeInstanceOf(ReadableStream);
      expect(response.body).toBe(body);
      expect(response.bodyUsed).toBe(false);
      const reader = (body as ReadableStream<Uint8Array>).getReader({ mode: 'byob' });
      await expect(response.text()).rejects.toThrow(TypeError);
      let text = '';
      for (;;) {
        const { value, done } = await reader.read(new Uint8Array(5));
        text += Buffer.from(value ?? []).toString();
        if (done) break;
      }
      expect(text).toBe('a=1&b=%20&a=2');
      expect(response.bodyUsed).toBe(true);
    }));

  it('makes a stream only if its body is asked for', () =>
    withFetch(async (fetch, { url }) => {
      const { ReadableStream: Original } = globalThis;
      let made = 0;
      globalThis.ReadableStream = new Proxy(Original, {
        construct(target, args, newTarget) {
          made += 1;
          return Reflect.construct(target, args, newTarget);
        },
      });
      try {
        for (const read of ['text', 'json', 'arrayBuffer'] as const) await (await fetch(url))[read]();
        const response = await fetch(url);
        expect([response.status, response.bodyUsed, response.headers.has('date'), made]).toEqual([
          200,
          false,
          true,
          0,
        ]);
        await response.body?.cancel();
        expect(made).toBe(1);
      } finally {
        globalThis.ReadableStream = Original;
      }
    }));

  it('reads text from a stream that was asked for', () =>
    withFetch(async (fetch, { url }) => {
      const response = await fetch(`${url}/form`);
      expect(response.body?.locked).toBe(false);
      expect(await response.text()).toBe('a=1&b=%20&a=2');
      expect(response.body?.locked).toBe(true);
    }));

  it('pipes through the transforms of the platform', () =>
    withFetch(async (fetch, { url }) => {
      const { body } = await fetch(`${url}/form`);
      let text = '';
      const decoded = (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream() as never);
      for await (const part of decoded as AsyncIterable<string>) text += part;
      expect(text).toBe('a=1&b=%20&a=2');
    }));

  it('has its text as a stream, like that of Node 26', () =>
    withFetch(async (fetch, { url }) => {
      type Streaming = Response & { textStream(): AsyncIterable<string> };
      const response = (await fetch(`${url}/not-utf-8`)) as Streaming;
      let text = '';
      for await (const part of response.textStream()) text += part;
      expect(text).toBe(await (await fetch(`${url}/not-utf-8`)).text());
      expect(() => response.textStream()).toThrow(TypeError);
      for await (const _ of ((await fetch(`${url}/status/204`)) as Streaming).textStream())
        throw new Error('not reached');
    }));

  it('can be cloned, also more than once, and the clones can be read in any order', () =>
    withFetch(async (fetch, { url }) => {
      const response = await fetch(`${url}/form`);
      const first = response.clone();
      const second = first.clone();
      expect(first).toBeInstanceOf(Response);
      expect([first.status, first.url, first.headers.get('content-type')]).toEqual([
        200,
        `${url}/form`,
        'application/x-www-form-urlencoded',
      ]);
      const texts = [await second.text(), await first.text(), await response.text()];
      expect(new Set(texts)).toEqual(new Set(['a=1&b=%20&a=2']));
    }));

  it('rejects with the reason of the signal while the body is read, in each way', () =>
    withFetch(async (fetch, { url }) => {
      for (const read of [
        (response: Response) => response.text(),
        (response: Response) => response.json(),
        async (response: Response) => {
          for await (const _ of response.body as ReadableStream);
        },
      ]) {
        const controller = new AbortController();
        const reading = read(await fetch(`${url}/endless`, { signal: controller.signal }));
        const reason = new Error('own');
        controller.abort(reason);
        await expect(reading).rejects.toBe(reason);
      }
    }));

  it('rejects with a TypeError that has our error as its cause', () =>
    withFetch(async (fetch, { url }, client) => {
      const cause = { code: 'ERR_HTTPCLIENT_CLOSED' };
      await expect((await fetch(`${url}/truncated`)).text()).rejects.toMatchObject({
        message: 'terminated',
        cause,
      });
      const { body } = await fetch(`${url}/truncated`);
      const reader = (body as ReadableStream<Uint8Array>).getReader();
      expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toBe('abc');
      await expect(reader.read()).rejects.toMatchObject({ name: 'TypeError', message: 'terminated', cause });
      await client.close();
      const failed = {
        name: 'TypeError',
        message: 'fetch failed',
        cause: { code: 'ERR_HTTPCLIENT_STOPPED' },
      };
      await expect(fetch(url)).rejects.toMatchObject(failed);
    }));

  it.each([
    ['the body', (response: Response) => response.body?.cancel()],
    [
      'a loop over the body',
      async (response: Response) => {
        for await (const _ of response.body as ReadableStream) break;
      },
    ],
    [
      'both halves of a clone',
      async (response: Response) => {
        const clone = response.clone();
        await Promise.all([response.body?.cancel(), clone.body?.cancel()]);
      },
    ],
  ])('closes the connection when %s is cancelled', (_, cancel) =>
    withFetch(async (fetch, { url, openSockets }) => {
      const response = await fetch(`${url}/endless`);
      expect(openSockets()).toBe(1);
      await cancel(response);
      await waitUntil(() => openSockets() === 0);
      expect(response.bodyUsed).toBe(true);
    }),
  );

  it('does not read from the server while the stream is not read', async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const [written, ended] = [{ bytes: 0 }, deferred()];
    await withRawServer(
      (socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n');
          const fill = () => {
            while (written.bytes < 67108864) {
              written.bytes += chunk.length;
              if (!socket.write(chunk)) return;
            }
            ended.resolve();
          };
          socket.on('drain', fill);
          fill();
        });
      },
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          const { body } = await client.toFetch()(url);
          const reader = (body as ReadableStream<Uint8Array>).getReader();
          await reader.read();
          // The server stops when the buffers of the system are full.
          await waitUntil(() => (sockets[0]?.writableLength ?? 0) > 0);
          let before = -1;
          while (before !== written.bytes) {
            before = written.bytes;
            for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
          }
          expect(written.bytes).toBeLessThan(32 * 1024 * 1024);
          let left = 0;
          for (let next = await reader.read(); !next.done; next = await reader.read())
            left += next.value.length;
          await ended.promise;
          expect(left).toBeGreaterThan(32 * 1024 * 1024);
        }),
    );
  });

  it('gives the connection back to the pool when the body was read', () =>
    withFetch(async (fetch, { url, sockets }) => {
      for (const read of ['text', 'json', 'arrayBuffer', 'blob'] as const) await (await fetch(url))[read]();
      for await (const _ of (await fetch(url)).body as ReadableStream);
      await (await fetch(url, { method: 'HEAD' })).text();
      expect(sockets).toHaveLength(1);
    }));

  it('does not show credentials when it is inspected [ATT-26]', () =>
    withFetch(async (fetch, { url }) => {
      const { inspect } = await import('node:util');
      const response = await fetch(url);
      const shown = inspect(response);
      expect(shown).toMatch(/^Response \{/);
      expect(shown).toContain('status: 200');
      expect(shown).not.toContain('a=1');
      expect(response.bodyUsed).toBe(false);
      await response.text();
    }));
});

import { stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { inspect } from 'node:util';
import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { HTTPClientError, HTTPClientUsageError, HTTPStreamedResponse } from '../../src/index.ts';
import { closing, rejection, stalled, withSite } from '../fixtures/recording.ts';
import {
  answering,
  onHead,
  waitUntil,
  withClient,
  withNodeServer,
  withRawServer,
} from '../fixtures/servers.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
const LARGE = Buffer.alloc(3_000_000, 'landspout ');

/** Sends the head of a response, and then as much as the client takes. Counts what the system has accepted. */
function flood(socket: Socket, head: string, piece: string | Buffer): () => number {
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
  };
  onHead(socket, () => {
    socket.write(head);
    more();
  });
  socket.on('drain', more);
  return () => socket.bytesWritten - socket.writableLength;
}

describe('a streamed response', () => {
  it('is there as soon as its head has arrived [HC-03] [HC-04]', () =>
    withNodeServer(
      (request, response) => {
        if (request.url === '/end') {
          response.end();
          return;
        }
        response.writeHead(200, 'Fine', { 'X-A': ['1', '2'] });
        response.flushHeaders();
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const response = await client.stream(`${url}/open#part`);
          expect(response).toBeInstanceOf(HTTPStreamedResponse);
          expect(response).toMatchObject({
            status: 200,
            reason: 'Fine',
            ok: true,
            effectiveUrl: `${url}/open`,
            redirects: [],
          });
          expect(response.headers.getList('x-a')).toEqual(['1', '2']);
          expect(response.request.url).toBe(`${url}/open#part`);
          expect(response.timings.firstByteMs).toBeGreaterThan(0);
          response.close();
        }),
    ));

  it.each([
    ['of announced length', { 'Content-Length': String(LARGE.length) }],
    ['in chunks', {}],
    ['up to the end of the connection', { Connection: 'close' }],
  ])('gives its body %s by iteration, read and bytes', (_, headers) =>
    withNodeServer(
      (__, response) => {
        // Without it, Node sends a body of unknown length in chunks.
        if ('Connection' in headers) response.removeHeader('Transfer-Encoding');
        response.writeHead(200, headers);
        response.end(LARGE);
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const chunks: Uint8Array[] = [];
          for await (const chunk of await client.stream(url)) chunks.push(chunk);
          expect(Buffer.concat(chunks).equals(LARGE)).toBe(true);
          expect(chunks.length).toBeGreaterThan(1);
          const response = await client.stream(url);
          const first = (await response.read()) as Uint8Array;
          const rest = await response.bytes();
          expect(Buffer.concat([first, rest]).equals(LARGE)).toBe(true);
          for (let times = 0; times < 2; times += 1) expect(await response.read()).toBeUndefined();
        }),
    ),
  );

  it.each<[string, (response: HTTPStreamedResponse) => Promise<unknown>]>([
    ['text', (response) => response.text()],
    ['close', async (response) => response.close()],
    [
      'a loop that was left',
      async (response) => {
        for await (const _ of response) break;
      },
    ],
  ])('refuses to be read after %s, instead of looking empty, and leaves the file alone', (_, read) =>
    withSite(
      (__, response) => response.end('x'),
      async ({ url }, client) => {
        const response = await client.stream(url);
        await read(response);
        const refused = { code: 'ERR_HTTPCLIENT_USAGE' };
        await expect(response.text()).rejects.toMatchObject(refused);
        await expect(response.bytes()).rejects.toMatchObject(refused);
        const file = new URL(import.meta.url);
        await expect(response.saveTo(file)).rejects.toMatchObject(refused);
        expect((await stat(file)).size).toBeGreaterThan(0);
        expect(() => response[Symbol.asyncIterator]()).toThrow(expect.objectContaining(refused));
      },
    ),
  );

  it('gives its connection back when the body has arrived, read or not', () =>
    withSite(
      (_, response) => response.end('short'),
      async ({ url, sockets }, client) => {
        const responses: HTTPStreamedResponse[] = [];
        for (let times = 0; times < 3; times += 1) {
          responses.push(await client.stream(url));
          await waitUntil(() => client.idleCount === 1);
        }
        expect(sockets).toHaveLength(1);
        for (const response of responses) expect(await response.text()).toBe('short');
      },
    ));

  it.each([
    ['text/plain', Buffer.from('grün'), 'grün'],
    ['text/plain; charset=iso-8859-1', Buffer.from('grün', 'latin1'), 'grün'],
    ['text/plain; Charset="UTF-16LE"', Buffer.from('grün', 'utf16le'), 'grün'],
    ['text/plain;charset=shift_jis', Buffer.from([0x83, 0x65, 0x83, 0x58, 0x83, 0x67]), 'テスト'],
    ['text/plain; charset=no-such-thing', Buffer.from('grün'), 'grün'],
    ['text/plain; charset=utf-8', Buffer.from('\ufeffgrün'), 'grün'],
    ['text/plain', Buffer.from([0x61, 0xff]), 'a\ufffd'],
  ])('decodes text by its charset: %s', (type, bytes, text) =>
    withSite(
      (_, response) => {
        response.setHeader('Content-Type', type);
        response.end(bytes);
      },
      async ({ url }, client) => {
        expect(await (await client.stream(url)).text()).toBe(text);
        expect((await client.fetch(url)).text()).toBe(text);
      },
    ),
  );

  it('parses JSON, as UTF-8 whatever the charset, with or without a byte order mark', () =>
    withSite(
      ({ target }, response) => {
        response.setHeader('Content-Type', 'application/json; charset=iso-8859-1');
        response.end(target === '/bad' ? '{"a":' : `${target === '/bom' ? '\ufeff' : ''}{"a":"grün"}`);
      },
      async ({ url }, client) => {
        for (const path of ['/', '/bom']) {
          expect(await (await client.stream(url + path)).json()).toEqual({ a: 'grün' });
          expect((await client.fetch(url + path)).json()).toEqual({ a: 'grün' });
        }
        await expect((await client.stream(`${url}/bad`)).json()).rejects.toBeInstanceOf(SyntaxError);
      },
    ));

  it.each([
    ['HEAD', 200],
    ['GET', 204],
  ])('of %s with %i has an empty body', (method, status) =>
    withSite(
      (_, response) => {
        response.writeHead(status, status === 200 ? { 'Content-Length': '5' } : {});
        response.end();
      },
      async ({ url, sockets }, client) => {
        for (let times = 0; times < 2; times += 1) {
          const response = await client.stream(url, { method });
          expect(await response.read()).toBeUndefined();
        }
        expect(sockets).toHaveLength(1);
      },
    ),
  );

  it('refuses a second read while one is pending, which goes on', () =>
    withRawServer(
      (socket) =>
        onHead(socket, () => {
          socket.write(`${OK}Content-Length: 2\r\n\r\n`);
        }),
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          const response = await client.stream(url);
          const first = response.read();
          await expect(response.read()).rejects.toBeInstanceOf(TypeError);
          await expect(response.bytes()).rejects.toBeInstanceOf(TypeError);
          sockets[0]?.write('hi');
          expect(Buffer.from((await first) ?? []).toString()).toBe('hi');
        }),
    ));

  it('takes no onData', () =>
    withClient({}, async (client) => {
      const error = await rejection(client.stream('http://127.0.0.1:1/', { onData: () => {} }));
      expect(error).toBeInstanceOf(HTTPClientUsageError);
    }));
});

describe('a streamed response that is left early', () => {
  const ways: Readonly<Record<string, (response: HTTPStreamedResponse) => Promise<void>>> = {
    'by break': async (response) => {
      for await (const _ of response) break;
    },
    'by an error in the loop': async (response) => {
      const mistake = new Error('mine');
      const loop = async (): Promise<void> => {
        for await (const _ of response) throw mistake;
      };
      await expect(loop()).rejects.toBe(mistake);
    },
    'by close': async (response) => {
      response.close();
      response.close();
    },
    'by close after a read': async (response) => {
      await response.read();
      response.close();
    },
    'by disposal': async (response) => {
      await response[Symbol.asyncDispose]();
    },
  };

  it.each(Object.keys(ways))('%s closes its connection, and reads nothing more', (way) =>
    withRawServer(
      (socket) => void flood(socket, `${OK}\r\n`, LARGE),
      ({ url, openSockets }) =>
        withClient({ maxConnectionsPerOrigin: 1 }, async (client) => {
          for (let times = 0; times < 2; times += 1) {
            const response = await client.stream(url);
            await ways[way]?.(response);
            expect(await response.read()).toBeUndefined();
            await waitUntil(() => openSockets() === 0);
          }
          expect(client.idleCount).toBe(0);
        }),
    ),
  );

  it('resolves a pending read', () =>
    withRawServer(answering(`${OK}Content-Length: 2\r\n\r\n`), ({ url }) =>
      withClient({}, async (client) => {
        const response = await client.stream(url);
        const pending = response.read();
        response.close();
        expect(await pending).toBeUndefined();
      }),
    ));

  it('keeps its connection if the body has arrived completely', () =>
    withSite(
      (_, response) => response.end('short'),
      async ({ url, sockets }, client) => {
        const response = await client.stream(url);
        await waitUntil(() => client.idleCount === 1);
        response.close();
        await client.fetch(url);
        expect(sockets).toHaveLength(1);
      },
    ));
});

describe('a streamed response that is not read', () => {
  it('stops the server: little is buffered, and all of it is given to the reader later [HC-03]', () => {
    let accepted = (): number => 0;
    return withRawServer(
      (socket) => {
        accepted = flood(socket, `${OK}\r\n`, Buffer.alloc(64 * 1024, 'x'));
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const response = await client.stream(url);
          const before = await stalled(accepted);
          // What the kernel buffers on both sides, and a little more.
          expect(before).toBeLessThan(24 * 1024 * 1024);
          let read = 0;
          while (read < 32 * 1024 * 1024) read += (await response.read())?.length ?? 0;
          expect(accepted()).toBeGreaterThan(before);
          response.close();
        }),
    );
  });

  it('buffers little also if the chunks are tiny', () =>
    withRawServer(
      (socket) => void flood(socket, `${OK}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'.repeat(10_000)),
      ({ url }) =>
        withClient({}, async (client) => {
          const response = await client.stream(url);
          const received = (): number => Number(/receivedBytes: (\d+)/.exec(inspect(response))?.[1]);
          expect(await stalled(received)).toBeLessThan(2_000);
          let read = 0;
          while (read < 100_000) read += (await response.read())?.length ?? 0;
          response.close();
        }),
    ));

  it.each([80, 20_000])(
    'holds its connection for %i ms, and then rejects the next read',
    (requestTimeoutMs) => {
      const clock = new VirtualClock();
      return withRawServer(
        (socket) => void flood(socket, `${OK}\r\n`, Buffer.alloc(64 * 1024, 'x')),
        ({ url, openSockets }) =>
          withClient({ maxConnectionsPerOrigin: 1, loop: new IOLoop({ clock }) }, async (client) => {
            const response = await client.stream(url, { requestTimeoutMs });
            await clock.advance(requestTimeoutMs - 1);
            expect(openSockets()).toBe(1);
            // A long timeout is on a wheel, which is coarse.
            await clock.advance(1_000);
            await waitUntil(() => openSockets() === 0);
            const error = await rejection<HTTPClientError>(response.bytes());
            expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_TIMEOUT', phase: 'body', url: `${url}/` });
            await expect(response.read()).rejects.toBe(error);
            (await client.stream(url)).close();
          }),
      );
    },
  );

  it('causes no unhandled rejection when it fails', () => {
    const clock = new VirtualClock();
    return withRawServer(closing(answering(`${OK}Content-Length: 9\r\n\r\n`)), ({ url, openSockets }) =>
      withClient({ loop: new IOLoop({ clock }) }, async (client) => {
        await client.stream(url, { requestTimeoutMs: 20 });
        await clock.advance(20);
        await waitUntil(() => openSockets() === 0);
      }),
    );
  });

  it('makes other requests to its origin wait', () =>
    withSite(
      (_, response) => response.end(LARGE),
      async ({ url, sockets }, client) => {
        const response = await client.stream(url);
        const next = client.fetch(url);
        await new Promise((resolve) => setImmediate(resolve));
        expect(client.queuedCount).toBe(1);
        expect(await response.bytes()).toHaveLength(LARGE.length);
        expect((await next).body).toHaveLength(LARGE.length);
        expect(sockets).toHaveLength(1);
      },
      { maxConnectionsPerOrigin: 1 },
    ));
});

describe('a streamed response that fails', () => {
  it('gives what arrived, and then rejects [SH-10]', () =>
    withRawServer(answering(`${OK}Content-Length: 10\r\n\r\nhello`, { end: true }), ({ url }) =>
      withClient({}, async (client) => {
        const response = await client.stream(url);
        expect(Buffer.from((await response.read()) ?? []).toString()).toBe('hello');
        const error = await rejection<HTTPClientError>(response.read());
        expect(error).toBeInstanceOf(HTTPClientError);
        expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED', status: 599, phase: 'body' });
        await expect(response.read()).rejects.toBe(error);
        await expect(response.text()).rejects.toBe(error);
      }),
    ));

  it('rejects at maxBodyBytes [SH-01]', () =>
    withRawServer(
      (socket) => void flood(socket, `${OK}\r\n`, Buffer.alloc(1_000)),
      ({ url, openSockets }) =>
        withClient({}, async (client) => {
          const response = await client.stream(url, { maxBodyBytes: 100_000 });
          await expect(response.bytes()).rejects.toHaveProperty('code', 'ERR_HTTPCLIENT_BODY_TOO_LARGE');
          await waitUntil(() => openSockets() === 0);
        }),
    ));

  it.each(['a pending read', 'the next read'])('rejects %s with the reason of the signal', (which) =>
    withRawServer(closing(answering(`${OK}Content-Length: 10\r\n\r\n`)), ({ url, openSockets }) =>
      withClient({}, async (client) => {
        const controller = new AbortController();
        const reason = new Error('enough');
        const response = await client.stream(url, { signal: controller.signal });
        const pending = which === 'a pending read' ? rejection(response.read()) : undefined;
        controller.abort(reason);
        if (pending !== undefined) expect(await pending).toBe(reason);
        await expect(response.read()).rejects.toBe(reason);
        await waitUntil(() => openSockets() === 0);
      }),
    ),
  );

  it('is not affected by a signal after its body has arrived', () =>
    withSite(
      (_, response) => response.end('short'),
      async ({ url }, client) => {
        const controller = new AbortController();
        const response = await client.stream(url, { signal: controller.signal });
        await waitUntil(() => client.idleCount === 1);
        controller.abort();
        expect(await response.text()).toBe('short');
      },
    ));

  it('rejects when the client is closed', () =>
    withRawServer(answering(`${OK}Content-Length: 10\r\n\r\n`), ({ url }) =>
      withClient({}, async (client) => {
        const response = await client.stream(url);
        const pending = rejection(response.read());
        await client.close();
        expect(await pending).toMatchObject({ code: 'ERR_HTTPCLIENT_STOPPED' });
      }),
    ));

  it('rejects as a whole if its status is not 2xx, with the body in the error [HC-02]', () =>
    withSite(
      (_, response) => {
        response.statusCode = 503;
        response.end('later');
      },
      async ({ url, sockets }, client) => {
        const error = await rejection<HTTPClientError>(client.stream(url));
        expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_STATUS', status: 503 });
        expect(error.response?.text()).toBe('later');
        const response = await client.stream(url, { raiseError: false });
        expect(response).toMatchObject({ status: 503, ok: false });
        expect(await response.text()).toBe('later');
        expect(sockets).toHaveLength(1);
      },
    ));

  it('rejects if onHead throws or rejects, with that error [HC-03]', () =>
    withSite(
      (_, response) => response.end('x'),
      async ({ url, openSockets }, client) => {
        const mistake = new Error('mine');
        const heads: number[] = [];
        const onHead = (head: { status: number }): void => {
          heads.push(head.status);
          throw mistake;
        };
        await expect(client.stream(url, { onHead })).rejects.toBe(mistake);
        expect(heads).toEqual([200]);
        await expect(client.stream(url, { onHead: () => Promise.reject(mistake) })).rejects.toBe(mistake);
        await waitUntil(() => openSockets() === 0);
      },
    ));
});

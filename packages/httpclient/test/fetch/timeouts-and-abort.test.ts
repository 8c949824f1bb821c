import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Resolver } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import type { RequestOptions } from '../../src/index.ts';
import {
  deferred,
  onHead,
  openDescriptors,
  waitUntil,
  withClient,
  withNodeServer,
  withRawServer,
} from '../fixtures/servers.ts';

/** A resolver that never responds until it is aborted. */
const silentResolver: Resolver = {
  resolve: (_, options) =>
    new Promise((__, reject) => {
      options?.signal?.addEventListener('abort', () => reject(options.signal?.reason));
    }),
};

/** A server that sends one byte of an endless body every few milliseconds. */
function drip(socket: Socket): void {
  onHead(socket, () => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n');
    const timer = setInterval(() => socket.write('x'), 3);
    socket.on('close', () => clearInterval(timer));
  });
}

describe('the timeouts of a fetch', () => {
  it('limits the wait in the queue by the shorter timeout [SH-02]', () =>
    withNodeServer(
      () => {},
      ({ url }) =>
        withClient({ maxConnectionsPerOrigin: 1 }, async (client) => {
          const busy = client.fetch(url).catch(() => {});
          for (const options of [
            { connectTimeoutMs: 30 },
            { requestTimeoutMs: 30 },
            { connectTimeoutMs: 30, requestTimeoutMs: 0 },
          ]) {
            await expect(client.fetch(url, options)).rejects.toMatchObject({
              code: 'ERR_HTTPCLIENT_TIMEOUT',
              phase: 'queue',
              status: 599,
              message: expect.stringContaining('timeout in request queue'),
            });
          }
          expect(client.queuedCount).toBe(0);
          await client.close();
          await busy;
        }),
    ));

  it('limits names, network and TLS together [SH-03]', () =>
    withClient({ resolver: silentResolver }, async (client) => {
      for (const options of [{ connectTimeoutMs: 30 }, { requestTimeoutMs: 30 }]) {
        await expect(client.fetch('http://a.test/', options)).rejects.toMatchObject({
          code: 'ERR_HTTPCLIENT_TIMEOUT',
          phase: 'dns',
        });
      }
    }));

  it('limits a TLS handshake that is never answered [SH-03]', () =>
    withRawServer(
      () => {},
      ({ port, sockets }) =>
        withClient({}, async (client) => {
          await expect(
            client.fetch(`https://127.0.0.1:${port}/`, { connectTimeoutMs: 50 }),
          ).rejects.toMatchObject({
            code: 'ERR_HTTPCLIENT_TIMEOUT',
            phase: 'tls',
          });
          expect(sockets).toHaveLength(1);
        }),
    ));

  it('limits the wait for an answer, and its whole length [SH-03]', async () => {
    for (const onSocket of [() => {}, drip]) {
      await withRawServer(onSocket, ({ url }) =>
        withClient({}, async (client) => {
          await expect(client.fetch(url, { requestTimeoutMs: 60 })).rejects.toMatchObject({
            code: 'ERR_HTTPCLIENT_TIMEOUT',
            phase: expect.stringMatching(/^(headers|body)$/),
            message: expect.stringContaining('timeout during request (60 ms)'),
          });
          expect(client.idleCount).toBe(0);
        }),
      );
    }
  });

  it('limits an onData that never settles, and a body that never comes [SH-03]', () =>
    withNodeServer(
      (request, response) => {
        if (request.method === 'GET') response.end('x');
      },
      ({ url }) =>
        withClient({ defaults: { requestTimeoutMs: 60 } }, async (client) => {
          const code = 'ERR_HTTPCLIENT_TIMEOUT';
          await expect(client.fetch(url, { onData: () => new Promise(() => {}) })).rejects.toMatchObject({
            code,
            phase: expect.stringMatching(/^(headers|body)$/),
          });
          const body = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
          await expect(client.fetch(url, { method: 'POST', body })).rejects.toMatchObject({
            code,
            phase: 'send',
          });
        }),
    ));

  it('has no limit with 0 [SH-03]', () => {
    const gate = deferred();
    return withNodeServer(
      (_, response) => void gate.promise.then(() => response.end('x')),
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          const answer = client.fetch(url, { connectTimeoutMs: 0, requestTimeoutMs: 0 });
          await waitUntil(() => sockets.length === 1);
          gate.resolve();
          expect((await answer).text()).toBe('x');
        }),
    );
  });

  it('rejects in time, with the cause, where nothing listens [ATT-62] [SH-10]', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    await withClient({}, (client) =>
      expect(client.fetch(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({
        code: 'ERR_HTTPCLIENT_CONNECT',
        status: 599,
        message: expect.stringContaining('ECONNREFUSED'),
        cause: { code: 'ECONNREFUSED' },
      }),
    );
  });

  it('rejects with the cause where a name does not resolve [SH-10]', () =>
    withClient({}, (client) =>
      expect(client.fetch('http://nowhere.invalid/')).rejects.toMatchObject({
        code: 'ERR_HTTPCLIENT_CONNECT',
        cause: { code: 'ERR_STREAM_RESOLVE' },
      }),
    ));
});

describe('the signal of a fetch', () => {
  const reason = new Error('changed my mind');

  it('ends it before it begins', () =>
    withNodeServer(
      (_, response) => response.end(),
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          await expect(client.fetch(url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
          expect(sockets).toHaveLength(0);
        }),
    ));

  it('ends it in the queue, and leaves the place to the next', () => {
    const gate = deferred();
    return withNodeServer(
      (request, response) => void gate.promise.then(() => response.end(request.url)),
      ({ url, sockets }) =>
        withClient({ maxConnectionsPerOrigin: 1 }, async (client) => {
          const first = client.fetch(`${url}/1`);
          const controller = new AbortController();
          const second = client.fetch(`${url}/2`, { signal: controller.signal });
          const third = client.fetch(`${url}/3`);
          expect(client.queuedCount).toBe(2);
          controller.abort(reason);
          await expect(second).rejects.toBe(reason);
          expect(client.queuedCount).toBe(1);
          gate.resolve();
          expect((await first).text()).toBe('/1');
          expect((await third).text()).toBe('/3');
          expect(sockets).toHaveLength(1);
        }),
    );
  });

  it('ends it while it connects', () =>
    withClient({ resolver: silentResolver, maxConnectionsPerOrigin: 1 }, async (client) => {
      for (let times = 0; times < 2; times += 1) {
        const controller = new AbortController();
        const fetched = client.fetch('http://a.test/', { signal: controller.signal });
        await new Promise((resolve) => setImmediate(resolve));
        controller.abort(reason);
        await expect(fetched).rejects.toBe(reason);
      }
    }));

  it.each<[string, (socket: Socket) => void, RequestOptions]>([
    ['before the answer', () => {}, {}],
    ['in the middle of the answer', drip, {}],
    ['while onData holds it', drip, { onData: () => new Promise(() => {}) }],
    ['while its body is sent', () => {}, { method: 'POST', body: Buffer.alloc(20_000_000) }],
  ])('ends it %s, and closes its connection', (_, onSocket, options) =>
    withRawServer(
      (socket) => {
        if (options.body !== undefined) socket.pause();
        onSocket(socket);
      },
      ({ url, sockets }) =>
        withClient({ maxConnectionsPerOrigin: 1 }, async (client) => {
          const controller = new AbortController();
          const fetched = client.fetch(url, { ...options, signal: controller.signal });
          await waitUntil(() => sockets.length === 1);
          if (onSocket === drip) await waitUntil(() => (sockets[0]?.bytesWritten ?? 0) > 60);
          const open = openDescriptors();
          controller.abort(reason);
          await expect(fetched).rejects.toBe(reason);
          expect(client.idleCount).toBe(0);
          await waitUntil(() => openDescriptors() < open);
        }),
    ),
  );

  it('does nothing once the answer is there', () =>
    withNodeServer(
      (_, response) => response.end('x'),
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          const controller = new AbortController();
          await client.fetch(url, { signal: controller.signal });
          controller.abort(reason);
          await client.fetch(url);
          expect(sockets).toHaveLength(1);
        }),
    ));

  it('may have a reason that is no error', () =>
    withRawServer(
      () => {},
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          const controller = new AbortController();
          const fetched = client.fetch(url, { signal: controller.signal });
          await waitUntil(() => sockets.length === 1);
          controller.abort('enough');
          await expect(fetched).rejects.toBe('enough');
        }),
    ));
});

import type { IncomingMessage, ServerResponse } from 'node:http';
import { IOStream } from '@landspout/iostream';
import { describe, expect, it, vi } from 'vitest';
import type { AsyncHTTPClient } from '../../src/index.ts';
import {
  deferred,
  onHead,
  openDescriptors,
  waitUntil,
  withClient,
  withNodeServer,
  withRawServer,
} from '../fixtures/servers.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi';

/** Starts `count` fetches below `url`, each with its own path. */
function fetchMany(client: AsyncHTTPClient, url: string, count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => (await client.fetch(`${url}/${index}`)).text()),
  );
}

describe('the connection pool', () => {
  it('uses one connection for requests that follow each other [SH-04]', () =>
    withNodeServer(
      (request, response) => response.end(request.url),
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          for (const path of ['/1', '/2', '/3']) expect((await client.fetch(url + path)).text()).toBe(path);
          expect(sockets).toHaveLength(1);
          expect(client.idleCount).toBe(1);
        }),
    ));

  it.each([
    ['the server says close', { Connection: 'close' }, {}],
    ['the request says close', {}, { Connection: 'x, Close' }],
  ])('uses a connection once where %s [H1-08]', (_, answerHeaders, requestHeaders) =>
    withNodeServer(
      (__, response) => {
        response.writeHead(200, answerHeaders);
        response.end('x');
      },
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          for (let times = 0; times < 2; times += 1) await client.fetch(url, { headers: requestHeaders });
          expect(sockets).toHaveLength(2);
          expect(client.idleCount).toBe(0);
        }),
    ),
  );

  it('uses a connection of HTTP/1.0 again only where the server keeps it alive', async () => {
    for (const [header, connections] of [
      ['', 2],
      ['Connection: keep-alive\r\n', 1],
    ] as const) {
      await withRawServer(
        (socket) =>
          onHead(socket, () => socket.write(`HTTP/1.0 200 OK\r\n${header}Content-Length: 1\r\n\r\nx`)),
        ({ url, sockets }) =>
          withClient({}, async (client) => {
            await client.fetch(url);
            await client.fetch(url);
            expect(sockets).toHaveLength(connections);
          }),
      );
    }
  });

  it('opens no more connections to one origin than allowed, and serves who waits in order [SH-02]', () => {
    const order: string[] = [];
    return withNodeServer(
      (request, response) => {
        order.push(request.url ?? '');
        setImmediate(() => response.end(request.url));
      },
      ({ url, sockets }) =>
        withClient({ maxConnectionsPerOrigin: 1 }, async (client) => {
          const answers = fetchMany(client, url, 20);
          expect(await answers).toEqual(order);
          expect(order).toEqual(Array.from({ length: 20 }, (_, index) => `/${index}`));
          expect(sockets).toHaveLength(1);
          expect(client.queuedCount).toBe(0);
        }),
    );
  });

  it('opens no more connections in all than allowed, closing idle ones of other origins', () =>
    withNodeServer(
      (_, response) => response.end('one'),
      (one) =>
        withNodeServer(
          (_, response) => response.end('two'),
          (two) =>
            withClient({ maxConnections: 2, maxConnectionsPerOrigin: 2 }, async (client) => {
              await fetchMany(client, one.url, 2);
              expect(client.idleCount).toBe(2);
              await fetchMany(client, two.url, 6);
              await waitUntil(() => one.openSockets() === 0);
              expect(two.sockets.length).toBeLessThanOrEqual(2);
              const mixed = [fetchMany(client, one.url, 10), fetchMany(client, two.url, 10)];
              expect((await Promise.all(mixed)).flat()).toHaveLength(20);
              await waitUntil(() => one.openSockets() + two.openSockets() <= 2);
              // No slot was given out twice, and none was lost.
              expect([client.idleCount, client.queuedCount]).toEqual([2, 0]);
            }),
        ),
    ));

  it('serves requests to several origins in the order of their arrival [SH-02]', () => {
    const order: string[] = [];
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      order.push(request.url ?? '');
      setImmediate(() => response.end());
    };
    return withNodeServer(answer, (one) =>
      withNodeServer(answer, (two) =>
        withClient({ maxConnections: 1 }, async (client) => {
          const urls = [one, two, two, one, one, two].map(({ url }, index) => `${url}/${index}`);
          await Promise.all(urls.map((url) => client.fetch(url)));
          expect(order).toEqual(['/0', '/1', '/2', '/3', '/4', '/5']);
        }),
      ),
    );
  });

  it('refuses at once what would wait where the queue is full', () => {
    const gate = deferred();
    return withNodeServer(
      (_, response) => void gate.promise.then(() => response.end('x')),
      ({ url }) =>
        withClient({ maxConnectionsPerOrigin: 1, maxQueued: 2 }, async (client) => {
          const accepted = fetchMany(client, url, 3);
          expect(client.queuedCount).toBe(2);
          await expect(client.fetch(url)).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_QUEUE_FULL' });
          gate.resolve();
          expect(await accepted).toHaveLength(3);
        }),
    );
  });

  it('shares no connection between requests that differ in host, family or TLS options [ATT-61]', () =>
    withNodeServer(
      (_, response) => response.end('x'),
      ({ url, port, sockets }) =>
        withClient({}, async (client) => {
          await client.fetch(url);
          await client.fetch(url, { family: 4 });
          await client.fetch(`http://localhost:${port}/`, { family: 4 });
          expect(sockets).toHaveLength(3);
          await client.fetch(`HTTP://127.0.0.1:${port}/`);
          expect(sockets).toHaveLength(3);
        }),
    ));

  it('notices at once that the server closes an idle connection', () =>
    withNodeServer(
      (_, response) => response.end('x'),
      ({ url, sockets }) =>
        withClient({ idleTimeoutMs: 600_000 }, async (client) => {
          await client.fetch(url);
          expect(client.idleCount).toBe(1);
          sockets[0]?.end();
          await waitUntil(() => client.idleCount === 0);
          expect((await client.fetch(url)).text()).toBe('x');
        }),
    ));

  it('lets the process end while a connection is idle, and not while it is used', () =>
    withNodeServer(
      (_, response) => response.end('x'),
      ({ url }) =>
        withClient({}, async (client) => {
          const released = vi.spyOn(IOStream.prototype, 'unref');
          const held = vi.spyOn(IOStream.prototype, 'ref');
          try {
            await client.fetch(url);
            expect([released.mock.calls.length, held.mock.calls.length]).toEqual([1, 0]);
            const again = client.fetch(url, { onData: () => void expect(held).toHaveBeenCalledTimes(1) });
            await again;
            expect([released.mock.calls.length, held.mock.calls.length]).toEqual([2, 1]);
            expect(held.mock.instances[0]).toBe(released.mock.instances[0]);
          } finally {
            vi.restoreAllMocks();
          }
        }),
    ));

  it('closes a connection that has been idle for long enough', () =>
    withNodeServer(
      (_, response) => response.end('x'),
      ({ url, openSockets }) =>
        withClient({ idleTimeoutMs: 30 }, async (client) => {
          await client.fetch(url);
          expect(client.idleCount).toBe(1);
          await waitUntil(() => openSockets() === 0);
          expect(client.idleCount).toBe(0);
        }),
    ));

  it('does not count the time of a request as idle', () =>
    withNodeServer(
      (request, response) => void setTimeout(() => response.end('x'), request.method === 'POST' ? 150 : 0),
      ({ url }) =>
        withClient({ idleTimeoutMs: 50 }, async (client) => {
          await client.fetch(url);
          // Not idempotent, so it is not sent again.
          expect((await client.fetch(url, { method: 'POST', body: '' })).text()).toBe('x');
        }),
    ));

  it('keeps no connection at all with an idleTimeoutMs of 0', () =>
    withNodeServer(
      (_, response) => response.end('x'),
      ({ url, sockets }) =>
        withClient({ idleTimeoutMs: 0 }, async (client) => {
          await client.fetch(url);
          expect(client.idleCount).toBe(0);
          await client.fetch(url);
          expect(sockets).toHaveLength(2);
        }),
    ));

  it('sends an idempotent request again when its old connection dies before a byte of the answer', () =>
    withRawServer(
      (socket, count) => {
        let requests = 0;
        onHead(socket, () => {
          requests += 1;
          // Like a server that closes an idle connection just as the next request is on its way.
          if (count === 1 && requests === 2) socket.destroy();
          else socket.write(OK);
        });
      },
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          await client.fetch(url);
          const again = await client.fetch(url, { method: 'PUT', body: 'x' });
          expect(again.text()).toBe('hi');
          expect(again.timings.connectMs).toBeGreaterThan(0);
          expect(sockets).toHaveLength(2);
        }),
    ));

  it.each<[string, object]>([
    ['is not idempotent', { method: 'POST', body: 'x' }],
    [
      'has a body that is gone',
      {
        method: 'PUT',
        body: (async function* () {
          yield Buffer.from('x');
        })(),
      },
    ],
  ])('sends no request again that %s', (_, options) =>
    withRawServer(
      (socket) => {
        let requests = 0;
        onHead(socket, () => {
          requests += 1;
          if (requests === 2) socket.destroy();
          else socket.write(OK);
        });
      },
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          await client.fetch(url);
          await expect(client.fetch(url, options)).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED' });
          expect(sockets).toHaveLength(1);
        }),
    ),
  );

  it('sends no request again after a byte of its answer', () => {
    let heads = 0;
    return withRawServer(
      (socket) =>
        onHead(socket, () => {
          heads += 1;
          socket.write(heads === 1 ? OK : 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi');
        }),
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          await client.fetch(url);
          const onData = (): void => void setImmediate(() => sockets[0]?.resetAndDestroy());
          await expect(client.fetch(url, { onData })).rejects.toMatchObject({
            code: 'ERR_HTTPCLIENT_CLOSED',
          });
          expect(heads).toBe(2);
        }),
    );
  });

  it('sends no request again that failed on a fresh connection', () => {
    let heads = 0;
    return withRawServer(
      (socket) =>
        onHead(socket, () => {
          heads += 1;
          socket.destroy();
        }),
      ({ url }) =>
        withClient({}, async (client) => {
          await expect(client.fetch(url)).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED' });
          expect(heads).toBe(1);
        }),
    );
  });

  it('ends all that runs and waits when it is closed, and leaves no descriptor [HC-01]', async () => {
    await withNodeServer(
      () => {},
      async ({ url, sockets, openSockets }) => {
        await withClient({ maxConnectionsPerOrigin: 2 }, async (client) => {
          const fetches = Array.from({ length: 5 }, () => client.fetch(url).catch((error) => error.code));
          await waitUntil(() => sockets.length === 2);
          const open = openDescriptors();
          await client.close();
          expect(new Set(await Promise.all(fetches))).toEqual(new Set(['ERR_HTTPCLIENT_STOPPED']));
          await waitUntil(() => openSockets() === 0);
          expect(openDescriptors()).toBe(open - 4);
          expect(client.queuedCount + client.idleCount).toBe(0);
          await expect(client.fetch(url)).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_STOPPED' });
        });
      },
    );
  });
});

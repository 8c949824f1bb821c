import { describe, expect, it } from 'vitest';
import type { HTTPClientError } from '../../src/index.ts';
import { serveWell, withHostileServer } from '../fixtures/hostile-server.ts';
import { waitUntil, withClient, withNodeServer, withRawServer } from '../fixtures/servers.ts';

const redirectTo = (location: string, status = 302): string =>
  `HTTP/1.1 ${status} Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`;

describe('AsyncHTTPClient and redirects that lead nowhere', () => {
  it.each([
    ['to itself', (path: string) => path],
    ['in a circle of two', (path: string) => (path === '/a' ? '/b' : '/a')],
    ['to a new URL each time', (path: string) => `${path}x`],
  ])('gives up a redirect %s after maxRedirects [SH-07]', async (_, next) => {
    const paths: string[] = [];
    await withNodeServer(
      ({ url = '' }, response) => {
        paths.push(url);
        response.writeHead(302, { Location: next(url) }).end();
      },
      ({ url, openSockets }) =>
        withClient({}, async (client) => {
          for (const [options, limit] of [
            [{}, 5],
            [{ maxRedirects: 2 }, 2],
          ] as const) {
            paths.length = 0;
            const error = (await client
              .fetch(`${url}/a`, options)
              .catch((reason) => reason)) as HTTPClientError;
            expect(error).toMatchObject({
              name: 'HTTPRedirectError',
              code: 'ERR_HTTPCLIENT_REDIRECT',
              status: 599,
            });
            expect(paths).toHaveLength(limit + 1);
            expect(error.redirects).toHaveLength(limit);
            expect(client.queuedCount).toBe(0);
          }
          await client.close();
          await waitUntil(() => openSockets() === 0);
        }),
    );
  });

  it.each([
    'file:///etc/passwd',
    'ftp://127.0.0.1/',
    'javascript:alert(1)',
    'data:text/plain,x',
    'mailto:a@b.test',
    'ws://127.0.0.1/',
    'http://',
    'http://[::1/',
    'http://127.0.0.1:99999/',
    'http://a b/',
  ])('rejects a redirect to %s, and makes no connection [ATT-62] [SH-08]', (location) =>
    withHostileServer(
      async (connection) => {
        await connection.readHead();
        await connection.send(redirectTo(location));
      },
      ({ url, sockets, openSockets }) =>
        withClient({}, async (client) => {
          await expect(client.fetch(url)).rejects.toMatchObject({
            name: 'HTTPRedirectError',
            code: 'ERR_HTTPCLIENT_REDIRECT',
            redirects: [],
          });
          expect(sockets).toHaveLength(1);
          expect(client.queuedCount).toBe(0);
          await client.close();
          await waitUntil(() => openSockets() === 0);
        }),
    ),
  );

  it('rejects with the real cause and the chain if the next hop cannot be reached [ATT-62] [SH-08]', async () => {
    const dead = await withRawServer(
      () => {},
      async ({ url }) => url,
    );
    await withHostileServer(
      async (connection) => {
        await connection.readHead();
        await connection.send(redirectTo(`${dead}/x`));
      },
      ({ url }) =>
        withClient({}, async (client) => {
          await expect(client.fetch(url)).rejects.toMatchObject({
            code: 'ERR_HTTPCLIENT_CONNECT',
            url: `${dead}/x`,
            redirects: [{ status: 302, url: `${url}/`, location: `${dead}/x` }],
            cause: { code: 'ECONNREFUSED' },
          });
        }),
    );
  });

  it('follows a redirect whose body does not end, on another connection [SH-07]', () =>
    withHostileServer(
      async (connection) => {
        await connection.readHead();
        await connection.send('HTTP/1.1 302 Found\r\nLocation: /next\r\nTransfer-Encoding: chunked\r\n\r\n');
        await connection.flood(`3e8\r\n${'x'.repeat(1_000)}\r\n`);
      },
      ({ url, sockets, openSockets }) =>
        withClient({}, async (client) => {
          expect((await client.fetch(url)).text()).toBe('good');
          expect(sockets).toHaveLength(2);
          await waitUntil(() => openSockets() === 1);
        }),
    ));

  it('follows a redirect whose connection is cut within its body [SH-07]', () =>
    withHostileServer(
      async (connection) => {
        await connection.readHead();
        await connection.send('HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 10\r\n\r\nhello');
        connection.end();
      },
      ({ url }) => withClient({}, async (client) => expect((await client.fetch(url)).text()).toBe('good')),
    ));

  it('limits all hops together by requestTimeoutMs [SH-03] [SH-08]', () =>
    withNodeServer(
      (_, response) => {
        setTimeout(() => response.writeHead(307, { Location: '/again' }).end(), 5);
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const options = { requestTimeoutMs: 100, maxRedirects: 1_000_000 };
          await expect(client.fetch(url, options)).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_TIMEOUT' });
          expect([client.idleCount, client.queuedCount]).toEqual([0, 0]);
        }),
    ));

  it('uses a connection again after a redirect', () =>
    withHostileServer(
      async (connection) => {
        await connection.readHead();
        await connection.send(redirectTo('/next'));
        await serveWell(connection);
      },
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          expect((await client.fetch(url)).text()).toBe('good');
          expect(sockets).toHaveLength(1);
        }),
    ));
});

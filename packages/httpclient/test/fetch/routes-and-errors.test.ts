import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type HTTPClientError, HTTPRequest, type HTTPTimings } from '../../src/index.ts';
import { makeIdentity } from '../fixtures/certificates.ts';
import { closing, rejection, withSite } from '../fixtures/recording.ts';
import {
  answering,
  onHead,
  withClient,
  withNodeServer,
  withRawServer,
  withSecureServer,
} from '../fixtures/servers.ts';

const OK = 'HTTP/1.1 200 OK\r\n';

describe('socketPath', () => {
  it.each(['http', 'https'])(
    'connects to a Unix socket instead of the host of the URL: %s [HC-03]',
    async (scheme) => {
      const folder = mkdtempSync(join(tmpdir(), 'landspout-socket-'));
      const identity = makeIdentity('DNS:nowhere.test');
      const paths = ['one', 'two'].map((name) => join(folder, name));
      const servers = paths.map((path) => {
        const respond: RequestListener = (request, response) =>
          void response.end(`${path.at(-1)} ${request.headers.host} ${request.url}`);
        return scheme === 'http' ? createServer(respond) : createSecureServer(identity, respond);
      });
      try {
        for (const [at, server] of servers.entries())
          await new Promise<void>((resolve) => server.listen(paths[at], resolve));
        await withClient({ defaults: { tls: { ca: identity.cert } } }, async (client) => {
          const url = `${scheme}://nowhere.test/a`;
          for (const [at, socketPath] of paths.entries()) {
            const response = await client.fetch(url, { socketPath });
            expect(response.text()).toBe(`${at === 0 ? 'e' : 'o'} nowhere.test /a`);
            expect(response.effectiveUrl).toBe(url);
          }
          expect(client.idleCount).toBe(2);
        });
      } finally {
        for (const server of servers) {
          server.closeAllConnections();
          await new Promise((resolve) => server.close(resolve));
        }
        rmSync(folder, { recursive: true });
      }
    },
  );

  it('rejects with the cause if nothing listens there [SH-10]', () =>
    withClient({}, async (client) => {
      const error = await rejection(client.fetch('http://a.test/', { socketPath: '/nowhere/socket' }));
      expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_CONNECT', cause: { code: 'ENOENT' } });
    }));

  it.each(['', 5])('must be a path: %j', (socketPath) =>
    withClient({}, async (client) => {
      const error = await rejection(client.fetch('http://a.test/', { socketPath: socketPath as string }));
      expect(error).toHaveProperty('code', 'ERR_HTTPCLIENT_USAGE');
    }),
  );
});

describe('localAddress', () => {
  it('is where the connection comes from [SH-11] [CU-05]', () =>
    withNodeServer(
      (request, response) => response.end(request.socket.remoteAddress),
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          for (const localAddress of ['127.0.0.7', '127.0.0.8', '127.0.0.7'])
            expect((await client.fetch(url, { localAddress })).text()).toBe(localAddress);
          expect(sockets).toHaveLength(2);
        }),
    ));

  it.each(['eth0', 'localhost', '127.1', '', '::1'])(
    'must be a numeric address of the same family: %j [SH-11]',
    (localAddress) =>
      withSite(
        (_, response) => response.end(),
        async ({ url, sockets }, client) => {
          const error = await rejection<HTTPClientError>(
            client.fetch(url, { localAddress, connectTimeoutMs: 5_000 }),
          );
          expect(error.code).toMatch(/^ERR_HTTPCLIENT_(USAGE|CONNECT)$/);
          expect(sockets).toHaveLength(0);
        },
      ),
  );

  it('rejects with the cause if this computer does not have it [SH-11]', () =>
    withSite(
      (_, response) => response.end(),
      async ({ url }, client) => {
        expect(await rejection(client.fetch(url, { localAddress: '192.0.2.1' }))).toMatchObject({
          code: 'ERR_HTTPCLIENT_CONNECT',
          cause: { code: 'EADDRNOTAVAIL' },
        });
      },
    ));
});

describe('an error', () => {
  it('says where and when the request failed, without credentials [HC-05] [SH-10]', () =>
    withRawServer(closing(answering(`${OK}Content-Length: 9\r\n\r\npart`, { end: true })), ({ url, port }) =>
      withClient({}, async (client) => {
        const error = await rejection<HTTPClientError>(
          client.fetch(`${url.replace('://', '://me:secret@')}/a?b#c`, { method: 'POST', body: 'x' }),
        );
        expect(error).toMatchObject({
          name: 'HTTPStreamClosedError',
          code: 'ERR_HTTPCLIENT_CLOSED',
          status: 599,
          phase: 'body',
          url: `${url}/a?b`,
          peer: `127.0.0.1:${port}`,
          attempt: 1,
          redirects: [],
          response: undefined,
        });
        expect(error.cause).toBeInstanceOf(Error);
        expect(error.message.startsWith(`POST ${url}/a?b: `)).toBe(true);
        expect(inspect(error)).not.toContain('secret');
      }),
    ));

  it('counts the attempts [HC-05]', () => {
    let requests = 0;
    return withRawServer(
      (socket) =>
        onHead(socket, () => {
          requests += 1;
          if (requests === 1) socket.write(`${OK}Content-Length: 2\r\n\r\nhi`);
          else socket.destroy();
        }),
      ({ url }) =>
        withClient({}, async (client) => {
          await client.fetch(url);
          expect(await rejection(client.fetch(url))).toMatchObject({
            code: 'ERR_HTTPCLIENT_CLOSED',
            attempt: 2,
          });
          expect(requests).toBe(3);
        }),
    );
  });

  it('with a response has all of it, and 599 is what has none [HC-05]', () =>
    withSite(
      (_, response) => {
        response.writeHead(404, 'Not Here', { 'X-A': '1' });
        response.end('page');
      },
      async ({ url, port }, client) => {
        const request = new HTTPRequest(url);
        const error = await rejection<HTTPClientError>(client.fetch(request));
        expect(error).toMatchObject({ status: 404, code: 'ERR_HTTPCLIENT_STATUS', url: `${url}/` });
        expect(error.message).toBe(`GET ${url}/: 404 Not Here`);
        expect(error.response?.request).toBe(request);
        expect(error.response?.headers.get('x-a')).toBe('1');
        expect(error.response?.text()).toBe('page');
        const dead = await rejection<HTTPClientError>(client.fetch(`https://127.0.0.1:${port}/`));
        expect([dead.status, dead.response]).toEqual([599, undefined]);
      },
    ));

  it('has a message on one line of limited length, whatever reason the server gives', () =>
    withRawServer(
      answering(`HTTP/1.1 500 ${'\u00e9x'.repeat(10_000)}\r\nContent-Length: 0\r\n\r\n`),
      ({ url }) =>
        withClient({}, async (client) => {
          const error = await rejection<HTTPClientError>(client.fetch(url));
          expect(error.status).toBe(500);
          expect(error.message.length).toBeLessThan(1_000);
          expect(error.message).toMatch(/^[\x20-\x7e\u2026]*$/);
        }),
    ));
});

describe('timings', () => {
  /** Each duration is at least 0, and the phases of one request follow each other. */
  function check(timings: HTTPTimings): void {
    for (const value of Object.values(timings)) expect(value).toBeGreaterThanOrEqual(0);
    const { queueMs, dnsMs, connectMs, tlsMs, sendMs, firstByteMs, totalMs } = timings;
    expect(queueMs + dnsMs + connectMs + tlsMs + firstByteMs).toBeLessThanOrEqual(totalMs + 0.001);
    expect(sendMs).toBeLessThanOrEqual(totalMs);
  }

  it('add up: on a new connection, on a used one, and with a body [CU-07] [HC-04]', () =>
    withSite(
      (_, response) => response.end('x'),
      async ({ url }, client) => {
        const fresh = (await client.fetch(url)).timings;
        check(fresh);
        expect(fresh).toMatchObject({ tlsMs: 0, redirectMs: 0, sendMs: 0 });
        expect(fresh.connectMs).toBeGreaterThan(0);
        const used = (await client.fetch(url, { method: 'POST', body: Buffer.alloc(1_000_000) })).timings;
        check(used);
        expect(used).toMatchObject({ dnsMs: 0, connectMs: 0, tlsMs: 0 });
        expect(used.sendMs).toBeGreaterThan(0);
      },
    ));

  it('include the wait in the queue [CU-07] [HC-04]', () =>
    withSite(
      (_, response) => void setTimeout(() => response.end('x'), 30),
      async ({ url }, client) => {
        const [, second] = await Promise.all([client.fetch(url), client.fetch(url)]);
        check(second.timings);
        expect(second.timings.queueMs).toBeGreaterThan(20);
        expect(second.timings.queueMs).toBeLessThan(second.timings.totalMs);
      },
      { maxConnectionsPerOrigin: 1 },
    ));

  it('include the TLS handshake [CU-07]', () => {
    const identity = makeIdentity('IP:127.0.0.1');
    return withSecureServer(
      identity,
      (_, response) => response.end('x'),
      ({ url }) =>
        withClient({ defaults: { tls: { ca: identity.cert } } }, async (client) => {
          const { timings } = await client.fetch(url);
          check(timings);
          expect(timings.connectMs + timings.tlsMs).toBeGreaterThan(0);
          expect((await client.fetch(url)).timings).toMatchObject({ connectMs: 0, tlsMs: 0 });
        }),
    );
  });

  it('of a streamed response are final after its body [CU-07]', () =>
    withSite(
      (_, response) => {
        response.write('a');
        setTimeout(() => response.end('b'), 20);
      },
      async ({ url }, client) => {
        const response = await client.stream(url);
        const early = response.timings.totalMs;
        await response.bytes();
        const { totalMs } = response.timings;
        expect(totalMs).toBeGreaterThan(early);
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect(response.timings.totalMs).toBe(totalMs);
      },
    ));
});

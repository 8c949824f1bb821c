import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { createNodeWebSocket } from '@hono/node-ws';
import { Hono } from 'hono';
import type { ServerRequest } from 'srvx';
import { mtlsPlugin } from 'srvx/mtls';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type FetchServer, type PluginServer, type ServeOptions, serve } from '../../src/fetch/index.ts';
import { makeCertificate } from '../fixtures/certificate.ts';
import { RawClient } from '../fixtures/raw-client.ts';
import { ask, deferred } from './compat/servers.ts';

const UPGRADE =
  'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\nX-Other: b\r\n\r\n';

async function served(
  options: Partial<ServeOptions>,
  test: (port: number, server: FetchServer) => Promise<void>,
): Promise<void> {
  const fetch = (): Response => new Response('by fetch');
  const server = await serve({ fetch, port: 0, hostname: '127.0.0.1', ...options }).ready();
  try {
    await test(server.port as number, server);
  } finally {
    await server.close(true);
  }
}

describe('middleware of serve', () => {
  it('runs in order, and may respond or change the response', () => {
    const order: string[] = [];
    return served(
      {
        middleware: [
          async (request, next) => {
            order.push('first');
            const response = await next();
            response.headers.set('X-First', new URL(request.url).pathname);
            return response;
          },
          (request, next) => {
            order.push('second');
            return request.url.endsWith('/short') ? new Response('by middleware') : next();
          },
        ],
      },
      async (port) => {
        const long = await ask(port, '/long');
        expect([long.text, long.headers['x-first']]).toEqual(['by fetch', '/long']);
        const short = await ask(port, '/short');
        expect([short.text, short.headers['x-first']]).toEqual(['by middleware', '/short']);
        expect(order).toEqual(['first', 'second', 'first', 'second']);
      },
    );
  });

  it('has its errors passed to the error handler', () =>
    served(
      {
        middleware: [() => Promise.reject(new Error('of middleware'))],
        error: async (error) => new Response(`handled: ${(error as Error).message}`, { status: 503 }),
      },
      async (port) => {
        const reply = await ask(port, '/');
        expect([reply.status, reply.text]).toEqual([503, 'handled: of middleware']);
      },
    ));
});

describe('plugins of serve', () => {
  it('are called with the server, and may add middleware', () => {
    const servers: unknown[] = [];
    return served(
      {
        plugins: [
          (server: FetchServer) => {
            servers.push(server);
            server.options.middleware.unshift((_request, next) => next());
            server.options.middleware.push(() => new Response('by the plugin'));
          },
        ],
      },
      async (port, server) => {
        expect(servers).toEqual([server]);
        expect((await ask(port, '/')).text).toBe('by the plugin');
      },
    );
  });

  it('may be those of srvx, such as mtlsPlugin', async () => {
    const { cert, key } = makeCertificate();
    const tls = { cert: cert.toString(), key: key.toString() };
    const plugins = [mtlsPlugin({ ca: tls.cert, rejectUnauthorized: false })];
    const fetch: ServeOptions['fetch'] = (request) => {
      const { authorized, peerCertificate } = (request as ServerRequest).tls ?? {};
      return Response.json([authorized, peerCertificate?.subject?.CN]);
    };
    await served({ tls, plugins, fetch }, async (port) => {
      const get = async (client: object): Promise<unknown> => {
        const options = {
          host: '127.0.0.1',
          port,
          servername: 'localhost',
          ca: cert,
          agent: false,
          ...client,
        };
        const [message] = await once(secureRequest(options).end(), 'response');
        return JSON.parse((await message.toArray()).join(''));
      };
      expect(await get({ cert, key })).toEqual([true, 'localhost']);
      expect(await get({})).toEqual([false, null]);
    });
  });

  it('may replace serve, and listen to upgrades of the server below', () => {
    const plugin = (server: PluginServer): void => {
      const original = server.serve;
      server.serve = () => {
        server.node.server.on('upgrade', (_request, socket) => void socket.end('upgraded'));
        return original.call(server);
      };
    };
    return served({ plugins: [plugin] }, async (port) => {
      const client = await RawClient.connect({ port }, UPGRADE);
      expect(await client.untilEnd()).toBe('upgraded');
      client.close();
    });
  });
});

describe('the event upgrade of a FetchServer', () => {
  it('has the request, a socket and the bytes after the request', () => {
    const received = deferred<[IncomingMessage, Duplex, Buffer]>();
    return served({}, async (port, server) => {
      server.once('upgrade', (...all) => received.resolve(all));
      const client = await RawClient.connect({ port }, `${UPGRADE}early `);
      const [request, socket, head] = await received.promise;
      expect([request.url, request.headers['x-other']]).toEqual(['/chat', 'b']);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.write(head);
      socket.pipe(socket);
      await client.until((text) => text.endsWith('early '));
      client.send('and late');
      await client.until((text) => text.endsWith('early and late'));
      client.close();
    });
  });

  it('is not emitted for other requests, which the handler gets', () =>
    served({}, async (port, server) => {
      server.on('upgrade', (_request, socket) => socket.destroy());
      expect((await ask(port, '/', { headers: { Upgrade: 'echo' } })).text).toBe('by fetch');
      const body = 'x'.repeat(100_000);
      expect((await ask(port, '/', { method: 'POST', body })).status).toBe(200);
    }));

  it('leaves requests to upgrade to the handler while nothing listens to it', () =>
    served({}, async (port) => {
      const client = await RawClient.connect({ port }, UPGRADE);
      expect(await client.until((text) => text.endsWith('by fetch'))).toMatch(/^HTTP\/1\.1 200 OK/);
      client.close();
    }));

  it('serves WebSockets of the package ws', () => {
    const sockets = new WebSocketServer({ noServer: true });
    sockets.on('connection', (socket) => socket.on('message', (message) => socket.send(`echo ${message}`)));
    return served({}, async (port, server) => {
      server.on('upgrade', (request, socket, head) => {
        sockets.handleUpgrade(request, socket, head, (accepted) =>
          sockets.emit('connection', accepted, request),
        );
      });
      const client = new WebSocket(`ws://127.0.0.1:${port}/`);
      client.on('open', () => client.send('hello'));
      const text = await new Promise((resolve) => client.once('message', (data) => resolve(String(data))));
      expect(text).toBe('echo hello');
      client.terminate();
    });
  });

  it('lets close end the sockets that its listeners have taken over', () =>
    served({}, async (port, server) => {
      server.on('upgrade', (_request, socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
        socket.resume();
      });
      const client = await RawClient.connect({ port }, UPGRADE);
      await client.until((text) => text.endsWith('\r\n\r\n'));
      const closing = server.close();
      await client.untilEnd();
      client.close();
      await closing;
    }));

  it('serves WebSockets of @hono/node-ws', () => {
    const app = new Hono();
    const { injectWebSocket, upgradeWebSocket } = createNodeWebSocket({ app });
    app.get(
      '/ws',
      upgradeWebSocket((c) => ({
        onMessage: (event, socket) => socket.send(`${c.req.query('name')} ${event.data}`),
      })),
    );
    app.get('/', (c) => c.text('page'));
    return served({ fetch: app.fetch as ServeOptions['fetch'] }, async (port, server) => {
      injectWebSocket(server as unknown as Parameters<typeof injectWebSocket>[0]);
      const client = new WebSocket(`ws://127.0.0.1:${port}/ws?name=ada`);
      client.on('open', () => client.send('hello'));
      const text = await new Promise((resolve) => client.once('message', (data) => resolve(String(data))));
      expect(text).toBe('ada hello');
      client.terminate();
      expect((await ask(port, '/')).text).toBe('page');
      const refused = new WebSocket(`ws://127.0.0.1:${port}/`);
      const status = await new Promise((resolve) =>
        refused.once('unexpected-response', (_request, message) => resolve(message.statusCode)),
      );
      expect(status).toBe(200);
      refused.on('error', () => {});
      refused.terminate();
    });
  });
});

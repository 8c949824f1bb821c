import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { HTTPServerConnectionDelegate } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { NodeContainer } from '../../src/node/index.ts';
import { makeCertificate } from '../fixtures/certificate.ts';
import { converse, RawClient } from '../fixtures/raw-client.ts';
import { waitUntil, withServer } from '../fixtures/running-server.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const LAST_GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

describe('the socket of a request', () => {
  it('has the addresses of the connection', () => {
    let seen: Record<string, unknown> = {};
    const container = new NodeContainer((request, response) => {
      const { remoteAddress, remotePort, remoteFamily, localAddress, localPort } = request.socket;
      const { encrypted } = request.socket as TLSSocket;
      seen = { remoteAddress, remotePort, remoteFamily, localAddress, localPort, encrypted };
      expect(request.socket.address()).toEqual({ address: '127.0.0.1', family: 'IPv4', port: localPort });
      expect(response.socket).toBe(request.socket);
      expect(request.socket.setNoDelay().setKeepAlive().ref().unref()).toBe(request.socket);
      response.end();
    });
    return withServer(container, async ({ port }) => {
      const client = await RawClient.connect({ port });
      const { localPort } = client.socket;
      client.send(LAST_GET);
      await client.untilEnd();
      expect(seen).toEqual({
        remoteAddress: '127.0.0.1',
        remotePort: localPort,
        remoteFamily: 'IPv4',
        localAddress: '127.0.0.1',
        localPort: port,
        encrypted: undefined,
      });
    });
  });

  it('describes TLS', async () => {
    const { cert, key } = makeCertificate();
    let seen: unknown;
    const container = new NodeContainer((request, response) => {
      const socket = request.socket as TLSSocket;
      seen = [socket.encrypted, socket.authorized, socket.getPeerCertificate(), socket.getProtocol()];
      response.end();
    });
    await withServer(
      container,
      async ({ port }) => {
        await new Promise<void>((resolve, reject) => {
          httpsRequest({ port, host: '127.0.0.1', ca: cert, agent: false }, (response) => {
            response.resume().on('end', resolve);
          })
            .on('error', reject)
            .end();
        });
      },
      { tls: { cert, key } },
    );
    expect(seen).toEqual([true, false, {}, 'TLSv1.3']);
  });

  it('is the same for all requests of a connection, and emits close once', () => {
    const sockets = new Set<Socket>();
    let closes = 0;
    const container = new NodeContainer((request, response) => {
      if (!sockets.has(request.socket)) {
        request.socket.on('close', () => {
          closes += 1;
        });
      }
      sockets.add(request.socket);
      response.end('x');
    });
    return withServer(container, async ({ port }) => {
      const client = await RawClient.connect({ port }, GET + GET);
      await client.until((text) => text.split('HTTP/1.1 200').length === 3);
      client.send(GET);
      await client.until((text) => text.split('HTTP/1.1 200').length === 4);
      expect([sockets.size, closes]).toEqual([1, 0]);
      client.close();
      await waitUntil(() => closes > 0);
      expect(closes).toBe(1);
      expect([...sockets][0]?.destroyed).toBe(true);
    });
  });

  it.each<[string, (socket: Socket) => unknown]>([
    ['destroyed', (socket) => socket.destroy()],
    ['ended', (socket) => socket.end()],
  ])('closes the connection if it is %s between requests', (_how, act) => {
    const container = new NodeContainer((request, response) => {
      const { socket } = request;
      response.on('close', () => void act(socket)).end('complete');
    });
    return withServer(container, async ({ port }) => {
      const client = await RawClient.connect({ port }, GET);
      expect(await client.untilEnd()).toMatch(/complete$/);
      expect(client.errorCode).toBeUndefined();
    });
  });

  it('is another one for the next request if a handler destroys it while that request is arriving', () => {
    const sockets: Socket[] = [];
    const container = new NodeContainer((request, response) => {
      sockets.push(request.socket);
      if (request.url === '/next') response.end('next');
      else response.end('first');
    });
    return withServer(container, async ({ port }) => {
      const client = await RawClient.connect({ port }, `${GET}GET /next HTTP/1.1\r\n`);
      await client.until((text) => text.endsWith('first'));
      sockets[0]?.destroy();
      client.send('Host: a\r\nConnection: close\r\n\r\n');
      expect(await client.untilEnd()).toMatch(/next$/);
      expect(sockets[1]).not.toBe(sockets[0]);
    });
  });

  it('refuses bytes beside the response, and names the remedy', () => {
    let error: unknown;
    const container = new NodeContainer((request, response) => {
      try {
        request.socket.write('HTTP/1.1 200 OK\r\n\r\n');
      } catch (failure) {
        error = failure;
      }
      response.end('x');
    });
    return withServer(container, async ({ port }) => {
      expect(await converse(port, LAST_GET)).toMatch(/x$/);
      expect(error).toMatchObject({ code: 'ERR_HTTP_USAGE', message: expect.stringContaining('onUpgrade') });
    });
  });

  it('belongs to the request while proxies report another client', () => {
    const seen: unknown[] = [];
    const container = new NodeContainer((request, response) => {
      seen.push([request.socket.remoteAddress, (request.socket as TLSSocket).encrypted]);
      response.end('x');
    });
    return withServer(
      container,
      async ({ port }) => {
        await converse(
          port,
          'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n',
        );
        expect(seen).toEqual([['203.0.113.9', true]]);
      },
      { trustedProxies: ['127.0.0.1'] },
    );
  });

  it.each<[string, (response: ServerResponse) => unknown]>([
    ['after the response', (response) => response.end('x')],
    ['when the response is cut', (response) => response.destroy()],
  ])('emits close %s while proxies report another client', (_when, act) => {
    const events: string[] = [];
    const container = new NodeContainer((request, response) => {
      response.on('close', () => events.push('response'));
      request.socket.on('close', () => events.push('socket'));
      act(response);
    });
    return withServer(
      container,
      async ({ port }) => {
        const client = await RawClient.connect(
          { port },
          'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n',
        );
        await waitUntil(() => events.length === 2);
        expect(new Set(events)).toEqual(new Set(['response', 'socket']));
        client.close();
      },
      { trustedProxies: ['127.0.0.1'] },
    );
  });
});

describe('a NodeContainer that is mounted at a path', () => {
  it('has the url without the path, and originalUrl and baseUrl as in Express', async () => {
    let seen: unknown;
    const container = new NodeContainer((request, response) => {
      const { url, baseUrl, originalUrl } = request as IncomingMessage & {
        baseUrl?: string;
        originalUrl?: string;
      };
      seen = { url, baseUrl, originalUrl };
      response.end();
    });
    const mounted: HTTPServerConnectionDelegate = {
      startRequest(exchange) {
        const inner = container.startRequest(exchange);
        return {
          headersReceived({ method, target, version, headers }) {
            const rest = target.slice('/api'.length);
            return inner.headersReceived({ method, target: rest, version, headers, mountPath: '/api' });
          },
          dataReceived: (chunk) => inner.dataReceived(chunk),
          finish: (trailers) => inner.finish(trailers),
          connectionClosed: (reason) => inner.connectionClosed(reason),
        };
      },
    };
    await withServer(mounted, async ({ port }) => {
      await converse(port, LAST_GET.replace('GET /', 'GET /api/users?a=b'));
    });
    expect(seen).toEqual({ url: '/users?a=b', baseUrl: '/api', originalUrl: '/api/users?a=b' });
  });
});

import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import httpProxy from 'http-proxy';
import { describe, expect, it } from 'vitest';
import { type WebSocket as ServerSocket, WebSocket, WebSocketServer } from 'ws';
import { NodeContainer } from '../../src/node/index.ts';
import { RawClient } from '../fixtures/raw-client.ts';
import { waitUntil, withServer } from '../fixtures/running-server.ts';

const UPGRADE = 'GET /up HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\n';

const notFound = (
  _request: IncomingMessage,
  response: { writeHead(status: number): { end(): void } },
): void => response.writeHead(404).end();

/** A container whose WebSockets echo. */
function echoing(connected: (socket: ServerSocket) => void = () => {}): NodeContainer {
  const sockets = new WebSocketServer({ noServer: true });
  sockets.on('connection', (socket) => {
    connected(socket);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return new NodeContainer(notFound, {
    onUpgrade: (request, socket, head) =>
      sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client, request)),
  });
}

async function echoOf(url: string, message: string): Promise<string> {
  const socket = new WebSocket(url);
  const echo = new Promise<string>((resolve, reject) => {
    socket.on('open', () => socket.send(message));
    socket.on('message', (data) => resolve(String(data)));
    socket.on('error', reject);
  });
  const text = await echo;
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.close(1000);
  expect(await closed).toBe(1000);
  return text;
}

describe('onUpgrade', () => {
  it('serves WebSockets of the package ws', () =>
    withServer(echoing(), async ({ port }) => {
      expect(await echoOf(`ws://127.0.0.1:${port}/chat`, 'hello')).toBe('hello');
      const large = 'x'.repeat(300_000);
      expect(await echoOf(`ws://127.0.0.1:${port}/chat`, large)).toBe(large);
    }));

  it('proxies WebSockets with http-proxy', () =>
    withServer(echoing(), async ({ port: target }) => {
      const proxy = httpProxy.createProxyServer({ target: `ws://127.0.0.1:${target}` });
      const container = new NodeContainer((request, response) => proxy.web(request, response), {
        onUpgrade: (request, socket, head) => proxy.ws(request, socket, head),
      });
      await withServer(container, async ({ port }) => {
        expect(await echoOf(`ws://127.0.0.1:${port}/`, 'through')).toBe('through');
      });
      proxy.close();
    }));

  it('gets a Duplex with the addresses of the connection, which is the socket of the request', () => {
    let socket!: Duplex & { readonly remoteAddress?: string; readonly remotePort?: number };
    let request!: IncomingMessage;
    let head!: Buffer;
    const container = new NodeContainer(notFound, {
      onUpgrade(...args) {
        [request, socket, head] = args;
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
        socket.pipe(socket);
      },
    });
    return withServer(container, async ({ port }) => {
      const client = await RawClient.connect({ port }, `${UPGRADE}early`);
      await client.until((text) => text.endsWith('early'));
      expect(request.socket).toBe(socket);
      const { bytesRead, bytesWritten } = socket as unknown as Socket;
      expect([bytesRead, bytesWritten]).toEqual([UPGRADE.length + 'early'.length, client.received.length]);
      expect(request).toMatchObject({ upgrade: true, url: '/up' });
      expect(head.length).toBe(0);
      expect([socket.remoteAddress, socket.remotePort]).toEqual(['127.0.0.1', client.socket.localPort]);
      client.send(' and late');
      await client.until((text) => text.endsWith('early and late'));
      client.socket.end();
      await client.untilEnd();
    });
  });

  it('emits timeout on a socket that is inactive', () => {
    let events = 0;
    const container = new NodeContainer(notFound, {
      onUpgrade(_request, socket) {
        (socket as unknown as IncomingMessage['socket']).setTimeout(1, () => {
          events += 1;
          socket.end('bye');
        });
      },
    });
    return withServer(container, async ({ port }) => {
      const client = await RawClient.connect({ port }, UPGRADE);
      expect(await client.untilEnd()).toBe('bye');
      client.close();
      expect(events).toBe(1);
    });
  });

  it('survives a client that resets the connection before there is a listener', () => {
    let socket: Duplex | undefined;
    const container = new NodeContainer(notFound, {
      onUpgrade: (_request, current) => {
        socket = current;
      },
    });
    return withServer(container, async ({ port }) => {
      const client = await RawClient.connect({ port }, UPGRADE);
      await waitUntil(() => socket !== undefined);
      socket?.resume();
      client.reset();
      await waitUntil(() => socket?.destroyed === true);
    });
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no upgrade');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no upgrade'))],
  ])('has its socket destroyed and its error logged if it %s', (_how, onUpgrade) =>
    withServer(new NodeContainer(notFound, { onUpgrade, logger: quiet() }), async ({ port }) => {
      const client = await RawClient.connect({ port }, UPGRADE);
      expect(await client.untilEnd()).toBe('');
      expect(logged).toEqual(['handling an upgrade failed']);
    }),
  );

  it('is not called for other requests, nor needed for requests to upgrade', () => {
    let upgrades = 0;
    const container = new NodeContainer(
      (request, response) => void response.end(`upgrade: ${(request as { upgrade?: boolean }).upgrade}`),
      {
        onUpgrade: () => {
          upgrades += 1;
        },
      },
    );
    const plain = new NodeContainer(
      (request, response) => void response.end(`upgrade: ${(request as { upgrade?: boolean }).upgrade}`),
    );
    return withServer(container, async ({ port }) => {
      const client = await RawClient.connect(
        { port },
        'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      );
      expect(await client.untilEnd()).toMatch(/false$/);
      expect(upgrades).toBe(0);
      await withServer(plain, async (other) => {
        const upgrading = await RawClient.connect({ port: other.port }, UPGRADE);
        await upgrading.until((text) => text.endsWith('false'));
        upgrading.close();
      });
    });
  });

  it.each([
    ['closes', '', true],
    ['sends bytes that nothing reads and closes', 'unread', true],
    ['sends more than is buffered, and closes', 'x'.repeat(300_000), true],
    ['sends bytes that nothing reads and stays', 'unread', false],
  ])('may end the socket without reading it: the client %s', (_how, bytes, closes) => {
    let socket: Duplex | undefined;
    const container = new NodeContainer(notFound, {
      onUpgrade(_request, current) {
        socket = current;
        current.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
      },
    });
    return withServer(container, async ({ port, server }) => {
      // A client that sends its end only when told to.
      const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      let received = '';
      client.on('data', (chunk) => {
        received += chunk;
      });
      client.on('error', () => {});
      client.write(`${UPGRADE}${bytes}`);
      await new Promise((resolve) => client.once('end', resolve));
      expect(received).toMatch(/^HTTP\/1\.1 401 /);
      if (closes) client.end();
      await waitUntil(() => socket?.closed === true);
      client.destroy();
      expect((await server.stop({ graceMs: 0 })).cut).toBe(0);
    });
  });

  it('reads on after it has ended the socket', () => {
    let read = '';
    let socket: Duplex | undefined;
    const container = new NodeContainer(notFound, {
      onUpgrade(_request, current) {
        socket = current;
        current.on('data', (chunk) => {
          read += chunk;
        });
        current.end('bye');
      },
    });
    return withServer(container, async ({ port }) => {
      const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      client.resume();
      client.write(UPGRADE);
      await new Promise((resolve) => client.once('end', resolve));
      client.end('after');
      await waitUntil(() => socket?.closed === true);
      expect(read).toBe('after');
    });
  });

  it('has its sockets ended when the server stops', () => {
    let connected = 0;
    return withServer(
      echoing(() => (connected += 1)),
      async ({ port, server }) => {
        const client = new WebSocket(`ws://127.0.0.1:${port}/`);
        const closed = new Promise((resolve) => client.once('close', resolve));
        await waitUntil(() => connected === 1);
        const result = await server.stop({ graceMs: 0 });
        await closed;
        expect(result.cut).toBe(0);
      },
    );
  });
});

describe('CONNECT', () => {
  it('is refused with 501', () => {
    let calls = 0;
    return withServer(
      new NodeContainer(() => {
        calls += 1;
      }),
      async ({ port }) => {
        const socket = connect(port, '127.0.0.1');
        let received = '';
        socket.on('data', (chunk) => {
          received += chunk;
        });
        socket.write('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n');
        await new Promise((resolve) => socket.once('close', resolve));
        expect(received).toMatch(/^HTTP\/1\.1 501 Not Implemented\r\n/);
        expect(calls).toBe(0);
      },
    );
  });
});

let logged: string[] = [];

function quiet(): {
  debug(): void;
  info(): void;
  warn(): void;
  error(details: object, message: string): void;
} {
  logged = [];
  return { debug() {}, info() {}, warn() {}, error: (_details, message) => void logged.push(message) };
}

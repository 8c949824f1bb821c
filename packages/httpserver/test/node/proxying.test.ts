import { createHash, randomBytes } from 'node:crypto';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import httpProxy from 'http-proxy';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { NodeContainer } from '../../src/node/index.ts';
import { RawClient } from '../fixtures/raw-client.ts';
import { type RunningServer, waitUntil, withServer } from '../fixtures/running-server.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
// http-proxy proxies nothing else than WebSockets, but does not look at what is in them.
const UPGRADE = 'GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

interface Target {
  readonly handle?: (request: IncomingMessage, response: ServerResponse) => void;
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

interface Proxied extends RunningServer {
  /** The errors that http-proxy has reported. */
  readonly errors: string[];
  readonly targetPort: number;
}

/** Runs a server of node:http, and in front of it http-proxy in a NodeContainer. */
async function withProxy(
  { handle = () => {}, upgrade }: Target,
  test: (proxied: Proxied) => Promise<void>,
): Promise<void> {
  const target = createServer(handle);
  if (upgrade !== undefined) target.on('upgrade', upgrade);
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  const { port: targetPort } = target.address() as AddressInfo;
  const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${targetPort}`, xfwd: true });
  const errors: string[] = [];
  proxy.on('error', (error, _request, response) => {
    errors.push((error as NodeJS.ErrnoException).code ?? error.message);
    // After the head, http-proxy leaves what to do to the program.
    if ('writeHead' in response && !response.headersSent) response.writeHead(502).end('bad gateway');
    else response.destroy();
  });
  // Without these, http-proxy ends nothing in the middle of a response, on node:http neither.
  proxy.on('proxyReq', (toTarget, _request, response) => {
    response.once('close', () => toTarget.destroy());
  });
  proxy.on('proxyRes', (fromTarget, _request, response) => {
    fromTarget.once('error', () => response.destroy());
  });
  const container = new NodeContainer((request, response) => proxy.web(request, response), {
    onUpgrade: (request, socket, head) => proxy.ws(request, socket, head),
  });
  try {
    await withServer(container, (running) => test({ ...running, errors, targetPort }));
  } finally {
    proxy.close();
    target.closeAllConnections();
    if (target.listening) await new Promise((resolve) => target.close(resolve));
  }
}

/** More than all sockets and queues between the target and the client hold. */
const MAX_IN_FLIGHT = 64 * 1024 * 1024;

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Sends a request and receives its response as far as it arrives. */
function exchange(
  port: number,
  body?: Uint8Array,
): Promise<{ status: number | undefined; body: Buffer; isWhole: boolean; headers: object }> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const request = httpRequest({ port, host: '127.0.0.1', method, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece) => void pieces.push(piece));
      response.on('error', () => {});
      response.on('close', () => {
        const { statusCode: status, complete: isWhole, headers } = response;
        resolve({ status, body: Buffer.concat(pieces), isWhole, headers });
      });
    });
    request.end(body);
  });
}

describe('proxy.web of http-proxy in a NodeContainer', () => {
  it('passes large bodies in both directions', () =>
    withProxy({ handle: (request, response) => void request.pipe(response) }, async ({ port }) => {
      const sent = randomBytes(20_000_000);
      const { status, body, isWhole } = await exchange(port, sent);
      expect([status, isWhole, hashOf(body)]).toEqual([200, true, hashOf(sent)]);
    }));

  it('tells the target about the client, and the client about the target', () =>
    withProxy(
      {
        handle(request, response) {
          response.setHeader('Set-Cookie', ['a=1', 'b=2']);
          response.writeHead(299, 'Own Reason', { 'X-Seen': String(request.headers['x-forwarded-for']) });
          response.end();
        },
      },
      async ({ port }) => {
        const { status, headers } = await exchange(port);
        expect(status).toBe(299);
        expect(headers).toMatchObject({ 'set-cookie': ['a=1', 'b=2'], 'x-seen': '127.0.0.1' });
      },
    ));

  it('lets the target wait while the client does not read', () => {
    let written = 0;
    let isPaused = false;
    const piece = Buffer.alloc(64 * 1024);
    const write = (response: ServerResponse): void => {
      while (response.write(piece)) written += piece.length;
      isPaused = true;
      response.once('drain', () => write(response));
    };
    return withProxy({ handle: (_request, response) => write(response) }, async ({ port }) => {
      const client = await RawClient.connect({ port }, GET);
      client.socket.pause();
      // Without back-pressure, something would be written between some of the looks, until it is too much.
      let last = -1;
      let stillLooks = 0;
      await waitUntil(() => {
        stillLooks = isPaused && written === last ? stillLooks + 1 : 0;
        last = written;
        return stillLooks === 20 || written > MAX_IN_FLIGHT;
      });
      expect(written).toBeLessThan(MAX_IN_FLIGHT);
      client.close();
    });
  });

  it('reports a target that is not there before the response', () => {
    const target = createServer();
    return new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve)).then(async () => {
      const { port: closedPort } = target.address() as AddressInfo;
      await new Promise((resolve) => target.close(resolve));
      const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${closedPort}` });
      const container = new NodeContainer((request, response) => {
        proxy.web(request, response, {}, (error) => {
          response.writeHead(502).end((error as NodeJS.ErrnoException).code);
        });
      });
      await withServer(container, async ({ port }) => {
        const { status, body } = await exchange(port);
        expect([status, String(body)]).toEqual([502, 'ECONNREFUSED']);
        const upload = await exchange(port, new Uint8Array(10));
        expect(upload.status).toBe(502);
      });
    });
  });

  it('is a 502 if the target ends the connection before it responds', () =>
    withProxy({ handle: (request) => void request.socket.destroy() }, async ({ port, errors }) => {
      expect(await exchange(port, new Uint8Array(1_000))).toMatchObject({ status: 502, isWhole: true });
      expect(errors).toEqual(['ECONNRESET']);
    }));

  it('cuts the response if the target fails in the middle of it', () => {
    let fail: () => void = () => {};
    return withProxy(
      {
        handle(_request, response) {
          response.writeHead(200, { 'Content-Length': '1000000' });
          response.write('begun');
          fail = () => response.destroy();
        },
      },
      async ({ port }) => {
        const client = await RawClient.connect({ port }, GET);
        await client.until((received) => received.endsWith('begun'));
        fail();
        expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nbegun$/);
        client.close();
      },
    );
  });

  it.each([
    ['before the response', (_response: ServerResponse) => {}],
    ['in the middle of the response', (response: ServerResponse) => void response.write('begun')],
  ])('ends the request to the target if the client leaves %s', (_when, begin) => {
    let hasStarted = false;
    let isClosed = false;
    return withProxy(
      {
        handle(_request, response) {
          response.on('close', () => {
            isClosed = true;
          });
          begin(response);
          hasStarted = true;
        },
      },
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, GET);
        await waitUntil(() => hasStarted);
        client.reset();
        await waitUntil(() => isClosed);
        expect(records.filter(({ level }) => level === 'error')).toEqual([]);
      },
    );
  });

  it('ends the request to the target if the client leaves in the middle of its body', () => {
    let hasBody = false;
    let isClosed = false;
    return withProxy(
      {
        handle(request, response) {
          request.once('data', () => {
            hasBody = true;
          });
          response.on('close', () => {
            isClosed = true;
          });
        },
      },
      async ({ port, records }) => {
        const client = await RawClient.connect({ port });
        client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\nbegun');
        await waitUntil(() => hasBody);
        client.reset();
        await waitUntil(() => isClosed);
        expect(records.filter(({ level }) => level === 'error')).toEqual([]);
      },
    );
  });
});

describe('proxy.ws of http-proxy in a NodeContainer', () => {
  it('passes WebSocket messages in both directions, and the code of closing', async () => {
    const sockets = new WebSocketServer({ noServer: true });
    sockets.on('connection', (socket) => {
      socket.send('welcome');
      socket.on('message', (data, isBinary) => {
        if (String(data) === 'bye') socket.close(4001, 'as asked');
        else socket.send(data, { binary: isBinary });
      });
    });
    const upgrade: Target['upgrade'] = (request, socket, head) =>
      sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client, request));
    await withProxy({ upgrade }, async ({ port, errors }) => {
      const client = new WebSocket(`ws://127.0.0.1:${port}/chat`);
      const received: string[] = [];
      client.on('message', (data) => void received.push(hashOf(data as Buffer)));
      await waitUntil(() => received.length === 1);
      const large = randomBytes(5_000_000);
      client.send(large);
      client.send('text');
      await waitUntil(() => received.length === 3);
      expect(received.slice(1)).toEqual([hashOf(large), hashOf(Buffer.from('text'))]);
      const closed = new Promise((resolve) =>
        client.once('close', (code, reason) => resolve([code, `${reason}`])),
      );
      client.send('bye');
      expect(await closed).toEqual([4001, 'as asked']);
      expect(errors).toEqual([]);
    });
  });

  it('passes bytes that are sent with the request, and closing by the client', () => {
    let received = '';
    let isEnded = false;
    return withProxy(
      {
        upgrade(_request, socket, head) {
          socket.write(SWITCHING);
          received += head;
          socket.on('data', (chunk) => {
            received += chunk;
          });
          socket.on('end', () => socket.end());
          socket.on('close', () => {
            isEnded = true;
          });
        },
      },
      async ({ port }) => {
        const client = await RawClient.connect({ port }, `${UPGRADE}early`);
        await client.until((text) => text.includes('\r\n\r\n'));
        client.send(' late');
        await waitUntil(() => received === 'early late');
        client.socket.end();
        await waitUntil(() => isEnded);
        await client.untilEnd();
      },
    );
  });

  it.each<[string, (socket: Socket) => void]>([
    ['ends', (socket) => void socket.end('last')],
    ['resets', (socket) => void socket.resetAndDestroy()],
  ])('closes the connection of the client if the target %s its own', (how, close) =>
    withProxy(
      {
        upgrade(_request, socket) {
          socket.on('error', () => {});
          socket.write(`${SWITCHING}first`);
          socket.once('data', () => close(socket as Socket));
        },
      },
      async ({ port }) => {
        const client = await RawClient.connect({ port }, UPGRADE);
        await client.until((text) => text.endsWith('first'));
        client.send('close');
        expect(await client.untilEnd()).toMatch(how === 'ends' ? /firstlast$/ : /first$/);
        client.close();
      },
    ),
  );

  it('ends the connection to the target if the client resets its own', () => {
    let isOpen = false;
    let isClosed = false;
    return withProxy(
      {
        upgrade(_request, socket) {
          socket.on('error', () => {});
          socket.on('close', () => {
            isClosed = true;
          });
          socket.on('end', () => socket.end());
          socket.resume();
          socket.write(SWITCHING, () => {
            isOpen = true;
          });
        },
      },
      async ({ port, records }) => {
        const client = await RawClient.connect({ port }, UPGRADE);
        await client.until((text) => text.includes('\r\n\r\n'));
        await waitUntil(() => isOpen);
        client.reset();
        await waitUntil(() => isClosed);
        expect(records.filter(({ level }) => level === 'error')).toEqual([]);
      },
    );
  });

  it('passes a response of a target that refuses to upgrade', () =>
    withProxy(
      {
        upgrade: (_request, socket) =>
          void socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno'),
      },
      async ({ port }) => {
        const client = await RawClient.connect({ port }, UPGRADE);
        expect(await client.until((text) => text.endsWith('no'))).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
        client.close();
      },
    ));

  it('closes the connection of the client if the target is not there', () =>
    withProxy({ upgrade: (_request, socket) => void socket.destroy() }, async ({ port, errors }) => {
      const client = await RawClient.connect({ port }, UPGRADE);
      expect(await client.untilEnd()).toBe('');
      expect(errors).toEqual(['ECONNRESET']);
      client.close();
    }));
});

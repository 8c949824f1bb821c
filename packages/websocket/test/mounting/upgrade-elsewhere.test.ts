import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { toNodeHandler } from '@landspout/httpserver/node';
import { Application, RequestHandler } from '@landspout/web';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { WebSocketHandler, websocketConnect } from '../../src/index.ts';
import { RecordingLogger, until } from '../fixtures/running-application.ts';

class Echo extends WebSocketHandler {
  static closes: unknown[] = [];

  override onMessage(message: string | Uint8Array): void {
    void this.writeMessage(message);
  }

  override onClose(): void {
    Echo.closes.push(this.closeCode);
  }
}

class Page extends RequestHandler {
  override get(): void {
    this.write('a page');
  }
}

async function withNode(
  test: (server: { readonly url: string; readonly log: RecordingLogger; stop(): void }) => Promise<void>,
): Promise<void> {
  const log = new RecordingLogger();
  const stop = new AbortController();
  const application = new Application(
    [
      ['/echo', Echo],
      ['/', Page],
    ],
    { logger: log },
  );
  const handler = toNodeHandler(application, { logger: log, signal: stop.signal });
  const server = createServer(handler).on('upgrade', handler.upgrade);
  const sockets = new Set<Duplex>();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  Echo.closes = [];
  try {
    const { port } = server.address() as AddressInfo;
    await test({ url: `ws://127.0.0.1:${port}`, log, stop: () => stop.abort() });
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('a WebSocketHandler of an Application on node:http', () => {
  it('talks to the client of ws', async () => {
    await withNode(async ({ url, log }) => {
      const client = new WebSocket(`${url}/echo`);
      const received: string[] = [];
      client.on('message', (data) => received.push(String(data)));
      await new Promise((resolve) => client.once('open', resolve));
      client.send('one');
      client.send('x'.repeat(200_000));
      await until(() => received.length === 2);
      expect(received).toEqual(['one', 'x'.repeat(200_000)]);
      client.close(4001);
      await until(() => Echo.closes.length === 1);
      expect(Echo.closes).toEqual([4001]);
      expect(log.problems).toEqual([]);
    });
  });

  it('talks to our client', async () => {
    await withNode(async ({ url }) => {
      await using client = await websocketConnect(`${url}/echo`);
      await client.writeMessage('hello');
      expect(await client.readMessage()).toBe('hello');
    });
  });

  it('notices that the client leaves', async () => {
    await withNode(async ({ url }) => {
      const client = new WebSocket(`${url}/echo`);
      await new Promise((resolve) => client.once('open', resolve));
      client.terminate();
      await until(() => Echo.closes.length === 1);
    });
  });

  it('refuses an upgrade where there is no WebSocket, and serves pages beside it', async () => {
    await withNode(async ({ url }) => {
      const client = new WebSocket(`${url}/none`);
      const status = await new Promise((resolve) => {
        client.once('unexpected-response', (_request, response) => resolve(response.statusCode));
      });
      expect(status).toBe(404);
      client.on('error', () => {}).terminate();
      expect(await (await fetch(url.replace('ws', 'http'))).text()).toBe('a page');
    });
  });

  it('is closed with 1012 when the signal says that the server stops', async () => {
    await withNode(async ({ url, stop }) => {
      const client = new WebSocket(`${url}/echo`);
      await new Promise((resolve) => client.once('open', resolve));
      const code = new Promise((resolve) => client.once('close', resolve));
      stop();
      expect(await code).toBe(1012);
    });
  });
});

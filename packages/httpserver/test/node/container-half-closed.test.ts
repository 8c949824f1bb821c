import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { describe, expect, it } from 'vitest';
import { NodeContainer } from '../../src/node/index.ts';
import { RawClient } from '../fixtures/raw-client.ts';
import { waitUntil, withServer } from '../fixtures/running-server.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

const servers: Record<string, (handler: RequestListener, test: (port: number) => Promise<void>) => unknown> =
  {
    'node:http': async (handler, test) => {
      const server = createServer(handler);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      await test((server.address() as AddressInfo).port);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    NodeContainer: (handler, test) => withServer(new NodeContainer(handler), ({ port }) => test(port)),
  };

describe.each(Object.entries(servers))('a client of %s that ends its side', (_name, withListener) => {
  it('has left while an Express handler waits: the response emits close', async () => {
    const events: string[] = [];
    const app = express();
    app.get('/', (request, response) => {
      request.on('aborted', () => events.push('aborted'));
      response.on('finish', () => events.push('finish'));
      response.on('close', () => events.push('close'));
      events.push('waiting');
    });
    await withListener(app, async (port) => {
      const client = await RawClient.connect({ port }, GET);
      await waitUntil(() => events.length > 0);
      client.socket.end();
      await client.untilEnd();
      await waitUntil(() => events.includes('close'));
      expect(events).toEqual(['waiting', 'aborted', 'close']);
      expect(client.received).toBe('');
    });
  });

  it('has left in the middle of a stream, which can be stopped', async () => {
    let isStopped = false;
    await withListener(
      (_request, response) => {
        response.write('x');
        response.on('close', () => {
          isStopped = true;
        });
      },
      async (port) => {
        const client = await RawClient.connect({ port }, GET);
        await client.until((text) => text.includes('x'));
        client.socket.end();
        await waitUntil(() => isStopped);
        await client.untilEnd();
      },
    );
  });

  it('gets a response that was complete, also if it reads slowly', async () => {
    const length = 12 * 1024 * 1024;
    let hasEnded = false;
    await withListener(
      (_request, response) => {
        response.end('x'.repeat(length));
        hasEnded = true;
      },
      async (port) => {
        const client = await RawClient.connect({ port });
        client.socket.pause();
        client.send(GET);
        await waitUntil(() => hasEnded);
        client.socket.end();
        client.socket.resume();
        const received = await client.untilEnd();
        expect(received.length - received.indexOf('\r\n\r\n') - 4).toBe(length);
      },
    );
  });
});

describe('a client of NodeContainer with halfOpen that ends its side', () => {
  it('gets its response, and no event says that it has left', async () => {
    const events: string[] = [];
    let respond: (() => void) | undefined;
    const container = new NodeContainer(
      (request, response) => {
        request.on('aborted', () => events.push('aborted'));
        response.on('close', () => events.push('close'));
        respond = () => void response.end('complete', () => events.push('ended'));
      },
      { halfOpen: true },
    );
    await withServer(container, async ({ port }) => {
      const client = await RawClient.connect({ port }, GET);
      await waitUntil(() => respond !== undefined);
      client.socket.end();
      await new Promise((resolve) => setImmediate(resolve));
      respond?.();
      expect(await client.untilEnd()).toMatch(/complete$/);
      expect(events).toEqual(['ended', 'close']);
    });
  });
});

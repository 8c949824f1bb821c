import { Hono } from 'hono';
import { hc } from 'hono/client';
import { cors } from 'hono/cors';
import { logger } from 'hono/logger';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { WebSocket as WsClient } from 'ws';
import type { ServerWebSocket } from '../../src/fetch/index.ts';
import { upgradeWebSocket } from '../../src/hono/index.ts';
import { websocketConnect } from '../../src/index.ts';
import { WebSocket } from '../../src/web-socket/index.ts';
import { RawClient, upgradeText } from '../fixtures/raw-client.ts';
import { until } from '../fixtures/running-application.ts';
import { withFetch } from './fetch-server.ts';

describe('upgradeWebSocket for Hono', () => {
  it('calls the callbacks of the route, with the context of the request', () => {
    const calls: unknown[] = [];
    const app = new Hono().get(
      '/rooms/:room',
      upgradeWebSocket((c) => ({
        onOpen: (_event, ws) => {
          calls.push(['open', ws.readyState, ws.url?.pathname]);
          ws.send(`welcome to ${c.req.param('room')}`);
        },
        onMessage: (event, ws) => {
          calls.push(['message', event.data]);
          ws.send(`${event.data}!`);
        },
        onClose: (event) => calls.push(['close', event.code, event.reason]),
        onError: () => calls.push(['error']),
      })),
    );
    return withFetch(app.fetch, async ({ url, log }) => {
      const client = await websocketConnect(`${url}/rooms/blue`);
      expect(await client.readMessage()).toBe('welcome to blue');
      await client.writeMessage('hi');
      expect(await client.readMessage()).toBe('hi!');
      client.close(4000, 'done');
      await client.waitClosed();
      await until(() => calls.length === 3);
      expect(calls).toEqual([
        ['open', 1, '/rooms/blue'],
        ['message', 'hi'],
        ['close', 4000, 'done'],
      ]);
      expect(log.problems).toEqual([]);
    });
  });

  it('is connected to by the typed client', () => {
    const app = new Hono()
      .get('/plain', (c) => c.text('plain'))
      .get(
        '/ws',
        upgradeWebSocket(() => ({ onMessage: (event, ws) => ws.send(String(event.data)) })),
      );
    return withFetch(app.fetch, async ({ url }) => {
      const client = hc<typeof app>(url.replace('ws:', 'http:'), {
        webSocket: (target: string | URL) => new WebSocket(target) as never,
      });
      expect(await (await client.plain.$get()).text()).toBe('plain');
      const socket = client.ws.$ws() as unknown as WebSocket;
      const received = new Promise((resolve) => {
        socket.onmessage = ({ data }) => resolve(data);
      });
      socket.onopen = () => socket.send('typed');
      expect(await received).toBe('typed');
      socket.close();
    });
  });

  it('works after middleware that changes the response', () => {
    const lines: string[] = [];
    const app = new Hono();
    app.use(cors());
    app.use(logger((line) => lines.push(line)));
    app.get(
      '/',
      upgradeWebSocket(() => ({ onOpen: (_event, ws) => ws.close(1000) })),
    );
    return withFetch(app.fetch, async ({ url, log }) => {
      const client = await websocketConnect(url);
      await client.waitClosed();
      expect(client.closeCode).toBe(1000);
      await until(() => lines.length === 2);
      expect(log.problems).toEqual([]);
    });
  });

  it('upgrades in a handler too, called with the callbacks', () => {
    const app = new Hono().get('/', async (c) => {
      if (c.req.query('token') !== 'right') return c.text('wrong token', 401);
      return upgradeWebSocket(c, { onOpen: (_event, ws) => ws.send('in') });
    });
    return withFetch(app.fetch, async ({ url, port }) => {
      const client = await websocketConnect(`${url}/?token=right`);
      expect(await client.readMessage()).toBe('in');
      client.close();
      await client.waitClosed();
      const refused = await RawClient.ask(port, upgradeText('/'));
      expect(refused.status).toBe(401);
      refused.socket.destroy();
    });
  });

  it('passes other requests on to the next handler', () => {
    const app = new Hono().get(
      '/',
      upgradeWebSocket(() => ({})),
      (c) => c.text('a page'),
    );
    return withFetch(app.fetch, async ({ url }) => {
      const response = await fetch(url.replace('ws:', 'http:'));
      expect(await response.text()).toBe('a page');
    });
  });

  it('responds to refused upgrades by itself', () => {
    const app = new Hono().get(
      '/',
      upgradeWebSocket(() => ({}), { allowedOrigins: ['https://a.example'] }),
    );
    app.onError((_error, c) => c.text('not called', 500));
    return withFetch(app.fetch, async ({ port, log }) => {
      const statusOf = async (changes: Record<string, string>): Promise<number> => {
        const client = await RawClient.ask(port, upgradeText('/', changes));
        client.socket.destroy();
        return client.status;
      };
      expect(await statusOf({ Origin: 'https://b.example' })).toBe(403);
      expect(await statusOf({ 'Sec-WebSocket-Version': '7' })).toBe(426);
      expect(await statusOf({ Origin: 'https://a.example' })).toBe(101);
      expect(log.problems).toEqual([]);
    });
  });

  it('chooses the first subprotocol that is offered, unless the options choose', () => {
    const app = new Hono()
      .get(
        '/first',
        upgradeWebSocket(() => ({})),
      )
      .get(
        '/own',
        upgradeWebSocket(() => ({}), { subprotocols: ['b'] }),
      );
    return withFetch(app.fetch, async ({ url }) => {
      for (const [path, chosen] of [
        ['first', 'a'],
        ['own', 'b'],
      ]) {
        const client = await websocketConnect(`${url}/${path}`, { subprotocols: ['a', 'b'] });
        expect(client.selectedSubprotocol).toBe(chosen);
        client.close();
        await client.waitClosed();
      }
    });
  });

  it('has the socket as raw', () => {
    const app = new Hono().get(
      '/',
      upgradeWebSocket(() => ({
        onOpen: async (_event, ws) => {
          expectTypeOf(ws.raw).toEqualTypeOf<ServerWebSocket | undefined>();
          await ws.raw?.writeMessage({ json: true });
        },
      })),
    );
    return withFetch(app.fetch, async ({ url }) => {
      const client = new WsClient(url);
      const text = await new Promise((resolve) => client.once('message', (data) => resolve(String(data))));
      expect(text).toBe('{"json":true}');
      client.terminate();
    });
  });
});

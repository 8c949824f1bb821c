import { FetchContainer } from '@landspout/httpserver/fetch';
import { Application, mount } from '@landspout/web';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { upgradeWebSocket } from '../../src/hono/index.ts';
import { websocketConnect } from '../../src/index.ts';
import { RawClient, upgradeText } from '../fixtures/raw-client.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { withApp } from '../fixtures/running-application.ts';

const hono = new Hono()
  .get('/page', (c) => c.text('a page'))
  .get(
    '/echo',
    upgradeWebSocket(() => ({
      onMessage: (event, ws) => ws.send(`${ws.url?.pathname}: ${event.data}`),
    })),
  );

const ROUTES = [mount('/api', new FetchContainer(hono.fetch)), ['/own', RecordingHandler]] as const;

describe('upgradeWebSocket in an Application', () => {
  it('upgrades next to the handlers of the application, and is closed when the server stops', () => {
    RecordingHandler.reset();
    return withApp([...ROUTES], async ({ url, server, log }) => {
      const mounted = await websocketConnect(`${url}/api/echo`);
      const own = await websocketConnect(`${url}/own`);
      for (const [client, reply] of [
        // The prefix is not part of the URL that the handler sees.
        [mounted, '/echo: hello'],
        [own, 'hello'],
      ] as const) {
        await client.writeMessage('hello');
        expect(await client.readMessage()).toBe(reply);
      }
      const response = await fetch(`${url.replace('ws:', 'http:')}/api/page`);
      expect(await response.text()).toBe('a page');
      const stopping = server.stop({ drainMs: 30_000 });
      for (const client of [mounted, own]) {
        expect(await client.readMessage()).toBeNull();
        expect(client.closeCode).toBe(1012);
      }
      await stopping;
      expect(log.problems).toEqual([]);
    });
  });

  it('refuses pages of other origins', () =>
    withApp([...ROUTES], async ({ port }) => {
      const client = await RawClient.ask(port, upgradeText('/api/echo', { Origin: 'https://evil.example' }));
      expect(client.status).toBe(403);
      client.socket.destroy();
    }));

  it.each([
    ['/api/where', 'rebound.evil', 'http://rebound.evil', 403],
    ['/deep/api/where', 'rebound.evil', 'http://rebound.evil', 403],
    ['/api/where', 'internal:8080', 'https://app.example.com', 101],
    ['/deep/api/where', 'internal:8080', 'https://app.example.com', 101],
    ['/api/where', 'internal:8080', 'https://b.example.com', 101],
    ['/api/where', 'internal:8080', 'https://listed.example.com', 101],
  ])('compares with publicOrigin: %s at %s from %s gives %i', (target, Host, Origin, status) => {
    const fetchHandler = new Hono().get(
      '/where',
      upgradeWebSocket((c) => ({ onOpen: (_event, ws) => ws.send(`${ws.url?.href} ${c.req.url}`) }), {
        allowedOrigins: ['https://listed.example.com'],
      }),
    ).fetch;
    const api = mount('/api', new FetchContainer(fetchHandler));
    return withApp(
      [api, mount('/deep', new Application([api]))],
      async ({ port }) => {
        const client = await RawClient.ask(port, upgradeText(target, { Host, Origin }));
        expect(client.status).toBe(status);
        if (status === 101)
          expect(await client.frame()).toBe('text wss://app.example.com/where https://app.example.com/where');
        client.socket.destroy();
      },
      {},
      { publicOrigin: ['https://app.example.com', 'https://b.example.com'] },
    );
  });
});

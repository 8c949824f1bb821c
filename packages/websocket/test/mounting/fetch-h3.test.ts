import bunnyAdapter from 'crossws/adapters/bunny';
import { defineWebSocketHandler, H3 } from 'h3';
import { describe, expect, it } from 'vitest';
import { upgradeWebSocket } from '../../src/fetch/index.ts';
import { websocketConnect } from '../../src/index.ts';
import { until } from '../fixtures/running-application.ts';
import { withFetch } from './fetch-server.ts';

describe('a WebSocket handler of h3', () => {
  it('is served through the adapter of crossws that calls upgradeWebSocket of the request', () => {
    const calls: string[] = [];
    const app = new H3();
    app.get('/page', () => 'a page');
    app.get(
      '/chat',
      defineWebSocketHandler({
        open(peer) {
          peer.subscribe('news');
          calls.push('open');
        },
        message(peer, message) {
          calls.push(message.text());
          peer.send(`you: ${message.text()}`);
          peer.publish('news', `they: ${message.text()}`);
        },
        close: (_peer, { code }) => void calls.push(`close ${code}`),
      }),
    );
    const crossws = bunnyAdapter({
      resolve: async (request) =>
        ((await app.fetch(request as Request)) as { crossws?: object }).crossws ?? {},
    });
    const handler = (request: Request): Response | Promise<Response> => {
      if (request.headers.get('Upgrade') !== 'websocket') return app.fetch(request);
      const upgrade = { upgradeWebSocket: () => upgradeWebSocket(request) };
      return crossws.handleUpgrade(Object.assign(request, upgrade));
    };
    return withFetch(handler, async ({ url, log }) => {
      const [one, two] = await Promise.all([
        websocketConnect(`${url}/chat`),
        websocketConnect(`${url}/chat`),
      ]);
      await until(() => calls.length === 2);
      const response = await fetch(`${url.replace('ws:', 'http:')}/page`);
      expect(await response.text()).toBe('a page');
      await two.writeMessage('first');
      expect(await two.readMessage()).toBe('you: first');
      expect(await one.readMessage()).toBe('they: first');
      one.close(4000);
      two.close();
      await Promise.all([one.waitClosed(), two.waitClosed()]);
      await until(() => calls.length === 5);
      expect(calls.sort()).toEqual(['close 1005', 'close 4000', 'first', 'open', 'open']);
      expect(log.problems).toEqual([]);
    });
  });
});

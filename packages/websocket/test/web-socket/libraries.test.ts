// A library that takes a WebSocket class: the GraphQL client that most programs use.

import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import type { WebSocket as Peer } from 'ws';
import { WebSocket } from '../../src/web-socket/index.ts';
import { withWsServer } from '../fixtures/ws-server.ts';

/** The server's side of the protocol graphql-transport-ws. It sends five results for each query. */
function serveResults(peer: Peer): void {
  const send = (message: object): void => peer.send(JSON.stringify(message));
  peer.on('message', (data) => {
    const { type, id } = JSON.parse(String(data)) as { type: string; id?: string };
    if (type === 'connection_init') send({ type: 'connection_ack' });
    if (type === 'ping') send({ type: 'pong' });
    if (type !== 'subscribe') return;
    for (let count = 0; count < 5; count += 1) send({ type: 'next', id, payload: { data: { count } } });
    send({ type: 'complete', id });
  });
}

describe('WebSocket in graphql-ws', () => {
  it('runs subscriptions, and connects again after a loss [WS-20]', () =>
    withWsServer(
      serveResults,
      async ({ url, server }) => {
        const client = createClient({
          url: `${url}/graphql`,
          webSocketImpl: WebSocket,
          retryWait: async () => {},
          lazy: false,
          onNonLazyError: () => {},
        });
        const results = async (): Promise<unknown[]> => {
          const received: unknown[] = [];
          for await (const { data } of client.iterate({ query: 'subscription { count }' }))
            received.push(data?.count);
          return received;
        };
        expect(await results()).toEqual([0, 1, 2, 3, 4]);
        for (const peer of server.clients) peer.terminate();
        expect(await results()).toEqual([0, 1, 2, 3, 4]);
        expect([...server.clients].map((peer) => peer.protocol)).toEqual(['graphql-transport-ws']);
        await client.dispose();
      },
      { ws: { handleProtocols: () => 'graphql-transport-ws' } },
    ));
});

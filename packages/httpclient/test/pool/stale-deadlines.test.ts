import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { deferred, waitUntil, withClient, withNodeServer } from '../fixtures/servers.ts';

describe('a connection that passes from one request to the next', () => {
  it.each([0, 2_000, 60_000])(
    'does not take along the deadline of the first: %i ms',
    async (requestTimeoutMs) => {
      const clock = new VirtualClock();
      const gate = deferred();
      await withNodeServer(
        async (request, response) => {
          if (request.url === '/second') await gate.promise;
          response.end(request.url);
        },
        ({ url, sockets }) =>
          withClient({ loop: new IOLoop({ clock }), maxConnectionsPerOrigin: 1 }, async (client) => {
            const first = client.fetch(`${url}/first`, { requestTimeoutMs: 5_000 });
            const second = client.fetch(`${url}/second`, { requestTimeoutMs, connectTimeoutMs: 0 });
            await first;
            await waitUntil(() => client.queuedCount === 0);
            await clock.advance(requestTimeoutMs === 2_000 ? 1_900 : 20_000);
            gate.resolve();
            expect((await second).text()).toBe('/second');
            expect(sockets).toHaveLength(1);
          }),
      );
    },
  );
});

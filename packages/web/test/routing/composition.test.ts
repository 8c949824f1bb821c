import { describe, expect, it } from 'vitest';
import { Application, HTTPServer, RequestHandler } from '../../src/index.ts';
import { ask, bodyOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

class Shows extends RequestHandler {
  override get(): void {
    this.write(`${this.request.path} ${JSON.stringify(this.pathParams)}`);
  }
}

describe('routes within routes', () => {
  it('match with all their prefixes, to any depth, and a miss inside goes on behind them [RT-02]', () =>
    withApp(
      [
        [
          '/api',
          [
            [
              '/v1',
              [
                ['/user/:id', Shows],
                ['/exact', Shows],
              ],
            ],
            ['/v2/:rest', Shows],
          ],
        ],
        ['/api/*all', Shows],
      ],
      async ({ port }) => {
        expect(bodyOf(await ask(port, '/api/v1/user/7'))).toBe('/api/v1/user/7 {"id":"7"}');
        expect(bodyOf(await ask(port, '/api/v1/exact'))).toBe('/api/v1/exact {}');
        expect(bodyOf(await ask(port, '/api/v2/x'))).toBe('/api/v2/x {"rest":"x"}');
        expect(bodyOf(await ask(port, '/api/v1/missing'))).toBe('/api/v1/missing {"all":"v1/missing"}');
        expect(statusOf(await ask(port, '/apiv1/exact'))).toBe(404);
      },
    ));

  it('are the root of several servers, and no match anywhere is a plain 404 [RT-02]', async () => {
    const app = new Application([['/api', [['/x', Shows]]]]);
    await using first = new HTTPServer(app);
    await using second = new HTTPServer(app);
    for (const server of [first, second]) {
      await server.listen({ port: 0, host: '127.0.0.1' });
      expect(statusOf(await ask(server.port, '/api/x'))).toBe(200);
      const missing = await ask(server.port, '/api');
      expect([statusOf(missing), bodyOf(missing).includes('404: Not Found')]).toEqual([404, true]);
    }
  });
});

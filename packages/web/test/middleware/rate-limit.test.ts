import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import {
  Application,
  type Middleware,
  type RateLimitOptions,
  RequestHandler,
  rateLimit,
  requestId,
} from '../../src/index.ts';
import { ask, bodyOf, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { RecordingLogger } from '../fixtures/running-application.ts';

class Hello extends RequestHandler {
  override get(): void {
    this.write('hello');
  }
}

/** Serves with a clock that stands still. A client can choose its address. */
async function limited(
  options: RateLimitOptions,
  test: (running: {
    readonly clock: VirtualClock;
    readonly log: RecordingLogger;
    readonly get: (...fields: string[]) => Promise<string>;
    readonly statuses: (...clients: string[]) => Promise<number[]>;
  }) => Promise<void>,
  before: readonly Middleware[] = [],
): Promise<void> {
  const clock = new VirtualClock();
  const log = new RecordingLogger();
  const middleware = [...before, rateLimit(options)];
  const app = new Application([['/', Hello]], { logger: log, clock, middleware });
  await using server = await app.listen({ port: 0, host: '127.0.0.1', trustedProxies: ['127.0.0.1'] });
  const get = (...fields: string[]) => ask(server.port, '/', 'GET', ...fields);
  const statuses = async (...clients: string[]) => {
    const found: number[] = [];
    for (const client of clients) found.push(statusOf(await get(`X-Forwarded-For: ${client}`)));
    return found;
  };
  await test({ clock, log, get, statuses });
}

describe('rateLimit', () => {
  it('refuses requests of an address beyond the burst with 429 and Retry-After, until there is a token', async () => {
    await limited({ limit: 2, windowMs: 10_000 }, async ({ clock, get, statuses }) => {
      expect(await statuses('192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2')).toEqual([
        200, 200, 429, 200,
      ]);
      await clock.advance(1_500);
      const refused = await get('X-Forwarded-For: 192.0.2.1');
      expect([statusOf(refused), headerOf(refused, 'Retry-After')]).toEqual([429, '4']);
      expect(bodyOf(refused)).toContain('429: Too Many Requests');
      await clock.advance(3_500);
      expect(await statuses('192.0.2.1', '192.0.2.1')).toEqual([200, 429]);
      await clock.advance(60_000);
      expect(await statuses('192.0.2.1', '192.0.2.1', '192.0.2.1')).toEqual([200, 200, 429]);
    });
  });

  it('counts an IPv6 client by its /64', async () => {
    await limited({ limit: 1 }, async ({ statuses }) => {
      expect(
        await statuses('2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:3::1', '2001:db8:1:2::3'),
      ).toEqual([200, 429, 200, 429]);
    });
  });

  it('counts by a key of the program, and does not limit requests without one', async () => {
    const key: RateLimitOptions['key'] = ({ request }) => request.headers.get('X-Key');
    await limited({ limit: 60, burst: 1, key }, async ({ clock, get }) => {
      const statusesOf = async (...keys: string[]) => {
        const found: number[] = [];
        for (const one of keys) found.push(statusOf(await get(`X-Key: ${one}`)));
        return found;
      };
      const long = 'k'.repeat(5_000);
      expect(await statusesOf('a', 'a', '__proto__', '__proto__', long, long, `${long}2`)).toEqual([
        200, 429, 200, 429, 200, 429, 200,
      ]);
      await clock.advance(1_000);
      expect(await statusesOf('a', 'a', long)).toEqual([200, 429, 200]);
      for (let at = 0; at < 3; at += 1) expect(statusOf(await get())).toBe(200);
    });
  });

  it('keeps a bounded number of entries', async () => {
    await limited({ limit: 1, maxEntries: 2 }, async ({ statuses }) => {
      expect(await statuses('192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.3', '192.0.2.1')).toEqual([
        200, 200, 200, 429, 200,
      ]);
    });
  });

  it('describes the limit in headers if it is told to, also in a 429', async () => {
    await limited({ limit: 2, windowMs: 60_000, headers: true }, async ({ clock, get }) => {
      const headersOf = (response: string) =>
        ['Limit', 'Remaining', 'Reset'].map((name) => headerOf(response, `RateLimit-${name}`));
      expect(headersOf(await get())).toEqual(['2', '1', '30']);
      await clock.advance(10_000);
      expect(headersOf(await get())).toEqual(['2', '0', '50']);
      expect(headersOf(await get())).toEqual(['2', '0', '50']);
    });
    await limited({ limit: 2 }, async ({ get }) => {
      expect(await get()).not.toContain('RateLimit-');
    });
  });

  it('logs one record per minute about refused requests', async () => {
    await limited(
      { limit: 1 },
      async ({ log, statuses }) => {
        expect(await statuses(...Array.from({ length: 5 }, () => '192.0.2.1'))).toEqual([
          200, 429, 429, 429, 429,
        ]);
        expect(log.records.map(({ level }) => level)).toEqual(['warn']);
        expect(log.records[0]?.message).toContain('the rate limit is exceeded');
        expect(log.records[0]?.details).toMatchObject({ status: 429, requestId: 'one' });
      },
      [requestId({ generate: () => 'one' })],
    );
  });

  it('refuses invalid options when it is made, and keys that are no strings', async () => {
    const wrong: [unknown, string][] = [
      [{}, 'limit: a whole number of 1 to'],
      [{ limit: 0 }, 'limit: a whole number of 1 to'],
      [{ limit: 1, windowMs: 0 }, 'windowMs: a number above 0'],
      [{ limit: 1, burst: 0.5 }, 'burst: a whole number'],
      [{ limit: 1, maxEntries: 1e9 }, 'maxEntries: a whole number'],
      [{ limit: 1, key: 'ip' }, 'key: a function'],
      [{ limit: 1, headers: 'yes' }, 'headers: true or false'],
      [{ limit: 1, window: 1 }, 'did you mean "windowMs"?'],
    ];
    for (const [options, message] of wrong) {
      expect(() => rateLimit(options as RateLimitOptions), message).toThrow(message);
    }
    await limited({ limit: 1, key: (async () => 'a') as never }, async ({ log, get }) => {
      expect(statusOf(await get())).toBe(500);
      expect(String(log.records[0]?.error)).toContain('key must return a string or undefined, got a Promise');
    });
  });
});

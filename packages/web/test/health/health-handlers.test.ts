import { AsyncLocalStorage } from 'node:async_hooks';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import {
  Application,
  type HealthCheck,
  LivenessHandler,
  type Middleware,
  ReadinessHandler,
  type RouteSpec,
} from '../../src/index.ts';
import { ask, bodyOf, headerOf, RawClient, requestText, statusOf } from '../fixtures/raw-client.ts';
import { signalled, withApp } from '../fixtures/running-application.ts';

const HANDLERS = [
  ['LivenessHandler', LivenessHandler],
  ['ReadinessHandler', ReadinessHandler],
] as const;

function ready(checks: Readonly<Record<string, HealthCheck>>, timeoutMs?: number): RouteSpec[] {
  return [['/readyz', ReadinessHandler, timeoutMs === undefined ? { checks } : { checks, timeoutMs }]];
}

/** Waits, turn by turn, until `condition` holds. The test's own timeout is the limit. */
async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe.each(HANDLERS)('%s', (_name, handler) => {
  it('responds 200 with JSON that is not stored, if there are no checks', () =>
    withApp([['/health', handler]], async ({ port }) => {
      const response = await ask(port, '/health');
      expect(statusOf(response)).toBe(200);
      expect(bodyOf(response)).toBe('{"status":"ok"}');
      expect(headerOf(response, 'Content-Type')).toBe('application/json; charset=UTF-8');
      expect(headerOf(response, 'Cache-Control')).toBe('no-store');
      expect(headerOf(response, 'ETag')).toBeUndefined();
    }));

  it('responds to HEAD without a body, and to other methods with 405', () =>
    withApp([['/health', handler]], async ({ port }) => {
      const head = await ask(port, '/health', 'HEAD');
      expect([statusOf(head), bodyOf(head)]).toEqual([200, '']);
      expect(statusOf(await ask(port, '/health', 'DELETE'))).toBe(405);
    }));

  it('responds 503 with the names of the checks that fail, and logs their errors only', () => {
    const checks: Record<string, HealthCheck> = {
      cache: () => {
        throw new Error('password=hunter2');
      },
      database: async () => {
        throw new Error('connect ECONNREFUSED 10.0.0.7');
      },
      disk: () => false,
      odd: () => Promise.reject(undefined),
      queue: async () => true,
      search: () => undefined,
    };
    return withApp([['/health', handler, { checks }]], async ({ port, log }) => {
      const response = await ask(port, '/health');
      expect(statusOf(response)).toBe(503);
      expect(headerOf(response, 'Cache-Control')).toBe('no-store');
      expect(JSON.parse(bodyOf(response))).toEqual({
        status: 'failing',
        failed: ['cache', 'database', 'disk', 'odd'],
      });
      expect(log.records.map(({ level, details }) => [level, details.check, String(details.error)])).toEqual(
        [
          ['warn', 'cache', 'Error: password=hunter2'],
          ['warn', 'disk', 'HealthCheckError: the health check "disk" resolved to false'],
          ['warn', 'database', 'Error: connect ECONNREFUSED 10.0.0.7'],
          ['warn', 'odd', 'HealthCheckError: the health check "odd" threw undefined'],
        ].sort((a, b) => order(log.records, a[1]) - order(log.records, b[1])),
      );
    });
  });

  it.each<[object, string]>([
    [{ check: {} }, 'unknown option "check": did you mean "checks"?'],
    [{ checks: [] }, 'checks must be an object of functions by name'],
    [{ checks: null }, 'checks must be an object of functions by name'],
    [{ checks: { database: 'up' } }, 'the check "database" must be a function'],
    [{ checks: { '': () => true } }, 'the name of a check must have 1 to 100 characters'],
    [
      { checks: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`c${i}`, () => true])) },
      'at most 64',
    ],
    [{ timeoutMs: 0 }, 'timeoutMs must be a number above 0'],
    [{ timeoutMs: Number.NaN }, 'timeoutMs must be a number above 0'],
    [{ timeoutMs: '2s' }, 'timeoutMs must be a number above 0'],
  ])('refuses an init: %2$s', (init, problem) => {
    const make = () => new Application([['/health', handler, init as object]]);
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_WEB_ROUTE' }));
    expect(make).toThrow(problem);
  });
});

describe('LivenessHandler', () => {
  it('responds 200 while the server stops', () =>
    withApp([['/livez', LivenessHandler]], async ({ port, server }) => {
      const client = await RawClient.connect(port, requestText('/livez'));
      await client.until('"ok"}');
      const stopped = server.stop({ graceMs: 60_000, drainMs: 60_000 });
      client.send(requestText('/livez'));
      const second = (await client.untilEnd()).split('HTTP/1.1 ')[2];
      expect(second).toMatch(/^200 OK[\s\S]*\r\nConnection: close\r\n[\s\S]*{"status":"ok"}$/);
      await stopped;
    }));
});

describe('ReadinessHandler', () => {
  it('responds 503 from the moment at which the server begins to stop, without running checks', () => {
    let runs = 0;
    const count = () => {
      runs += 1;
    };
    return withApp(ready({ count }), async ({ port, server }) => {
      const client = await RawClient.connect(port, requestText('/readyz'));
      await client.until('"ok"}');
      const stopped = server.stop({ graceMs: 60_000, drainMs: 60_000 });
      client.send(requestText('/readyz'));
      const second = (await client.untilEnd()).split('HTTP/1.1 ')[2];
      expect(second).toMatch(/^503 Service Unavailable[\s\S]*\r\nConnection: close\r\n/);
      expect(second).toContain('{"status":"stopping"}');
      expect(runs).toBe(1);
      await stopped;
    });
  });

  it('responds 503 on new connections while acceptMs of the stop passes', () =>
    withApp([['/readyz', ReadinessHandler]], async ({ port, server }) => {
      expect(statusOf(await ask(port, '/readyz'))).toBe(200);
      const stopped = server.stop({ acceptMs: 60_000, drainMs: 120_000 });
      expect(statusOf(await ask(port, '/readyz'))).toBe(503);
      await server.closeAll();
      await stopped;
    }));

  it('responds 503 if the server begins to stop while the checks run', () => {
    const database = signalled();
    let isCalled = false;
    const check = () => {
      isCalled = true;
      return database.promise;
    };
    return withApp(ready({ check }), async ({ port, server }) => {
      const response = ask(port, '/readyz');
      await waitUntil(() => isCalled);
      const stopped = server.stop({ graceMs: 0, drainMs: 60_000 });
      database.resolve();
      expect(bodyOf(await response)).toBe('{"status":"stopping"}');
      await stopped;
    });
  });

  it('runs the checks at once, and requests that arrive meanwhile share one run', () => {
    const gates = [signalled(), signalled()];
    const calls = [0, 0];
    const check = (i: number) => () => {
      calls[i] = (calls[i] ?? 0) + 1;
      return gates[i]?.promise;
    };
    let requests = 0;
    const countRequests: Middleware = (_context, next) => {
      requests += 1;
      return next();
    };
    return withApp(
      ready({ first: check(0), second: check(1) }),
      async ({ port }) => {
        const responses = Array.from({ length: 5 }, () => ask(port, '/readyz'));
        await waitUntil(() => requests === 5);
        expect(calls).toEqual([1, 1]);
        for (const gate of gates) gate.resolve();
        expect((await Promise.all(responses)).map(statusOf)).toEqual([200, 200, 200, 200, 200]);
        expect(statusOf(await ask(port, '/readyz'))).toBe(200);
        expect(calls).toEqual([2, 2]);
      },
      { middleware: [countRequests] },
    );
  });

  it('fails a check that takes too long, aborts its signal, and does not call it again before it has settled', async () => {
    const clock = new VirtualClock();
    const hanging = signalled();
    const signals: AbortSignal[] = [];
    let quick = 0;
    const checks: Record<string, HealthCheck> = {
      hanging(signal) {
        signals.push(signal);
        return hanging.promise;
      },
      quick() {
        quick += 1;
      },
    };
    await withApp(
      ready(checks, 500),
      async ({ port, log }) => {
        const first = ask(port, '/readyz');
        await waitUntil(() => signals.length === 1);
        await clock.advance(499);
        expect(signals[0]?.aborted).toBe(false);
        await clock.advance(1);
        expect(JSON.parse(bodyOf(await first))).toEqual({ status: 'failing', failed: ['hanging'] });
        expect(signals[0]?.reason).toMatchObject({
          code: 'ERR_WEB_HEALTH_CHECK',
          message: 'the health check "hanging" took longer than 500 ms',
        });

        expect(JSON.parse(bodyOf(await ask(port, '/readyz'))).failed).toEqual(['hanging']);
        expect([signals.length, quick]).toEqual([1, 2]);

        hanging.resolve();
        await hanging.promise;
        expect(statusOf(await ask(port, '/readyz'))).toBe(200);
        expect(signals).toHaveLength(2);
        expect(log.records.map(({ level, message }) => [level, message])).toEqual([
          ['warn', 'a health check fails'],
          ['info', 'the health check passes again'],
        ]);
      },
      { clock },
    );
  });

  it('logs a failure once, not for each probe', () => {
    let isUp = false;
    return withApp(ready({ database: () => isUp }), async ({ port, log }) => {
      const statuses: number[] = [];
      for (const up of [false, false, true, true, false]) {
        isUp = up;
        statuses.push(statusOf(await ask(port, '/readyz')));
      }
      expect(statuses).toEqual([503, 503, 200, 200, 503]);
      expect(log.records.map(({ level }) => level)).toEqual(['warn', 'info', 'warn']);
    });
  });

  it('runs checks outside the async context of the request', () => {
    const storage = new AsyncLocalStorage<string>();
    const stores: (string | undefined)[] = [];
    const enter: Middleware = (_context, next) => storage.run('one request', next);
    const checks = { context: () => void stores.push(storage.getStore()) };
    return withApp(
      ready(checks),
      async ({ port }) => {
        expect(statusOf(await ask(port, '/readyz'))).toBe(200);
        expect(stores).toEqual([undefined]);
      },
      { middleware: [enter] },
    );
  });

  it('is refused if a subclass would make its checks for each request', () => {
    class Ready extends ReadinessHandler {
      override initialize(): void {
        super.initialize({ checks: { database: () => false } });
      }
    }
    const routes: readonly RouteSpec[] = [['/readyz', Ready, { anything: 1 }]];
    expect(() => new Application(routes)).toThrow('Ready must not have its own initialize');
  });
});

function order(records: readonly { readonly details: { readonly check?: unknown } }[], name?: string) {
  return records.findIndex(({ details }) => details.check === name);
}

import { AsyncLocalStorage } from 'node:async_hooks';
import type { ClockTimer } from '@landspout/ioloop';
import { RateLimitedLog } from '@landspout/ioloop/reactor';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { FixedEndpoint } from '../../src/connection/endpoint.ts';
import { LastingConnection } from '../../src/connection/lasting-connection.ts';
import { OutageLog } from '../../src/connection/outage-log.ts';
import { startProxy } from '../support/fault-proxy.ts';
import { startRedis } from '../support/redis-server.ts';
import { atTheEnd, until } from '../support/scratch.ts';
import { eventsOf, openTestLink, SILENT } from '../support/test-link.ts';

/** A clock that stands still, and keeps the delays that it was asked for. */
class RecordingClock extends VirtualClock {
  readonly delays: number[] = [];

  override setTimeout(callback: () => void, delayMs: number): ClockTimer {
    this.delays.push(delayMs);
    return super.setTimeout(callback, delayMs);
  }
}

/** Longer than any pause, to tell them from it. */
const OTHER_MS = 100_000;

describe('LastingConnection', () => {
  it('pauses twice as long from one attempt to the next, up to a limit, and begins anew after a success', async () => {
    const redis = await startRedis();
    const proxy = await startProxy(redis);
    const clock = new RecordingClock();
    const target = { clock: new VirtualClock(), logger: SILENT };
    const [log, outages] = [new RateLimitedLog(target), new OutageLog(target)];
    const times = { connectTimeoutMs: OTHER_MS, pingIntervalMs: OTHER_MS, pingTimeoutMs: OTHER_MS };
    const connection = new LastingConnection({
      endpoint: new FixedEndpoint({ url: proxy.url }),
      rules: { ...times, clock, log, outages },
    });
    atTheEnd(() => connection.close(new Error('done')));
    await connection.open();
    const pauses = () => clock.delays.filter((delay) => delay < OTHER_MS);
    await proxy.refuse();
    proxy.cut();
    for (let attempt = 1; attempt <= 8; attempt += 1) {
      await until('an attempt has failed', () => pauses().length === attempt);
      const longest = Math.min(50 * 2 ** (attempt - 1), 2000);
      expect(pauses().at(-1)).toBeLessThanOrEqual(longest);
      expect(pauses().at(-1)).toBeGreaterThanOrEqual(longest / 2);
      if (attempt < 8) await clock.advance(pauses().at(-1) as number);
    }
    await proxy.accept();
    await clock.advance(pauses().at(-1) as number);
    await until('it is connected', () => connection.current !== undefined);
    proxy.cut();
    await until('it is lost again', () => pauses().length === 9);
    expect(pauses().at(-1)).toBeLessThanOrEqual(50);
  });
});

describe('a link', () => {
  it('says in the log when Redis is lost, and when it is back', async () => {
    const redis = await startRedis();
    const records: unknown[] = [];
    const add = (level: string) => (details: object, text: string) => records.push([level, text, details]);
    const logger = { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') };
    const link = await openTestLink({ url: redis.url, logger });
    expect(records).toEqual([]);
    const events = eventsOf(link);
    await redis.restart();
    await expect.poll(() => events).toEqual(['lost', 'restored']);
    const address = `127.0.0.1:${redis.port}`;
    const details = { address, error: expect.any(Error) };
    expect(records[0]).toEqual(['warn', 'the connection to Redis is lost', details]);
    await expect.poll(() => records.at(-1)).toEqual(['info', 'Redis is connected again', { address }]);
  });

  it('does not keep the context of the call that has opened it', async () => {
    const redis = await startRedis();
    const storage = new AsyncLocalStorage<string>();
    const contexts = new Set<unknown>();
    const link = await storage.run('request', () => openTestLink({ url: redis.url }));
    const note = () => contexts.add(storage.getStore());
    link.watch({ lost: note, restored: note });
    let heard = 0;
    await link.subscribe('{a}', () => {
      heard += 1;
      note();
    });
    await redis.command('PUBLISH', '{a}', 'x');
    await expect.poll(() => heard).toBe(1);
    const events = eventsOf(link);
    await redis.restart();
    await expect.poll(() => events).toEqual(['lost', 'restored']);
    await redis.command('PUBLISH', '{a}', 'x');
    await expect.poll(() => heard).toBe(2);
    expect(contexts).toEqual(new Set([undefined]));
  });
});

import { VirtualClock } from '@landspout/ioloop/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { RedisBackplane } from '../../src/index.ts';
import { keysOf } from '../../src/keys.ts';
import { follow, kept, publish, SETTINGS, topic, WHOLE } from '../support/recorder.ts';
import { RedisClock } from '../support/redis-clock.ts';
import { newPrefix } from '../support/redis-nodes.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { atTheEnd } from '../support/scratch.ts';
import { SILENT } from '../support/test-link.ts';

const MINUTE_MS = 60_000;

let redisClock: RedisClock;
let redis: RedisServer;

beforeAll(async () => {
  redisClock = new RedisClock();
  redis = await startRedis({ env: redisClock.env });
});

async function start() {
  const [clock, prefix] = [new VirtualClock(), newPrefix()];
  const backplane = await RedisBackplane.connect({ url: redis.url, prefix, clock, logger: SILENT });
  atTheEnd(() => backplane.close());
  return {
    backplane,
    clock,
    existing: async (name: string) => {
      const { channel, log, meta } = keysOf(prefix, topic(name));
      return Number(await redis.command('EXISTS', log, meta, `${channel}:ids`, `${channel}:idtimes`));
    },
    keysOf: (name: string) => keysOf(prefix, topic(name)),
  };
}

const SHORT = { maxAgeMs: 10_000, dedupeMs: 20_000 };

describe('a topic in Redis', () => {
  it('is gone after its records and ids, with all its keys', async () => {
    const { backplane, existing } = await start();
    await backplane.append('news', { payload: '1', id: 'x' }, { ...SETTINGS, ...SHORT });
    expect(await existing('news')).toBe(4);
    redisClock.advance(2 * MINUTE_MS);
    expect(await existing('news')).toBe(0);
    expect(await kept(backplane, 'news')).toEqual([]);
  });

  it('lives as long as the longest of its settings so far', async () => {
    const { backplane, existing } = await start();
    await publish(backplane, 'news', [1], { maxAgeMs: 60 * MINUTE_MS });
    await publish(backplane, 'news', [2], SHORT);
    redisClock.advance(50 * MINUTE_MS);
    expect(await existing('news')).toBe(2);
  });

  it('keeps its epoch while it is followed, and its cursors rise on after its stream is gone', async () => {
    const { backplane, clock, existing } = await start();
    const follower = await follow(backplane, topic('news'));
    const [first] = await publish(backplane, 'news', [1], SHORT);
    for (let minute = 0; minute < 30; minute += 1) {
      redisClock.advance(MINUTE_MS);
      await clock.advance(1000);
      await kept(backplane, 'news');
    }
    expect(await existing('news')).toBe(1);
    const from = { after: first as string };
    expect((await backplane.read(topic('news'), from, WHOLE)).gap).toBeUndefined();
    // Also if the clock of Redis was set back meanwhile.
    redisClock.advance(-60 * MINUTE_MS);
    const [second, third] = await publish(backplane, 'news', [2, 3], SHORT);
    expect(follower.notes).toEqual(['1', '2', '3']);
    expect(backplane.compare(first as string, second as string)).toBeLessThan(0);
    expect(backplane.compare(second as string, third as string)).toBeLessThan(0);
    const { records, gap } = await backplane.read(topic('news'), from, WHOLE);
    expect([records.map(({ data }) => data), gap]).toEqual([[2, 3], undefined]);
    redisClock.advance(60 * MINUTE_MS);
  });

  it('reports what went with its stream as trimmed', async () => {
    const { backplane, keysOf } = await start();
    const [first, second] = await publish(backplane, 'news', [1, 2]);
    // As an eviction does.
    await redis.command('DEL', keysOf('news').log);
    const lost = await backplane.read(topic('news'), { after: first as string }, WHOLE);
    expect([lost.records, lost.gap?.reason, lost.cursor]).toEqual([[], 'trimmed', second]);
    await publish(backplane, 'news', [3]);
    const { records, gap } = await backplane.read(topic('news'), { after: second as string }, WHOLE);
    expect([records.map(({ data }) => data), gap]).toEqual([[3], undefined]);
    expect(await kept(backplane, 'news')).toEqual([3]);
  });

  it('begins anew if what is known of it is lost', async () => {
    const { backplane, keysOf } = await start();
    const [first] = await publish(backplane, 'news', [1]);
    await redis.command('DEL', keysOf('news').meta);
    await publish(backplane, 'news', [2]);
    const { records, gap } = await backplane.read(topic('news'), { after: first as string }, WHOLE);
    expect([records.map(({ data }) => data), gap?.reason]).toEqual([[2], 'reset']);
  });

  it('drops a long history little by little when its limits become narrower', async () => {
    const { backplane } = await start();
    const numbers = Array.from({ length: 2500 }, (_, number) => number);
    await Promise.all(numbers.map((number) => publish(backplane, 'news', [number])));
    for (const left of [1501, 502, 3]) {
      await publish(backplane, 'news', ['new'], { maxRecords: 3 });
      expect(await kept(backplane, 'news')).toHaveLength(left);
    }
  });

  it('finds the last of many records', async () => {
    const { backplane } = await start();
    const numbers = Array.from({ length: 1200 }, (_, number) => number);
    await Promise.all(numbers.map((number) => publish(backplane, 'news', [number])));
    for (const last of [0, 1, 255, 256, 257, 512, 1000, 1199, 1200]) {
      const { records } = await backplane.read(topic('news'), { last }, WHOLE);
      expect(records.map(({ data }) => data)).toEqual(last === 0 ? [] : numbers.slice(-last));
    }
    redisClock.advance(5000);
    await publish(backplane, 'news', ['young'], { maxAgeMs: 4000 });
    // Most of the old ones are still to be dropped, and no longer returned.
    const { records } = await backplane.read(topic('news'), { last: 500 }, WHOLE);
    expect(records.map(({ data }) => data)).toEqual(['young']);
  });
});

import { describe, expect, it } from 'vitest';
import { RedisBackplane } from '../../src/index.ts';
import { publish, topic } from '../support/recorder.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { atTheEnd } from '../support/scratch.ts';
import { SILENT } from '../support/test-link.ts';

const MEBIBYTE = 1024 * 1024;
const [SMALL, LARGE] = [2000, 48];
const PAGE = { maxRecords: 500, maxBytes: MEBIBYTE };
/** Some pages; all large records together are several times as many bytes. */
const FEW_PAGES = 8 * MEBIBYTE;

async function start() {
  const redis = await startRedis();
  const backplane = await RedisBackplane.connect({ url: redis.url, logger: SILENT });
  atTheEnd(() => backplane.close());
  return {
    redis,
    backplane,
    publishSmall: () =>
      Promise.all(Array.from({ length: SMALL }, (_, number) => publish(backplane, 'news', [number]))),
    publishLarge: async () => {
      for (let number = 0; number < LARGE; number += 1)
        await publish(backplane, 'news', [String(number).padEnd(MEBIBYTE - 200)]);
    },
  };
}

/** Calls a function. @returns by how many bytes the memory of Redis was larger meanwhile than ever before. */
async function growthDuring(redis: RedisServer, call: () => Promise<unknown>): Promise<number> {
  const before = await peakOf(redis);
  await call();
  return (await peakOf(redis)) - before;
}

/** The most memory that Redis has used at the end of any command, also of one in a script. */
async function peakOf(redis: RedisServer): Promise<number> {
  return Number(/used_memory_peak:(\d+)/.exec(await redis.command('INFO', 'memory'))?.[1]);
}

describe('many small records and some large ones', () => {
  it('are read without a copy of more than some pages', async () => {
    const { redis, backplane, publishSmall, publishLarge } = await start();
    await publishSmall();
    const { cursor } = await backplane.read(topic('news'), { last: 0 }, PAGE);
    await publishLarge();
    const growth = await growthDuring(redis, async () => {
      const page = await backplane.read(topic('news'), { after: cursor }, PAGE);
      expect([page.records.length, page.more]).toEqual([1, true]);
    });
    expect(growth).toBeLessThan(FEW_PAGES);
  });

  it('are counted from the end without a copy of more than some pages', async () => {
    const { redis, backplane, publishSmall, publishLarge } = await start();
    await publishSmall();
    await publishLarge();
    const growth = await growthDuring(redis, async () => {
      const { records } = await backplane.read(topic('news'), { last: LARGE + 300 }, PAGE);
      expect(records[0]?.data).toBe(SMALL - 300);
    });
    expect(growth).toBeLessThan(FEW_PAGES);
  });

  it('are trimmed without a copy of more than some pages', async () => {
    const { redis, backplane, publishSmall, publishLarge } = await start();
    await publishLarge();
    await publishSmall();
    const growth = await growthDuring(redis, () => publish(backplane, 'news', ['new'], { maxRecords: 9 }));
    expect(growth).toBeLessThan(FEW_PAGES);
    for (let drop = 0; drop < 10; drop += 1) await publish(backplane, 'news', [drop], { maxRecords: 9 });
    const { records } = await backplane.read(topic('news'), { start: true }, PAGE);
    expect(records.map(({ data }) => data)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

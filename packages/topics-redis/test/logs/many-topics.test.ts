import { VirtualClock } from '@landspout/ioloop/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { RedisBackplane } from '../../src/index.ts';
import { keysOf } from '../../src/keys.ts';
import { APPEND } from '../../src/logs/topic-scripts.ts';
import { follow, Recorder, topic } from '../support/recorder.ts';
import { newPrefix } from '../support/redis-nodes.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { atTheEnd } from '../support/scratch.ts';
import { runSilently } from '../support/silent-script.ts';
import { SILENT } from '../support/test-link.ts';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

/** Scripts that Redis has run so far. */
async function scriptCalls(): Promise<number> {
  const stats = await redis.command('INFO', 'commandstats');
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

async function start(topics: number) {
  const [clock, prefix] = [new VirtualClock(), newPrefix()];
  const backplane = await RedisBackplane.connect({ url: redis.url, prefix, clock, logger: SILENT });
  atTheEnd(() => backplane.close());
  const followers = await Promise.all(
    Array.from({ length: topics }, (_, number) => follow(backplane, topic(`topic ${number}`))),
  );
  return {
    backplane,
    followers,
    /** A tenth of two seconds, after which the replies of Redis have come. */
    async step() {
      await clock.advance(200);
      await backplane.runInfo('none').catch(() => {});
      await new Promise((resolve) => setImmediate(resolve));
    },
    async appendSilently(name: string) {
      const { channel, log, meta } = keysOf(prefix, topic(name));
      const keys = [log, meta, `${channel}:ids`, `${channel}:idtimes`];
      const numbers = [1000, 1_000_000, 3_600_000, 60_000, 1000, 3_600_000, 3_600_000].map(String);
      await runSilently(redis, APPEND, keys, [channel, 'UNUSED', '1', 't', '', '', ...numbers]);
    },
  };
}

describe('the check of idle topics', () => {
  it('covers each of a few topics within two seconds', async () => {
    const { followers, step, appendSilently } = await start(95);
    for (const number of [0, 47, 94]) await appendSilently(`topic ${number}`);
    const before = await scriptCalls();
    for (let steps = 0; steps < 10; steps += 1) await step();
    // One for each topic, and a few of presence and of this test.
    expect((await scriptCalls()) - before).toBeLessThan(95 + 15 + 10);
    await step();
    for (const number of [0, 47, 94]) expect(followers[number]?.notes).toEqual(['1']);
  });

  it('is slower with thousands of topics, of which it covers 500 a second', async () => {
    const { backplane, followers, step, appendSilently } = await start(3000);
    expect(backplane.stats().topics).toBe(3000);
    const lost = [0, 1234, 2999];
    for (const number of lost) await appendSilently(`topic ${number}`);
    const before = await scriptCalls();
    for (let steps = 0; steps < 10; steps += 1) await step();
    const calls = (await scriptCalls()) - before;
    expect(calls).toBeGreaterThanOrEqual(1000);
    expect(calls).toBeLessThan(1050);
    for (let steps = 0; steps < 22; steps += 1) await step();
    for (const [number, { notes }] of followers.entries())
      expect(notes).toEqual(lost.includes(number) ? ['1'] : []);
  });

  it('ends with the followers', async () => {
    const { backplane, followers, step } = await start(50);
    for (const { following } of followers) following.close();
    expect(backplane.stats().topics).toBe(0);
    const before = await scriptCalls();
    for (let steps = 0; steps < 10; steps += 1) await step();
    expect((await scriptCalls()) - before).toBeLessThan(25);
    const again = new Recorder();
    await backplane.follow(topic('topic 0'), again, { presence: false });
    await backplane.revoke('topic 0', 'ada');
    await backplane.follow(topic('topic 0'), new Recorder(), { presence: false });
    expect([again.notes, followers[0]?.notes]).toEqual([['revoked ada'], []]);
  });
});

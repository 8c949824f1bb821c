import { VirtualClock } from '@landspout/ioloop/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { RedisBackplane } from '../../src/index.ts';
import { keysOf } from '../../src/keys.ts';
import { follow, kept, publish, run, topic, WHOLE } from '../support/recorder.ts';
import { RedisClock } from '../support/redis-clock.ts';
import { newPrefix } from '../support/redis-nodes.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { atTheEnd } from '../support/scratch.ts';
import { SILENT } from '../support/test-link.ts';

const RUN_SETTINGS = { maxRecords: 9, maxBytes: 9999, leaseMs: 60_000, ttlMs: 60_000, maxDurationMs: 60_000 };

let redisClock: RedisClock;
let redis: RedisServer;

beforeAll(async () => {
  redisClock = new RedisClock();
  redis = await startRedis({ env: redisClock.env });
});

async function start(log = topic('news') as { readonly kind: 'topic' | 'run'; readonly name: string }) {
  const [clock, prefix] = [new VirtualClock(), newPrefix()];
  const backplane = await RedisBackplane.connect({ url: redis.url, prefix, clock, logger: SILENT });
  atTheEnd(() => backplane.close());
  const keys = keysOf(prefix, log);
  return {
    backplane,
    keys,
    /** Lets the checks of idle logs run. */
    async idle() {
      for (let step = 0; step < 30; step += 1) {
        await clock.advance(100);
        await backplane.runInfo('none').catch(() => {});
      }
    },
    /** Copies the log, as a replica has it. @returns a function that makes the replica the primary. */
    async replicate() {
      for (const key of [keys.log, keys.meta]) await redis.command('COPY', key, `${key}:replica`);
      return async () => {
        for (const key of [keys.log, keys.meta]) await redis.command('RENAME', `${key}:replica`, key);
      };
    },
  };
}

async function readAfter(backplane: RedisBackplane, after: string | undefined) {
  const { gap, records } = await backplane.read(topic('news'), { after: after as string }, WHOLE);
  return [gap?.reason, ...records.map(({ data }) => data)];
}

describe('records that a failover to a server whose clock is behind has lost', () => {
  for (const [place, stepMs, behindMs] of [
    ['behind the last record that is kept', 0, 60_000],
    ['at the time of the first record that is lost', 10, 20],
  ] as const) {
    it(`have other ids than new ones if the clock is ${place}`, async () => {
      const { backplane, replicate, idle } = await start();
      const follower = await follow(backplane, topic('news'));
      const [first] = await publish(backplane, 'news', [1]);
      const promote = await replicate();
      const lost: (string | undefined)[] = [];
      for (const number of [2, 3]) {
        redisClock.advance(stepMs);
        lost.push(...(await publish(backplane, 'news', [number])));
      }
      await promote();
      redisClock.advance(-behindMs);
      for (const text of ['new 2', 'new 3', 'new 4']) {
        redisClock.advance(stepMs);
        await publish(backplane, 'news', [text]);
      }
      await idle();
      const present = ['1', '"new 2"', '"new 3"', '"new 4"'];
      expect(follower.notes.slice(0, 3)).toEqual(['1', '2', '3']);
      expect(follower.notes.slice(3)).toEqual([expect.stringMatching(/^gap (reset|future)$/), ...present]);
      for (const cursor of lost) {
        const [gap, ...records] = await readAfter(backplane, cursor);
        expect([gap, records]).toEqual([expect.any(String), [1, 'new 2', 'new 3', 'new 4']]);
      }
      expect(await readAfter(backplane, first)).toEqual([undefined, 'new 2', 'new 3', 'new 4']);
      redisClock.advance(60_000);
    });
  }

  it('have other ids in a run, too', async () => {
    const { backplane, replicate } = await start(run('run'));
    const claim = await backplane.claimRun({
      id: 'run',
      owner: 'ada',
      input: undefined,
      settings: RUN_SETTINGS,
    });
    const token = claim.token as number;
    await backplane.writeRun('run', token, '1');
    const promote = await replicate();
    const lost = await backplane.writeRun('run', token, '2');
    await promote();
    await backplane.writeRun('run', token, '"new 2"');
    await backplane.endRun('run', token, { how: 'finished' });
    const { gap, records } = await backplane.read(run('run'), { after: lost }, WHOLE);
    expect(['future', 'reset']).toContain(gap?.reason);
    expect(records.map(({ data }) => data)).toEqual([1, 'new 2']);
  });
});

describe('ids of records', () => {
  it('rise, and fit into cursors, while the clock stands still', async () => {
    const { backplane } = await start();
    const cursors = await publish(backplane, 'news', Array(200).fill(1));
    for (const [at, cursor] of cursors.slice(1).entries())
      expect(backplane.compare(cursors[at] as string, cursor)).toBeLessThan(0);
    expect(Math.max(...cursors.map(({ length }) => length))).toBeLessThanOrEqual(64);
  });

  it('go on in the next millisecond after the highest sequence number', async () => {
    const { backplane, keys } = await start();
    await publish(backplane, 'news', [1]);
    await redis.command('HSET', keys.meta, 'last', `${redisClock.nowMs}-9007199254740990`);
    const cursors = await publish(backplane, 'news', [2, 3]);
    for (const cursor of cursors) expect(cursor).toContain(`.${redisClock.nowMs + 1}-`);
    expect(await kept(backplane, 'news')).toEqual([1, 2, 3]);
  });
});

import type { Backplane } from '@landspout/topics';
import { beforeAll, describe, expect, it } from 'vitest';
import { RedisBackplane } from '../../src/index.ts';
import { keysOf } from '../../src/keys.ts';
import { follow, kept, publish, run, SETTINGS, topic, WHOLE } from '../support/recorder.ts';
import { newPrefix } from '../support/redis-nodes.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { atTheEnd } from '../support/scratch.ts';
import { SILENT } from '../support/test-link.ts';

const RUN_SETTINGS = { maxRecords: 9, maxBytes: 9999, leaseMs: 60_000, ttlMs: 60_000, maxDurationMs: 60_000 };
const PRESENCE = { maxMembers: 9, leaveDelayMs: 0 };

describe('Redis whose memory is full', () => {
  it('refuses a publish of which nothing is delivered, and publishing resumes when there is room', async () => {
    const redis = await startRedis({ maxMemory: '3mb' });
    const backplane = await RedisBackplane.connect({ url: redis.url, logger: SILENT });
    atTheEnd(() => backplane.close());
    const follower = await follow(backplane, topic('news'));
    await publish(backplane, 'news', ['before']);
    await publish(backplane, 'other', [1]);
    await redis.command('SET', 'filler', 'x'.repeat(100_000));
    await redis.command('CONFIG', 'SET', 'maxmemory', '1mb');
    for (const payload of ['"text"', 'x'.repeat(100_000), new Uint8Array(10)]) {
      const failure = backplane.append('news', { payload, id: 'id' }, { ...SETTINGS, maxRecords: 1 });
      await expect(failure).rejects.toMatchObject({
        name: 'BackplaneError',
        code: 'ERR_TOPICS_UNAVAILABLE',
        cause: expect.objectContaining({ message: expect.stringContaining('OOM') }),
      });
    }
    // What frees memory, or needs none, goes on.
    expect(await kept(backplane, 'news')).toEqual(['before']);
    const late = await follow(backplane, topic('late'));
    await backplane.revoke('news', 'ada');
    await backplane.delete('other');
    expect(await kept(backplane, 'other')).toEqual([]);
    await redis.command('CONFIG', 'SET', 'maxmemory', '100mb');
    await publish(backplane, 'news', ['after']);
    await publish(backplane, 'late', ['first']);
    expect(await kept(backplane, 'news')).toEqual(['before', 'after']);
    expect(follower.notes).toEqual(['"before"', 'revoked ada', '"after"']);
    expect(late.notes).toEqual(['"first"']);
  });
});

describe('a log that a newer version has written', () => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis();
  });

  it('is read and followed, and not written', async () => {
    const prefix = newPrefix();
    const warnings: string[] = [];
    const logger = { ...SILENT, warn: (_: object, message: string) => void warnings.push(message) };
    const backplane = await RedisBackplane.connect({ url: redis.url, prefix, logger });
    atTheEnd(() => backplane.close());
    const [cursor] = await publish(backplane, 'news', [1]);
    await backplane.join('room', { member: 'ada' }, PRESENCE);
    const { token } = await claim(backplane);
    for (const log of [topic('news'), topic('room'), topic('empty'), run('run')]) {
      // As it might be: a version, and what this one does not know.
      await redis.command(
        'HSET',
        keysOf(prefix, log).meta,
        'v',
        '2',
        'epoch',
        'EPOCH',
        'last',
        '5-0',
        'cut',
        '5-0',
      );
    }
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      append: () => publish(backplane, 'news', [2]),
      delete: () => backplane.delete('news'),
      revoke: () => backplane.revoke('news', 'ada'),
      join: () => backplane.join('room', { member: 'bob' }, PRESENCE),
      writeRun: () => backplane.writeRun('run', token as number, '1'),
      endRun: () => backplane.endRun('run', token as number, { how: 'finished' }),
      cancelRun: () => backplane.cancelRun('run'),
    };
    for (const [name, call] of Object.entries(calls)) {
      await expect(call(), name).rejects.toMatchObject({
        name: 'RedisBackplaneError',
        code: 'ERR_TOPICS_REDIS_VERSION',
      });
    }
    for (const name of ['news', 'empty']) {
      const follower = await follow(backplane, topic(name));
      expect(follower.following.cursor).toBe('EPOCH.5-0');
      const { records, gap } = await backplane.read(topic(name), { after: cursor as string }, WHOLE);
      expect([records, gap?.reason]).toEqual([[], 'reset']);
    }
    // Once, whatever the number of logs.
    expect(warnings.filter((text) => text.includes('newer version'))).toHaveLength(1);
    // Other topics are not concerned.
    await publish(backplane, 'other', [1]);
  });
});

function claim(backplane: Backplane) {
  return backplane.claimRun({ id: 'run', owner: 'ada', input: undefined, settings: RUN_SETTINGS });
}

import { VirtualClock } from '@landspout/ioloop/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { RedisBackplane } from '../../src/index.ts';
import { keysOf } from '../../src/keys.ts';
import { APPEND, DELETE, REVOKE } from '../../src/logs/topic-scripts.ts';
import { follow, publish, run, topic, WHOLE } from '../support/recorder.ts';
import { newPrefix } from '../support/redis-nodes.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { atTheEnd, until } from '../support/scratch.ts';
import { runSilently } from '../support/silent-script.ts';
import { SILENT } from '../support/test-link.ts';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

async function start() {
  const [clock, prefix] = [new VirtualClock(), newPrefix()];
  const backplane = await RedisBackplane.connect({ url: redis.url, prefix, clock, logger: SILENT });
  atTheEnd(() => backplane.close());
  const keys = (name: string) => {
    const { channel, log, meta } = keysOf(prefix, topic(name));
    return { channel, keys: [log, meta, `${channel}:ids`, `${channel}:idtimes`] };
  };
  return {
    backplane,
    prefix,
    /** Lets the checks of idle topics run. */
    async idle() {
      for (let step = 0; step < 30; step += 1) {
        await clock.advance(100);
        await backplane.runInfo('none').catch(() => {});
      }
    },
    appendSilently(name: string, payload: string, maxRecords = 1000) {
      const { channel, keys: own } = keys(name);
      const numbers = [maxRecords, 64 * 1024 * 1024, 3_600_000, 60_000, 1000, 3_600_000, 3_600_000].map(
        String,
      );
      return runSilently(redis, APPEND, own, [channel, 'EPOCH-UNUSED', payload, 't', '', '', ...numbers]);
    },
    deleteSilently(name: string) {
      const { channel, keys: own } = keys(name);
      return runSilently(redis, DELETE, own, [channel, 'EPOCH-OF-NEW', '60000']);
    },
    /** Notes what the topic has. @returns a function that makes the topic as it was. */
    async snapshot(name: string) {
      const own = keys(name).keys.slice(0, 2);
      for (const key of own) await redis.command('COPY', key, `${key}:before`, 'REPLACE');
      return async () => {
        for (const key of own) await redis.command('RENAME', `${key}:before`, key);
      };
    },
    revokeSilently(name: string, subject: string) {
      const { channel, keys: own } = keys(name);
      return runSilently(redis, REVOKE, own.slice(0, 2), [channel, '1', JSON.stringify(subject)]);
    },
  };
}

describe('a lost announcement of a record', () => {
  it('is noticed by the next one', async () => {
    const { backplane, appendSilently } = await start();
    const follower = await follow(backplane, topic('news'));
    await publish(backplane, 'news', [1]);
    for (const lost of ['2', '3']) await appendSilently('news', lost);
    const cursors = await publish(backplane, 'news', [4, 5]);
    expect(follower.notes).toEqual(['1', '2', '3', '4', '5']);
    expect(follower.records.slice(-2).map(({ cursor }) => cursor)).toEqual(cursors);
  });

  it('is noticed by the check of idle topics if no other follows', async () => {
    const { backplane, appendSilently, idle } = await start();
    const [news, quiet] = [await follow(backplane, topic('news')), await follow(backplane, topic('quiet'))];
    await publish(backplane, 'news', [1]);
    await appendSilently('news', '2');
    await idle();
    expect([news.notes, quiet.notes]).toEqual([['1', '2'], []]);
  });

  it('is a gap if the record is not kept', async () => {
    const { backplane, appendSilently } = await start();
    const follower = await follow(backplane, topic('news'));
    await publish(backplane, 'news', [1], { maxRecords: 2 });
    for (const lost of ['2', '3']) await appendSilently('news', lost, 2);
    await publish(backplane, 'news', [4, 5], { maxRecords: 2 });
    expect(follower.notes).toEqual(['1', 'gap trimmed', '3', '4', '5']);
  });

  it('is noticed page by page if many were lost', async () => {
    const { backplane, appendSilently } = await start();
    const follower = await follow(backplane, topic('news'));
    const lost = Array.from({ length: 40 }, (_, number) => number);
    // A page takes in eight of them.
    for (const number of lost) await appendSilently('news', `"${number}${' '.repeat(120_000)}"`);
    await publish(backplane, 'news', ['last']);
    expect(follower.gaps).toEqual([]);
    expect(follower.records.map(({ data }) => String(data).trim())).toEqual([...lost.map(String), 'last']);
  });
});

describe('records that were announced, and that a failover has lost', () => {
  it('are a gap at the next record, after which followers have what is left', async () => {
    const { backplane, snapshot } = await start();
    const follower = await follow(backplane, topic('news'));
    const [, second] = await publish(backplane, 'news', [1, 2]);
    const failOver = await snapshot('news');
    const [third] = await publish(backplane, 'news', [3]);
    await failOver();
    await publish(backplane, 'news', [4]);
    expect(follower.notes).toEqual(['1', '2', '3', 'gap reset', '1', '2', '4']);
    const read = async (after: string | undefined) => {
      const { gap, records } = await backplane.read(topic('news'), { after: after as string }, WHOLE);
      return [gap?.reason, ...records.map(({ data }) => data)];
    };
    expect([await read(second), await read(third)]).toEqual([
      [undefined, 4],
      ['reset', 1, 2, 4],
    ]);
  });

  it('are a gap at the check of idle topics', async () => {
    const { backplane, snapshot, idle } = await start();
    const follower = await follow(backplane, topic('news'));
    await publish(backplane, 'news', [1]);
    const failOver = await snapshot('news');
    await publish(backplane, 'news', [2]);
    await failOver();
    await idle();
    await publish(backplane, 'news', [3]);
    expect(follower.notes).toEqual(['1', '2', 'gap future', '1', '3']);
  });
});

describe('another lost announcement', () => {
  it('of a revocation revokes all subscriptions at the next revocation, because its subject is not known', async () => {
    const { backplane, revokeSilently } = await start();
    const follower = await follow(backplane, topic('news'));
    await backplane.revoke('news', 'ada');
    await revokeSilently('news', 'bob');
    await backplane.revoke('news', 'eve');
    await publish(backplane, 'news', [1]);
    expect(follower.notes).toEqual(['revoked ada', 'revoked undefined', '1']);
  });

  it('of a revocation is noticed by the check of idle topics', async () => {
    const { backplane, revokeSilently, idle } = await start();
    const follower = await follow(backplane, topic('news'));
    await backplane.revoke('news', 'ada');
    await revokeSilently('news', 'bob');
    await idle();
    expect(follower.notes).toEqual(['revoked ada', 'revoked undefined']);
  });

  it('of a deletion ends the subscriptions when the topic is used again, or checked', async () => {
    const { backplane, deleteSilently, idle } = await start();
    const [used, idling] = [await follow(backplane, topic('used')), await follow(backplane, topic('idling'))];
    const [last] = await publish(backplane, 'used', [1]);
    for (const name of ['used', 'idling']) await deleteSilently(name);
    await publish(backplane, 'used', [2]);
    await idle();
    await until('both have ended', () => used.ends.length + idling.ends.length === 2);
    expect([used.notes, idling.notes]).toEqual([['1', 'end deleted'], ['end deleted']]);
    expect(used.ends[0]?.cursor).toBe(last);
  });

  it('of a cancellation and of the end of a run is noticed by the check of idle logs', async () => {
    const { backplane, prefix, idle } = await start();
    const settings = { maxRecords: 9, maxBytes: 9999, leaseMs: 60_000, ttlMs: 60_000, maxDurationMs: 60_000 };
    const claim = await backplane.claimRun({ id: 'run', owner: 'ada', input: undefined, settings });
    const follower = await follow(backplane, run('run'));
    const { meta } = keysOf(prefix, run('run'));
    await redis.command('HSET', meta, 'cancel', '1');
    await idle();
    expect(follower.notes).toEqual(['cancel']);
    await backplane.cancelRun('run');
    await backplane.writeRun('run', claim.token as number, '1');
    expect(follower.notes).toEqual(['cancel', '1']);
  });

  it('of a change of presence is replaced by a list of all members', async () => {
    const { backplane, prefix, idle } = await start();
    const follower = await follow(backplane, topic('room'), { presence: true });
    const join = (member: string) => backplane.join('room', { member }, { maxMembers: 9, leaveDelayMs: 0 });
    await join('ada');
    const { meta } = keysOf(prefix, topic('room'));
    await redis.command('HINCRBY', meta, 'pv', '1');
    await join('bob');
    expect(follower.changes).toEqual([
      { joined: { member: 'ada' } },
      { members: expect.arrayContaining([{ member: 'ada' }, { member: 'bob' }]) },
    ]);
    await redis.command('HINCRBY', meta, 'pv', '1');
    await idle();
    expect(follower.changes).toHaveLength(3);
    await join('eve');
    expect(follower.changes.at(-1)).toEqual({ joined: { member: 'eve' } });
  });

  it('of which a failover has lost the change of presence itself is replaced by a list of all members', async () => {
    const { backplane, prefix, idle } = await start();
    const follower = await follow(backplane, topic('room'), { presence: true });
    const join = (member: string) => backplane.join('room', { member }, { maxMembers: 9, leaveDelayMs: 0 });
    for (const member of ['ada', 'bob']) await join(member);
    const { meta } = keysOf(prefix, topic('room'));
    await redis.command('HINCRBY', meta, 'pv', '-1');
    await idle();
    expect(follower.changes.slice(2)).toEqual([
      { members: expect.arrayContaining([{ member: 'ada' }, { member: 'bob' }]) },
    ]);
    await join('eve');
    expect(follower.changes.at(-1)).toEqual({ joined: { member: 'eve' } });
  });
});

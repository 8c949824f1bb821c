import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { PRESENCE, RedisTrial, WatchedMembers } from '../support/redis-trial.ts';

const HOUR_MS = 3_600_000;

describe('members, clocks and limits', () => {
  it.each([-HOUR_MS, HOUR_MS])(
    'judges leaves and leases by Redis alone if a clock is %i ms off',
    async (off) => {
      const trial = await RedisTrial.start();
      const wrong = new VirtualClock(trial.redisClock.nowMs + off);
      const right = await trial.open();
      const backplane = await trial.open({ clock: wrong });
      const advance = async (ms: number) => {
        for (let left = ms; left > 0; left -= 500) {
          await wrong.advance(500);
          await trial.advance(500);
        }
      };
      const watched = await WatchedMembers.of(right, 'room');
      for (const member of ['ada', 'bob']) await backplane.join('room', { member }, PRESENCE);
      await advance(60_000);
      await backplane.leave('room', 'ada', PRESENCE);
      await advance(4_000);
      expect(watched.present).toEqual(['ada', 'bob']);
      await advance(2_000);
      expect(watched.notes).toEqual(['joined ada', 'joined bob', 'left ada']);
    },
  );

  it('keeps the members if the clock of Redis is set back', async () => {
    const trial = await RedisTrial.start();
    const [first, second] = [await trial.open(), await trial.open()];
    const watched = await WatchedMembers.of(first, 'room');
    await second.join('room', { member: 'ada' }, PRESENCE);
    trial.redisClock.advance(-HOUR_MS);
    await trial.advance(60_000);
    expect(watched.notes).toEqual(['joined ada']);
    await second.leave('room', 'ada', { ...PRESENCE, leaveDelayMs: 0 });
    await expect.poll(() => watched.notes).toEqual(['joined ada', 'left ada']);
  });

  it('counts the members of all processes towards maxMembers', async () => {
    const trial = await RedisTrial.start();
    const backplanes = [await trial.open(), await trial.open(), await trial.open()];
    const few = { ...PRESENCE, maxMembers: 5 };
    const joins = Array.from({ length: 12 }, (_, index) =>
      backplanes[index % 3]?.join('room', { member: `member ${index}` }, few),
    );
    const outcomes = await Promise.allSettled(joins);
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(7);
    for (const { reason } of refused) {
      expect(reason).toMatchObject({ name: 'TopicsLimitError', code: 'ERR_TOPICS_TOO_MANY_MEMBERS' });
    }
    expect((await WatchedMembers.of(backplanes[0] as never, 'room')).present).toHaveLength(5);
  });

  it('removes the many members of a process that ends in parts', async () => {
    const trial = await RedisTrial.start();
    const [watching, backplane] = [await trial.open(), await trial.open()];
    const many = { maxMembers: 1000, leaveDelayMs: 0 };
    const names = Array.from({ length: 1000 }, (_, index) => `member ${index}`);
    await Promise.all(names.map((member) => backplane.join('room', { member }, many)));
    const watched = await WatchedMembers.of(watching, 'room');
    expect(watched.present).toHaveLength(1000);
    const before = await trial.scriptsRun();
    await backplane.close();
    await expect.poll(() => watched.present).toEqual([]);
    expect((await trial.scriptsRun()) - before).toBeGreaterThanOrEqual(5);
  });

  it('lets members leave although the memory of Redis is full', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    const watched = await WatchedMembers.of(backplane, 'room');
    await backplane.join('room', { member: 'ada' }, PRESENCE);
    await trial.redis.command('CONFIG', 'SET', 'maxmemory', '1mb');
    await expect(backplane.join('room', { member: 'bob' }, PRESENCE)).rejects.toMatchObject({
      code: 'ERR_TOPICS_UNAVAILABLE',
    });
    // The lease is renewed, too.
    await trial.advance(60_000);
    expect(watched.notes).toEqual(['joined ada']);
    await backplane.leave('room', 'ada', PRESENCE);
    await trial.advance(6_000);
    expect(watched.notes).toEqual(['joined ada', 'left ada']);
  });

  it('changes no members of a topic that a newer version has written, and goes on listing them', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    await backplane.join('room', { member: 'ada' }, PRESENCE);
    await backplane.append(
      'room',
      { payload: '1' },
      {
        maxRecords: 10,
        maxBytes: 1e6,
        maxAgeMs: 1e6,
        dedupeMs: 0,
        maxDedupeIds: 10,
      },
    );
    await trial.link.send('x', ['HSET', 'landspout:{t:room}:meta', 'v', '2']);
    const newer = { name: 'RedisBackplaneError', code: 'ERR_TOPICS_REDIS_VERSION' };
    await expect(backplane.join('room', { member: 'bob' }, PRESENCE)).rejects.toMatchObject(newer);
    await expect(backplane.leave('room', 'ada', PRESENCE)).rejects.toMatchObject(newer);
    expect((await WatchedMembers.of(backplane, 'room')).present).toEqual(['ada']);
  });
});

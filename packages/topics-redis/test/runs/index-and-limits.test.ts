import { once } from 'node:events';
import { type RunClaim, Runs } from '@landspout/topics';
import { describe, expect, it } from 'vitest';
import type { RedisBackplane } from '../../src/index.ts';
import { claim, RedisTrial, RUN, recordsOf, runLog } from '../support/redis-trial.ts';
import { SILENT } from '../support/test-link.ts';

const LEASE_LOST = { name: 'RunError', code: 'ERR_RUN_LEASE_LOST' };
const NOT_FOUND = { name: 'RunError', code: 'ERR_RUN_NOT_FOUND' };
const LIMIT = { name: 'TopicsLimitError', code: 'ERR_RUN_LIMIT' };
const DAY_MS = 24 * 3_600_000;

const end = (backplane: RedisBackplane, { run, token }: RunClaim) =>
  backplane.endRun(run.id, token, { how: 'finished' });

const indexed = async (trial: RedisTrial) =>
  Number(await trial.link.send('x', ['ZCARD', 'landspout:{runs}']));

describe('the index of runs', () => {
  it('lists the runs that go on, and forgets them a lease after their end', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    const claims = [await claim(backplane, 'a'), await claim(backplane, 'b')];
    await expect(claim(backplane, 'a')).rejects.toThrow('is taken');
    expect(await indexed(trial)).toBe(2);
    for (const each of claims) await end(backplane, each);
    // The searches of one lease.
    for (let search = 0; search < 3; search += 1) expect(await backplane.claimExpiredRun()).toBeUndefined();
    await expect.poll(() => indexed(trial)).toBe(0);
  });

  it('forgets the ended runs of a process that does not search any more', async () => {
    const trial = await RedisTrial.start();
    const [backplane, other] = [await trial.open(), await trial.open()];
    for (const id of ['a', 'b']) await end(backplane, await claim(backplane, id));
    await trial.advance(RUN.leaseMs + 1000);
    expect(await other.claimExpiredRun()).toBeUndefined();
    await expect.poll(() => indexed(trial)).toBe(0);
  });

  it('finds a run whose end a failover has lost', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    const keys = ['landspout:{r:run}:meta', 'landspout:{r:run}:log'];
    const claimed = await claim(backplane, 'run');
    await backplane.writeRun('run', claimed.token, '1');
    const replicated = await Promise.all(keys.map((key) => trial.link.send('x', ['DUMP', key])));
    await end(backplane, claimed);
    for (const [index, key] of keys.entries()) {
      await trial.link.send('x', ['RESTORE', key, '0', replicated[index] as Buffer, 'REPLACE']);
    }
    for (let search = 0; search < 5; search += 1) expect(await backplane.claimExpiredRun()).toBeUndefined();
    await trial.advance(RUN.leaseMs + 1);
    expect(await backplane.claimExpiredRun()).toMatchObject({ run: { id: 'run', records: 1 } });
  });

  it('is made anew by the processes that have the runs', async () => {
    const trial = await RedisTrial.start();
    const [backplane, other] = [await trial.open(), await trial.open()];
    for (const id of ['a', 'b']) await claim(backplane, id);
    await trial.link.send('x', ['DEL', 'landspout:{runs}']);
    expect(await backplane.claimExpiredRun()).toBeUndefined();
    await trial.advance(20_000);
    const found = [await other.claimExpiredRun(), await other.claimExpiredRun()];
    expect(found.map((claimed) => claimed?.run.id).sort()).toEqual(['a', 'b']);
  });

  it('loses what is not there any more when it is looked at', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    await claim(backplane, 'lost');
    const other = await claim(backplane, 'ended');
    await trial.link.send('x', ['DEL', 'landspout:{r:lost}:meta']);
    // As a process leaves it that ends right after it has ended the run.
    const entries = (await trial.link.send('x', ['ZRANGE', 'landspout:{runs}', '0', '-1'])) as Buffer[];
    await end(backplane, other);
    for (const entry of entries) await trial.link.send('x', ['ZADD', 'landspout:{runs}', '1', entry]);
    expect(await backplane.claimExpiredRun()).toBeUndefined();
    expect(await indexed(trial)).toBe(0);
  });

  it('takes a run of the same id for another one', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    const first = await claim(backplane, 'run', { ttlMs: 1 });
    const [entry] = (await trial.link.send('x', ['ZRANGE', 'landspout:{runs}', '0', '-1'])) as Buffer[];
    await end(backplane, first);
    await trial.advance(1000);
    const second = await claim(backplane, 'run');
    await trial.link.send('x', ['ZADD', 'landspout:{runs}', '1', entry as Buffer]);
    expect(await backplane.claimExpiredRun()).toBeUndefined();
    expect(await indexed(trial)).toBe(1);
    await backplane.writeRun('run', second.token, '1');
  });

  it('limits the runs of all processes that go on', async () => {
    const trial = await RedisTrial.start();
    const backplanes = [await trial.open({ maxRuns: 3 }), await trial.open({ maxRuns: 3 })] as const;
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    const outcomes = await Promise.allSettled(
      ids.map((id, index) => claim(backplanes[index % 2] as RedisBackplane, id)),
    );
    const claims = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(claims).toHaveLength(3);
    await expect(claim(backplanes[0], 'more')).rejects.toMatchObject(LIMIT);
    await expect(backplanes[0].runInfo('more')).rejects.toMatchObject(NOT_FOUND);
    // One that exists can be joined all the same.
    await expect(claim(backplanes[1], claims[0]?.run.id as string)).rejects.toThrow('is taken');
    await end(backplanes[0], claims[0] as RunClaim);
    for (let search = 0; search < 3; search += 1) await backplanes[0].claimExpiredRun();
    await expect
      .poll(() =>
        claim(backplanes[0], 'more').then(
          () => 'claimed',
          () => 'refused',
        ),
      )
      .toBe('claimed');
  });
});

describe('what Redis keeps of a run', () => {
  const lives = (trial: RedisTrial, id: string) =>
    Promise.all(
      ['log', 'meta'].map(async (key) =>
        Number(await trial.link.send('x', ['PTTL', `landspout:{r:${id}}:${key}`])),
      ),
    );

  it('expires ttlMs after the end, and a day after the longest time of a producer without one', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    const claimed = await claim(backplane, 'run');
    const unfinishedMs = RUN.leaseMs + RUN.maxDurationMs + DAY_MS;
    await backplane.writeRun('run', claimed.token, '1');
    expect(await lives(trial, 'run')).toEqual([unfinishedMs, unfinishedMs]);
    await trial.advance(10_000);
    await backplane.renewRun('run', claimed.token);
    expect(await lives(trial, 'run')).toEqual([unfinishedMs, unfinishedMs]);
    await end(backplane, claimed);
    expect(await lives(trial, 'run')).toEqual([RUN.ttlMs, RUN.ttlMs]);
  });

  it('can be claimed a day after all processes have ended', async () => {
    const trial = await RedisTrial.start();
    const before = await trial.open();
    const { token } = await claim(before, 'run');
    await before.writeRun('run', token, '1');
    await before.close();
    trial.redisClock.advance(DAY_MS);
    const backplane = await trial.open();
    expect(await backplane.claimExpiredRun()).toMatchObject({ run: { id: 'run', records: 1 } });
  });

  it('ends, is renewed and cancelled although the memory is full, when no more can be written', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    const [first, second] = [await claim(backplane, 'first'), await claim(backplane, 'second')];
    await trial.redis.command('CONFIG', 'SET', 'maxmemory', '1mb');
    const refused = { name: 'BackplaneError', code: 'ERR_TOPICS_UNAVAILABLE' };
    await expect(backplane.writeRun('first', first.token, '1')).rejects.toMatchObject(refused);
    await expect(claim(backplane, 'third')).rejects.toMatchObject(refused);
    await backplane.renewRun('first', first.token);
    expect((await backplane.cancelRun('first')).cancelRequested).toBe(true);
    expect((await end(backplane, first)).how).toBe('finished');
    await backplane.releaseRun('second', second.token);
    await trial.redis.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await backplane.claimExpiredRun()).toMatchObject({ run: { id: 'second' } });
    expect(await recordsOf(backplane, 'first')).toEqual([]);
  });

  it('is read and not changed if a newer version has written it', async () => {
    const trial = await RedisTrial.start();
    const backplane = await trial.open();
    const claimed = await claim(backplane, 'run');
    await backplane.writeRun('run', claimed.token, '1');
    await trial.link.send('x', ['HSET', 'landspout:{r:run}:meta', 'v', '2']);
    const newer = { name: 'RedisBackplaneError', code: 'ERR_TOPICS_REDIS_VERSION' };
    const calls = [
      () => backplane.writeRun('run', claimed.token, '2'),
      () => backplane.renewRun('run', claimed.token),
      () => backplane.releaseRun('run', claimed.token),
      () => end(backplane, claimed),
      () => backplane.cancelRun('run'),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject(newer);
    await trial.advance(60_000);
    expect(await backplane.claimExpiredRun()).toBeUndefined();
    expect(await backplane.claimExpiredRun('run')).toBeUndefined();
    expect(await recordsOf(backplane, 'run')).toEqual([1]);
    expect(await backplane.runInfo('run')).toMatchObject({ attempt: 0, cancelRequested: false });
  });
});

describe('runs of a Redis that has lost its memory', () => {
  it('ends them for their readers, and refuses their producers', async () => {
    const trial = await RedisTrial.start();
    const [backplane, reader] = [await trial.open(), await trial.open()];
    const { token } = await claim(backplane, 'run');
    await backplane.writeRun('run', token, '1');
    const ends: string[] = [];
    const follower = { record() {}, gap() {}, ended: ({ how }: { how: string }) => void ends.push(how) };
    await reader.follow(runLog('run'), follower, { presence: false });
    await trial.redis.restart();
    await expect
      .poll(async () => {
        await trial.advance(500);
        return ends;
      })
      .toEqual(['interrupted']);
    await expect(reader.runInfo('run')).rejects.toMatchObject(NOT_FOUND);
    await expect(backplane.writeRun('run', token, '2')).rejects.toMatchObject(LEASE_LOST);
    await expect(backplane.renewRun('run', token)).rejects.toMatchObject(LEASE_LOST);
    await expect(backplane.endRun('run', token, { how: 'finished' })).rejects.toMatchObject(LEASE_LOST);
  });

  it('aborts their producers, and lets nothing wait for their end', async () => {
    const trial = await RedisTrial.start();
    const runs = new Runs({ backplane: await trial.open(), clock: trial.clock, logger: SILENT });
    const readers = new Runs({ backplane: await trial.open(), clock: trial.clock, logger: SILENT });
    let reason: unknown;
    const handle = await runs.start('run', { owner: 'ada' }, async ({ signal }) => {
      await once(signal, 'abort');
      reason = signal.reason;
    });
    const subscription = await readers.read('run');
    await trial.redis.restart();
    await expect
      .poll(async () => {
        await trial.advance(500);
        return reason;
      })
      .toMatchObject(LEASE_LOST);
    expect((await handle.ended).how).toBe('interrupted');
    const events = [];
    for await (const event of subscription) events.push(event);
    // What it had written is not known any more.
    expect(events).toEqual([
      expect.objectContaining({ kind: 'gap', reason: 'trimmed' }),
      expect.objectContaining({ kind: 'end', how: 'interrupted' }),
    ]);
    await expect(readers.read('run')).rejects.toMatchObject(NOT_FOUND);
    for (const each of [runs, readers]) await each.close();
  });

  it('refuses a producer from before when the id is claimed again', async () => {
    const trial = await RedisTrial.start();
    const [backplane, other] = [await trial.open(), await trial.open()];
    const before = await claim(backplane, 'run');
    await trial.redis.restart();
    trial.redisClock.advance(1);
    await expect
      .poll(async () => {
        await trial.advance(500);
        return claim(other, 'run').then(
          () => 'claimed',
          () => 'failed',
        );
      })
      .toBe('claimed');
    await expect(backplane.writeRun('run', before.token, '"old"')).rejects.toMatchObject(LEASE_LOST);
    expect(await recordsOf(other, 'run')).toEqual([]);
  });
});

import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { BackplaneError, type InterruptedRun, type Run } from '../../src/index.ts';
import { aborted, deferred, readAll, settled, World, withFaults } from './support.ts';

const owner = 'ann';

describe('the lease of a run', () => {
  it('is renewed as long as the producer works', async () => {
    await using world = new World();
    const runs = world.process();
    world.process();
    const gate = deferred();
    const handle = await runs.start('a', { owner }, () => gate.promise);
    await world.advance(300_000);
    gate.resolve();
    expect(await handle.ended).toMatchObject({ how: 'finished' });
  });

  it('is lost if the process stops renewing: another one ends the run, and the old producer may not write', async () => {
    await using world = new World();
    const [runs, other] = [world.process(), world.process()];
    let zombie: Run | undefined;
    const handle = await runs.start('a', { owner }, async (run) => {
      zombie = run;
      await run.write('alive');
      throw await aborted(run.signal);
    });
    const reading = readAll(await other.read('a'));
    world.kill(runs);
    await world.advance(14_000);
    expect(await other.info('a')).toMatchObject({ end: undefined });
    await world.advance(6_000);
    expect(await reading).toEqual(['alive', 'end: interrupted']);
    expect(await handle.ended).toMatchObject({ how: 'interrupted' });
    await settled();
    expect(zombie?.signal.reason).toMatchObject({ name: 'RunError', code: 'ERR_RUN_LEASE_LOST' });
    await expect(zombie?.write('undead')).rejects.toMatchObject({ code: 'ERR_RUN_LEASE_LOST' });
    expect(runs.stats()).toMatchObject({ running: 0, lost: 1 });
    expect(world.log.lines).toMatchObject([{ level: 'warn', details: { runId: 'a' } }]);
  });

  it('is found expired by a read, before the sweep', async () => {
    await using world = new World();
    const [runs, other] = [world.process(), world.process()];
    const kept: Run[] = [];
    for (const id of ['a', 'b', 'c', 'd']) {
      await runs.start(id, { owner }, (run) => {
        kept.push(run);
        return new Promise(() => {});
      });
    }
    // Only the clock of the backplane advances: no sweep has run.
    await world.clock.advance(16_000);
    expect(await readAll(await other.read('a'))).toEqual(['end: interrupted']);
    expect(await other.info('b')).toMatchObject({ end: { how: 'interrupted' } });
    const joined = await other.start('c', { owner }, () => 1);
    expect(await joined.ended).toMatchObject({ how: 'interrupted' });
    // The process that has the run knows that it is there.
    expect(await runs.info('d')).toMatchObject({ end: undefined });
    await settled();
    expect(kept.map(({ signal }) => signal.aborted)).toEqual([true, true, true, false]);
  });

  it('is kept by a late renewal if no other process has taken the run', async () => {
    await using world = new World();
    const runs = world.process();
    const gate = deferred();
    const handle = await runs.start('a', { owner }, () => gate.promise);
    await world.clock.advance(100_000);
    await world.advance(5_000);
    expect(await runs.info('a')).toMatchObject({ end: undefined, attempt: 0 });
    gate.resolve();
    expect(await handle.ended).toMatchObject({ how: 'finished' });
  });

  it('counts as lost if no renewal is confirmed for leaseMs', async () => {
    await using world = new World();
    const faults = [
      () => Promise.reject(new BackplaneError('ERR_TOPICS_UNAVAILABLE', 'no connection')),
      () => new Promise<void>(() => {}),
    ];
    for (const [at, renewRun] of faults.entries()) {
      const runs = world.process({ backplane: withFaults(world.backplane, { renewRun }) });
      let lost: unknown;
      const handle = await runs.start(`run ${at}`, { owner }, async (run) => {
        lost = await aborted(run.signal);
        await run.write('x');
      });
      await world.advance(14_000);
      expect(lost).toBeUndefined();
      await world.advance(21_000);
      expect(lost).toMatchObject({ code: 'ERR_RUN_LEASE_LOST', message: expect.stringContaining('15000') });
      expect(await handle.ended).toMatchObject({ how: 'interrupted' });
      world.kill(runs);
    }
  });

  it('survives a failure of the backplane that is shorter than it', async () => {
    await using world = new World();
    let isAway = false;
    const backplane = withFaults(world.backplane, {
      renewRun: async (...args) => {
        if (isAway) throw new BackplaneError('ERR_TOPICS_UNAVAILABLE', 'no connection');
        return world.backplane.renewRun(...args);
      },
    });
    const runs = world.process({ backplane });
    const gate = deferred();
    const handle = await runs.start('a', { owner }, () => gate.promise);
    await world.advance(60_000);
    isAway = true;
    await world.advance(9_000);
    isAway = false;
    await world.advance(60_000);
    gate.resolve();
    expect(await handle.ended).toMatchObject({ how: 'finished' });
  });
});

describe('onInterrupted', () => {
  /** Writes one record and hangs, like the producer of a process that will be killed. */
  async function hanging(run: Run): Promise<never> {
    await run.write('first');
    return new Promise(() => {});
  }

  it('continues the run in one other process, in the same log', async () => {
    await using world = new World();
    const calls: InterruptedRun[] = [];
    const onInterrupted = (interrupted: InterruptedRun) => {
      calls.push(interrupted);
      return async (run: Run) => {
        await run.write(`again: ${run.attempt}`);
        return 'recovered';
      };
    };
    const processes = [1, 2, 3].map(() => world.process({ onInterrupted }));
    const [runs, other] = processes as [(typeof processes)[0], (typeof processes)[0]];
    const handle = await runs.start('a', { owner, input: { page: 7 } }, hanging);
    const { cursor, startedAt } = await handle.info();
    const reading = readAll(await other.read('a'));
    world.kill(runs);
    await world.advance(20_000);
    expect(await reading).toEqual(['first', 'again: 1', 'end: finished']);
    expect(await handle.ended).toMatchObject({ how: 'finished', result: 'recovered' });
    expect(calls).toEqual([
      { id: 'a', owner, input: { page: 7 }, attempt: 1, startedAt, cursor, records: 1 },
    ]);
    expect(processes.map((each) => each.stats().continued).sort()).toEqual([0, 0, 1]);
  });

  it('is called at once for what an earlier process has left', async () => {
    await using world = new World();
    const first = world.process();
    await first.start('a', { owner }, hanging);
    world.kill(first);
    await world.clock.advance(20_000);
    const next = world.process({ onInterrupted: () => () => 'recovered' });
    await settled();
    expect(await next.info('a')).toMatchObject({ end: { how: 'finished', result: 'recovered' } });
  });

  it('continues the run with the limits that it was started with', async () => {
    await using world = new World();
    const continued = deferred<unknown>();
    const onInterrupted = () => async (run: Run) => {
      continued.resolve(await aborted(run.signal));
      throw run.signal.reason;
    };
    const [runs, other] = [world.process(), world.process({ onInterrupted, maxDurationMs: 900_000 })];
    const own = { maxRecords: 1, maxDurationMs: 40_000 };
    const handle = await runs.start('a', { owner, ...own }, hanging);
    world.kill(runs);
    await world.advance(65_000);
    expect(await handle.ended).toMatchObject({ how: 'cancelled' });
    expect(await continued.promise).toMatchObject({ message: expect.stringContaining('40000') });
    expect(other.stats()).toMatchObject({ continued: 1, cancelled: 1 });
  });

  it('is called for many runs in several turns of the loop', async () => {
    await using world = new World();
    const first = world.process();
    for (let number = 0; number < 100; number += 1) await first.start(`${number}`, { owner }, hanging);
    world.kill(first);
    await world.clock.advance(20_000);
    let called = 0;
    const onInterrupted = () => {
      called += 1;
      return undefined;
    };
    world.process({ onInterrupted });
    const perTurn: number[] = [];
    while (called < 100) {
      const before = called;
      await settled();
      perTurn.push(called - before);
    }
    expect(Math.max(...perTurn)).toBeLessThan(30);
    expect(perTurn.length).toBeGreaterThan(3);
  });

  it('is not called more often than maxAttempts', async () => {
    await using world = new World();
    const attempts: number[] = [];
    const onInterrupted = ({ attempt }: InterruptedRun) => {
      attempts.push(attempt);
      return hanging;
    };
    let runs = world.process({ onInterrupted, maxAttempts: 2 });
    await runs.start('a', { owner }, hanging);
    for (let restarts = 0; restarts < 4; restarts += 1) {
      world.kill(runs);
      runs = world.process({ onInterrupted, maxAttempts: 2 });
      await world.advance(20_000);
    }
    expect(attempts).toEqual([1, 2]);
    expect(await readAll(await runs.read('a'))).toEqual(['first', 'first', 'first', 'end: interrupted']);
  });

  it('ends the run if it returns nothing, throws, rejects or returns something else', async () => {
    const failing = [
      () => undefined,
      async () => undefined,
      () => {
        throw new Error('no');
      },
      () => Promise.reject(new Error('no')),
      () => 'a text' as never,
    ];
    for (const onInterrupted of failing) {
      await using world = new World();
      const [runs, other] = [world.process(), world.process({ onInterrupted })];
      await runs.start('a', { owner }, hanging);
      world.kill(runs);
      await world.advance(20_000);
      expect(await readAll(await other.read('a'))).toEqual(['first', 'end: interrupted']);
      expect(other.stats()).toMatchObject({ continued: 0, interrupted: 1 });
      const isFailure = onInterrupted !== failing[0] && onInterrupted !== failing[1];
      const errors = world.log.lines.filter(({ level }) => level === 'error');
      expect(errors).toHaveLength(isFailure ? 1 : 0);
    }
  });

  it('keeps the lease while it decides, and does not delay readers', async () => {
    await using world = new World();
    const decision = deferred<() => string>();
    const [runs, other] = [world.process(), world.process({ onInterrupted: () => decision.promise })];
    await runs.start('a', { owner }, hanging);
    world.kill(runs);
    await world.clock.advance(20_000);
    const reading = readAll(await other.read('a'));
    await world.advance(60_000);
    decision.resolve(() => 'at last');
    expect(await reading).toEqual(['first', 'end: finished']);
  });

  it('does not start a producer of a run that was cancelled while it decided', async () => {
    await using world = new World();
    const decision = deferred<() => string>();
    const [runs, other] = [world.process(), world.process({ onInterrupted: () => decision.promise })];
    await runs.start('a', { owner }, hanging);
    world.kill(runs);
    await world.advance(20_000);
    await other.cancel('a');
    await settled();
    decision.resolve(() => 'unused');
    await settled();
    expect(await readAll(await other.read('a'))).toEqual(['first', 'end: cancelled']);
    expect(other.stats()).toMatchObject({ continued: 0 });
  });

  it('is called outside the async context of the request that finds the run', async () => {
    await using world = new World();
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const onInterrupted = () => {
      seen.push(storage.getStore());
      return () => void seen.push(storage.getStore());
    };
    const [runs, other] = [world.process(), world.process({ onInterrupted })];
    await runs.start('a', { owner }, hanging);
    await world.clock.advance(20_000);
    await storage.run('request', async () => readAll(await other.read('a')));
    expect(seen).toEqual([undefined, undefined]);
  });

  it('waits while this process has maxRuns producers', async () => {
    await using world = new World();
    const gate = deferred();
    const onInterrupted = () => () => gate.promise;
    const [runs, other] = [world.process(), world.process({ onInterrupted, maxRuns: 2 })];
    for (const id of ['a', 'b', 'c']) await runs.start(id, { owner }, hanging);
    world.kill(runs);
    await world.advance(20_000);
    expect(other.stats()).toMatchObject({ running: 2, continued: 2 });
    gate.resolve();
    await world.advance(5_000);
    expect(other.stats()).toMatchObject({ running: 0, continued: 3, finished: 3 });
  });
});

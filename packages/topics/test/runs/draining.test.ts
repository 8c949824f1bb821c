import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { type Run, Runs } from '../../src/index.ts';
import { aborted, deferred, readAll, settled, World, withFaults } from './support.ts';

const owner = 'ann';

describe('Runs.drain', () => {
  it('waits for producers, and interrupts those that are left', async () => {
    await using world = new World();
    const runs = world.process();
    const gate = deferred();
    let slow: Run | undefined;
    const quick = await runs.start('quick', { owner }, async (run) => {
      await gate.promise;
      await run.write('in time');
    });
    const late = await runs.start('slow', { owner }, async (run) => {
      slow = run;
      await run.write('too slow');
      throw await aborted(run.signal);
    });
    const draining = runs.drain({ drainMs: 10_000 });
    await world.advance(5_000);
    gate.resolve();
    expect(await quick.ended).toMatchObject({ how: 'finished' });
    await world.advance(4_000);
    expect(await late.info()).toMatchObject({ end: undefined });
    await world.advance(1_000);
    expect(await draining).toEqual({ ended: 1, interrupted: 1, handedOver: 0 });
    expect(await late.ended).toMatchObject({ how: 'interrupted' });
    expect(slow?.signal.reason).toMatchObject({ name: 'AbortError' });
    await expect(slow?.write('x')).rejects.toMatchObject({ code: 'ERR_RUN_LEASE_LOST' });
    expect(world.log.lines).toEqual([]);
  });

  it('resolves as soon as no producer is left', async () => {
    await using world = new World();
    const runs = world.process();
    expect(await runs.drain()).toEqual({ ended: 0, interrupted: 0, handedOver: 0 });
    const other = world.process();
    const gate = deferred();
    await other.start('a', { owner }, () => gate.promise);
    const draining = other.drain();
    gate.resolve();
    expect(await draining).toEqual({ ended: 1, interrupted: 0, handedOver: 0 });
  });

  it('lets runs be read, joined and cancelled, but starts and continues none', async () => {
    await using world = new World();
    const killed = world.process();
    const runs = world.process({ onInterrupted: () => () => 'continued' });
    await killed.start('foreign', { owner }, () => new Promise(() => {}));
    await runs.start('a', { owner }, async (run) => {
      await run.write('x');
      await aborted(run.signal);
    });
    const draining = runs.drain({ drainMs: 60_000 });
    const refused = runs.start('b', { owner }, () => 1);
    await expect(refused).rejects.toMatchObject({ name: 'BackplaneError', code: 'ERR_TOPICS_CLOSED' });
    world.kill(killed);
    await world.advance(30_000);
    expect(await runs.info('foreign')).toMatchObject({ end: undefined, attempt: 0 });
    expect((await runs.start('a', { owner }, () => 1)).joined).toBe(true);
    const reading = readAll(await runs.read('a'));
    await runs.cancel('a');
    expect(await draining).toEqual({ ended: 1, interrupted: 0, handedOver: 0 });
    expect(await reading).toEqual(['x', 'end: cancelled']);
  });

  it('ends a run that is being cancelled as cancelled', async () => {
    await using world = new World();
    const runs = world.process();
    const handle = await runs.start('a', { owner }, () => new Promise(() => {}));
    await runs.cancel('a');
    await settled();
    await runs.drain({ drainMs: 0 });
    expect(await handle.ended).toMatchObject({ how: 'cancelled' });
  });
});

describe('Runs.close', () => {
  it('interrupts producers, gives readers the end, and ends the other subscriptions', async () => {
    await using world = new World();
    const [runs, other] = [world.process(), world.process()];
    await runs.start('a', { owner }, async (run) => {
      await run.write('x');
      await aborted(run.signal);
    });
    await other.start('b', { owner }, () => new Promise(() => {}));
    const [own, foreign] = [readAll(await runs.read('a')), readAll(await runs.read('b'))];
    await settled();
    await Promise.all([runs.close(), runs.close()]);
    expect(await own).toEqual(['x', 'end: interrupted']);
    expect(await foreign).toEqual(['end: closed']);
    expect(await other.info('a')).toMatchObject({ end: { how: 'interrupted' } });
    expect(await other.info('b')).toMatchObject({ end: undefined });
  });

  it('leaves no timer', async () => {
    await using world = new World();
    const clock = new VirtualClock();
    const runs = world.process({ clock });
    await runs.start('a', { owner }, () => new Promise(() => {}));
    await runs.cancel('a');
    await settled();
    expect(clock.pending).toBeGreaterThan(0);
    await runs.close();
    expect(clock.pending).toBe(0);
  });

  it('does not wait forever for a backplane that hangs', async () => {
    await using world = new World();
    const backplane = withFaults(world.backplane, { endRun: () => new Promise(() => {}) });
    const runs = world.process({ backplane });
    let reason: unknown;
    const handle = await runs.start('a', { owner }, async (run) => {
      reason = await aborted(run.signal);
    });
    const closing = runs.close();
    await world.advance(5_000);
    await closing;
    expect(await handle.ended).toMatchObject({ how: 'closed' });
    expect(reason).toMatchObject({ name: 'AbortError' });
    expect(runs.stats()).toMatchObject({ running: 0, lost: 1 });
  });

  it('interrupts a run whose claim was on its way', async () => {
    await using world = new World();
    const gate = deferred();
    const backplane = withFaults(world.backplane, {
      claimRun: async (run) => {
        await gate.promise;
        return world.backplane.claimRun(run);
      },
    });
    const runs = world.process({ backplane });
    let isCalled = false;
    const starting = runs.start('a', { owner }, () => {
      isCalled = true;
    });
    await settled();
    const closing = runs.close();
    gate.resolve();
    await expect(starting).rejects.toMatchObject({ code: 'ERR_TOPICS_CLOSED' });
    await closing;
    expect(isCalled).toBe(false);
    expect(await world.process().info('a')).toMatchObject({ end: { how: 'interrupted' } });
  });

  it('aborts producers when the backplane is closed below them', async () => {
    await using world = new World();
    const runs = world.process();
    let reason: unknown;
    const handle = await runs.start('a', { owner }, async (run) => {
      reason = await aborted(run.signal);
    });
    await world.backplane.close();
    await settled();
    expect(reason).toMatchObject({ code: 'ERR_TOPICS_CLOSED' });
    expect(await handle.ended).toMatchObject({ how: 'closed' });
    expect(world.log.lines).toEqual([]);
  });
});

describe('Runs that stop, with onInterrupted', () => {
  /** Counts to five, from where the run stands. */
  const counting = (from: number) => async (run: Run) => {
    for (let next = from; next < 5; next += 1) {
      await run.write(next);
      if (next === 2 && from === 0) await aborted(run.signal);
    }
    return 'done';
  };

  it.each(['drain', 'close'] as const)(
    'leave a run to the next process at %s, at once and without a doubled record',
    async (how) => {
      await using world = new World();
      const old = world.process({ onInterrupted: () => undefined });
      const handle = await old.start('a', { owner, input: 7 }, counting(0));
      await settled();
      if (how === 'drain')
        expect(await old.drain({ drainMs: 0 })).toEqual({ ended: 0, interrupted: 0, handedOver: 1 });
      else await old.close();
      expect(old.stats()).toMatchObject({ running: 0, handedOver: 1, interrupted: 0, lost: 0 });
      const next = world.process({
        onInterrupted: ({ input, attempt, records }) => {
          expect([input, attempt, records]).toEqual([7, 1, 3]);
          return counting(records);
        },
      });
      const read = await readAll(await next.read('a'));
      expect(read).toEqual([0, 1, 2, 3, 4, 'end: finished']);
      if (how === 'drain') expect(await handle.ended).toMatchObject({ how: 'finished' });
      expect(world.log.lines).toEqual([]);
    },
  );

  it('end a run that is being cancelled', async () => {
    await using world = new World();
    const runs = world.process({ onInterrupted: () => undefined });
    await runs.start('a', { owner }, () => new Promise(() => {}));
    await runs.cancel('a');
    await settled();
    expect(await runs.drain({ drainMs: 0 })).toMatchObject({ handedOver: 0 });
    expect((await world.process().info('a')).end).toMatchObject({ how: 'cancelled' });
  });

  it('end their runs as interrupted if the backplane is their own', async () => {
    const runs = new Runs({ onInterrupted: () => undefined });
    await runs.start('a', { owner }, (run) => aborted(run.signal));
    expect(await runs.drain({ drainMs: 0 })).toEqual({ ended: 0, interrupted: 1, handedOver: 0 });
    await runs.close();
  });
});

import { describe, expect, it } from 'vitest';
import type { Run } from '../../src/index.ts';
import { aborted, deferred, readAll, settled, World } from './support.ts';

const owner = 'ann';

/** Works until it is aborted, then says goodbye. */
async function polite(run: Run): Promise<string> {
  await run.write('hello');
  await aborted(run.signal);
  await run.write('bye');
  return 'a result that does not count';
}

/** Ignores its signal. */
function stubborn(run: Run): Promise<never> {
  void run.write('hello');
  return new Promise(() => {});
}

describe('Runs.cancel', () => {
  it('aborts the producer, which may write until it settles, and the run ends as cancelled', async () => {
    await using world = new World();
    const runs = world.process();
    const handle = await runs.start('a', { owner }, polite);
    expect(await handle.cancel()).toEqual({ how: 'running', end: undefined });
    const end = await handle.ended;
    expect(end).toMatchObject({ how: 'cancelled' });
    expect(end).not.toHaveProperty('result');
    expect(await readAll(await runs.read('a'))).toEqual(['hello', 'bye', 'end: cancelled']);
    expect(world.log.lines).toEqual([]);
  });

  it('works from another process', async () => {
    await using world = new World();
    const [runs, other] = [world.process(), world.process()];
    const handle = await runs.start('a', { owner }, polite);
    expect(await other.cancel('a')).toMatchObject({ how: 'running' });
    expect(await other.info('a')).toMatchObject({ cancelRequested: true });
    expect(await handle.ended).toMatchObject({ how: 'cancelled' });
    expect(await other.cancel('a')).toMatchObject({ how: 'cancelled', end: { how: 'cancelled' } });
  });

  it('ends the run of a producer that ignores its signal after cancelGraceMs', async () => {
    await using world = new World();
    const runs = world.process({ cancelGraceMs: 2000 });
    let kept: Run | undefined;
    const handle = await runs.start('a', { owner }, (run) => {
      kept = run;
      return stubborn(run);
    });
    await runs.cancel('a');
    await world.advance(1750);
    await kept?.write('still possible');
    expect(await handle.info()).toMatchObject({ end: undefined });
    await world.advance(250);
    expect(await handle.ended).toMatchObject({ how: 'cancelled' });
    await expect(kept?.write('too late')).rejects.toMatchObject({ code: 'ERR_RUN_LEASE_LOST' });
    expect(await readAll(await runs.read('a'))).toEqual(['hello', 'still possible', 'end: cancelled']);
    expect(runs.stats()).toMatchObject({ running: 0, cancelled: 1 });
  });

  it('changes nothing of a run that has ended', async () => {
    await using world = new World();
    const runs = world.process();
    const handle = await runs.start('a', { owner }, () => 'done');
    const end = await handle.ended;
    expect(await runs.cancel('a')).toEqual({ how: 'finished', end });
    expect(await runs.info('a')).toMatchObject({ cancelRequested: false });
  });

  it('does nothing the second time', async () => {
    await using world = new World();
    const runs = world.process();
    let aborts = 0;
    const handle = await runs.start('a', { owner }, (run) => {
      run.signal.addEventListener('abort', () => {
        aborts += 1;
      });
      return stubborn(run);
    });
    await runs.cancel('a');
    await world.advance(3000);
    await runs.cancel('a');
    await world.advance(2000);
    expect(await handle.ended).toMatchObject({ how: 'cancelled' });
    expect(aborts).toBe(1);
  });

  it('does not log that a producer failed because of its signal, but logs other failures', async () => {
    await using world = new World();
    const runs = world.process();
    for (const [id, failure] of [
      ['a', undefined],
      ['b', new Error('a defect in the clean-up')],
    ] as const) {
      const handle = await runs.start(id, { owner }, async (run) => {
        const reason = await aborted(run.signal);
        throw failure ?? reason;
      });
      await runs.cancel(id);
      expect(await handle.ended).toMatchObject({ how: 'cancelled' });
    }
    expect(world.log.errors).toEqual(['error: a defect in the clean-up']);
  });

  it('cancels at once the run of a process that was killed, when its lease is over', async () => {
    await using world = new World();
    const [runs, other] = [world.process(), world.process({ onInterrupted: () => polite })];
    const handle = await runs.start('a', { owner }, stubborn);
    world.kill(runs);
    await world.advance(3000);
    expect(await other.cancel('a')).toMatchObject({ how: 'running' });
    await world.advance(17_000);
    expect(await handle.ended).toMatchObject({ how: 'cancelled' });
    await runs.start('b', { owner }, stubborn);
    await world.clock.advance(20_000);
    expect(await other.cancel('b')).toMatchObject({ how: 'cancelled' });
  });

  it('is noticed if it is requested before the producer is called', async () => {
    await using world = new World();
    const [runs, other] = [world.process(), world.process()];
    const starting = runs.start('a', { owner }, polite);
    await other.cancel('a');
    expect(await (await starting).ended).toMatchObject({ how: 'cancelled' });
  });
});

describe('maxDurationMs', () => {
  it('cancels a producer that hangs', async () => {
    await using world = new World();
    const runs = world.process({ maxDurationMs: 60_000, cancelGraceMs: 1000 });
    const reasons: unknown[] = [];
    const handle = await runs.start('a', { owner }, (run) => {
      void aborted(run.signal).then((reason) => reasons.push(reason));
      return stubborn(run);
    });
    const quick = await runs.start('b', { owner, maxDurationMs: 5000 }, polite);
    await world.advance(5000);
    expect(await quick.ended).toMatchObject({ how: 'cancelled' });
    await world.advance(54_000);
    expect(await handle.info()).toMatchObject({ end: undefined, cancelRequested: false });
    await world.advance(1000);
    expect(await handle.info()).toMatchObject({ end: undefined, cancelRequested: true });
    await world.advance(1000);
    expect(await handle.ended).toMatchObject({ how: 'cancelled' });
    expect(reasons).toMatchObject([
      { name: 'AbortError', message: expect.stringContaining('maxDurationMs') },
    ]);
  });

  it('does not concern a run that has ended', async () => {
    await using world = new World();
    const runs = world.process({ maxDurationMs: 1000 });
    const gate = deferred();
    const handle = await runs.start('a', { owner }, () => gate.promise);
    gate.resolve();
    await handle.ended;
    await world.advance(10_000);
    await settled();
    expect(await handle.info()).toMatchObject({ cancelRequested: false });
    expect(world.log.lines).toEqual([]);
  });
});

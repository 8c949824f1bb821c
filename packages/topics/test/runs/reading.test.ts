import { describe, expect, it } from 'vitest';
import type { SubscriptionSink, TopicEvent } from '../../src/index.ts';
import { deferred, readAll, World, withFaults } from './support.ts';

describe('reading a run', () => {
  it('starts at the beginning by default, at any time', async () => {
    await using world = new World();
    const [runs, other] = [world.process(), world.process()];
    const gates = [deferred(), deferred()] as const;
    const handle = await runs.start('a', { owner: 'ann' }, async (run) => {
      await run.write(1);
      await gates[0].promise;
      await run.write(2);
      await gates[1].promise;
    });
    const early = readAll(await handle.subscribe());
    gates[0].resolve();
    const middle = readAll(await other.reader('a').subscribe());
    gates[1].resolve();
    await handle.ended;
    const late = readAll(await other.read('a'));
    for (const reading of [early, middle, late]) expect(await reading).toEqual([1, 2, 'end: finished']);
  });

  it('goes on after a cursor, and after the last record gives the end only', async () => {
    await using world = new World();
    const runs = world.process();
    const cursors: string[] = [];
    const handle = await runs.start('a', { owner: 'ann' }, async (run) => {
      for (let at = 0; at < 5; at += 1) cursors.push(await run.write(at));
    });
    await handle.ended;
    expect(await readAll(await runs.read('a', { after: cursors[2] as string }))).toEqual([
      3,
      4,
      'end: finished',
    ]);
    expect(await readAll(await runs.read('a', { after: cursors[4] as string }))).toEqual(['end: finished']);
    expect(await readAll(await runs.read('a', { last: 1 }))).toEqual([4, 'end: finished']);
  });

  it('knows at once that a run has been read to its end', async () => {
    await using world = new World();
    const runs = world.process();
    const handle = await runs.start('a', { owner: 'ann' }, (run) => run.write('x').then(() => 'done'));
    const { cursor } = await handle.ended;
    const subscription = await runs.read('a', { after: cursor });
    expect(subscription.end).toMatchObject({ how: 'finished', cursor });
    expect(subscription.cursor).toBe(cursor);
  });

  it('pushes events to a sink', async () => {
    await using world = new World();
    const runs = world.process();
    const handle = await runs.start('a', { owner: 'ann' }, (run) => run.write('x').then(() => undefined));
    const events: TopicEvent[] = [];
    const sink: SubscriptionSink = {
      deliver(event) {
        events.push(event);
        return true;
      },
    };
    await handle.ended;
    (await runs.reader('a').attach(sink)).resume();
    expect(events.map(({ kind }) => kind)).toEqual(['record', 'end']);
  });

  it('counts readers that have not read to the end of a run, and ends them when the runs are closed', async () => {
    await using world = new World();
    const runs = world.process();
    const gate = deferred();
    const handle = await runs.start('a', { owner: 'ann' }, async (run) => {
      for (const number of [1, 2, 3]) await run.write(number);
      await gate.promise;
    });
    const events: TopicEvent[] = [];
    const slow = await handle.attach({
      deliver(event) {
        events.push(event);
        return false;
      },
    });
    slow.resume();
    gate.resolve();
    await handle.ended;
    expect(await readAll(await handle.subscribe())).toEqual([1, 2, 3, 'end: finished']);
    expect(runs.stats().subscriptions).toBe(1);
    await runs.close();
    expect(runs.stats().subscriptions).toBe(0);
    slow.resume();
    expect(events.map(({ kind }) => kind)).toEqual(['record', 'end']);
    expect(slow.end).toMatchObject({ how: 'closed' });
  });

  it('settles at once when its signal is aborted although the backplane is silent', async () => {
    await using world = new World();
    const claimExpiredRun = () => new Promise<never>(() => {});
    const runs = world.process({ backplane: withFaults(world.backplane, { claimExpiredRun }) });
    const controller = new AbortController();
    const { signal } = controller;
    const made = [runs.read('a', { signal }), runs.reader('a').attach({ deliver: () => true }, { signal })];
    const reason = new Error('gone');
    controller.abort(reason);
    for (const outcome of await Promise.allSettled(made)) {
      expect(outcome).toEqual({ status: 'rejected', reason });
    }
  });

  it('rejects for a run that does not exist, or whose time after the end is over', async () => {
    await using world = new World();
    const runs = world.process({ ttlMs: 60_000 });
    const notFound = { name: 'RunError', code: 'ERR_RUN_NOT_FOUND' };
    for (const id of ['none', '', 'line\nbreak', 'x'.repeat(300)]) {
      await expect(runs.read(id)).rejects.toMatchObject(notFound);
      await expect(runs.reader(id).subscribe()).rejects.toMatchObject(notFound);
      await expect(runs.info(id)).rejects.toMatchObject(notFound);
      await expect(runs.cancel(id)).rejects.toMatchObject(notFound);
    }
    const gate = deferred();
    const handle = await runs.start('a', { owner: 'ann' }, () => gate.promise);
    await world.advance(600_000);
    expect(await runs.info('a')).toMatchObject({ end: undefined });
    gate.resolve();
    const { ended } = handle;
    await ended;
    await world.advance(59_000);
    expect(await readAll(await runs.read('a'))).toEqual(['end: finished']);
    await world.advance(2_000);
    await expect(runs.read('a')).rejects.toMatchObject(notFound);
    expect(await handle.ended).toMatchObject({ how: 'finished' });
  });

  it('never ends the process by an end that is not waited for', async () => {
    await using world = new World();
    const runs = world.process({ ttlMs: 1000 });
    await runs.start('a', { owner: 'ann' }, async () => {
      throw new Error('unobserved');
    });
    const gate = deferred();
    await runs.start('b', { owner: 'ann' }, () => gate.promise);
    const joined = await runs.start('b', { owner: 'ann' }, () => 1);
    gate.resolve();
    await world.advance(60_000);
    // The run is gone by now, so this promise rejects.
    void joined.ended;
    await world.advance(1000);
    await expect(joined.ended).rejects.toMatchObject({ code: 'ERR_RUN_NOT_FOUND' });
  });
});

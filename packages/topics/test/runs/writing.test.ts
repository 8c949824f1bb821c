import { describe, expect, it } from 'vitest';
import type { Run } from '../../src/index.ts';
import { deferred, readAll, settled, World, withFaults } from './support.ts';

const owner = 'ann';

describe('Run.write', () => {
  it('keeps the order of writes that are not awaited, and the run ends after the last of them', async () => {
    await using world = new World();
    const runs = world.process();
    const handle = await runs.start('a', { owner }, (run) => {
      for (let at = 0; at < 500; at += 1) void run.write(at);
      return 'all';
    });
    expect(await handle.ended).toMatchObject({ how: 'finished', result: 'all' });
    expect(await readAll(await runs.read('a'))).toEqual([...Array(500).keys(), 'end: finished']);
  });

  it('waits for a slow backplane before it ends the run', async () => {
    await using world = new World();
    const gate = deferred();
    const backplane = withFaults(world.backplane, {
      async writeRun(...args) {
        await gate.promise;
        return world.backplane.writeRun(...args);
      },
    });
    const runs = world.process({ backplane });
    const handle = await runs.start('a', { owner }, (run) => void run.write(1));
    await settled();
    expect((await handle.info()).end).toBeUndefined();
    gate.resolve();
    expect(await handle.ended).toMatchObject({ how: 'finished' });
    expect(await readAll(await runs.read('a'))).toEqual([1, 'end: finished']);
  });

  it('keeps bytes, which may be reused after the call', async () => {
    await using world = new World();
    const runs = world.process();
    await runs.start('a', { owner }, async (run) => {
      const bytes = Buffer.from('one');
      const writing = run.write(bytes);
      bytes.fill(0);
      await writing;
    });
    const subscription = await runs.read('a');
    const first = await subscription.next();
    expect(first.value).toMatchObject({ data: new Uint8Array(Buffer.from('one')) });
  });

  it('rejects what is not JSON or too large, and the run goes on', async () => {
    await using world = new World();
    const runs = world.process({ maxRecordBytes: 20 });
    const codes: unknown[] = [];
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const handle = await runs.start('a', { owner }, async (run) => {
      for (const data of [undefined, () => 1, 1n, circular, 'x'.repeat(30), new Uint8Array(21)]) {
        await run.write(data).catch((error) => codes.push(error.code));
      }
      await run.write('fits');
    });
    await handle.ended;
    const usage = 'ERR_TOPICS_USAGE';
    const large = 'ERR_TOPICS_RECORD_TOO_LARGE';
    expect(codes).toEqual([usage, usage, usage, usage, large, large]);
    expect(await readAll(await runs.read('a'))).toEqual(['fits', 'end: finished']);
  });

  it('fails the run at its limits unless the producer catches that', async () => {
    await using world = new World();
    const runs = world.process({ maxRecords: 3 });
    const endless = async (run: Run) => {
      for (let at = 0; ; at += 1) await run.write(at);
    };
    await runs.start('a', { owner }, endless);
    expect(await readAll(await runs.read('a'))).toEqual([0, 1, 2, 'end: failed']);
    const handle = await runs.start('b', { owner, maxRecords: 100, maxBytes: 400 }, async (run) => {
      await endless(run).catch((error) => {
        if (error.code !== 'ERR_RUN_LIMIT') throw error;
      });
      return 'cut off';
    });
    expect(await handle.ended).toMatchObject({ how: 'finished', result: 'cut off' });
    expect(await readAll(await runs.read('b'))).toEqual([0, 1, 'end: finished']);
    expect(world.log.errors).toEqual([expect.stringMatching(/^error: .*3 records/)]);
  });

  it('fails the run if a write fails that nothing waits for', async () => {
    await using world = new World();
    const runs = world.process({ maxRecords: 2 });
    const ignoring = await runs.start('a', { owner }, (run) => {
      for (let at = 0; at < 5; at += 1) void run.write(at);
    });
    expect(await ignoring.ended).toMatchObject({ how: 'failed', error: { code: 'ERR_RUN_FAILED' } });
    const observing = await runs.start('b', { owner }, async (run) => {
      const writes = [0, 1, 2, 3, 4].map((at) => run.write(at));
      return (await Promise.allSettled(writes)).filter(({ status }) => status === 'rejected').length;
    });
    expect(await observing.ended).toMatchObject({ how: 'finished', result: 3 });
  });

  it('refuses writes while too many are pending, instead of keeping them all in memory', async () => {
    await using world = new World();
    const gate = deferred();
    const backplane = withFaults(world.backplane, {
      async writeRun(...args) {
        await gate.promise;
        return world.backplane.writeRun(...args);
      },
    });
    const runs = world.process({ backplane });
    const busy: unknown[] = [];
    const handle = await runs.start('a', { owner }, async (run) => {
      const writes: Promise<unknown>[] = [];
      for (let at = 0; at < 1010; at += 1) writes.push(run.write(at).catch((error) => busy.push(error.code)));
      await Promise.all(writes);
      const big = 'x'.repeat(1024 * 1024 - 10);
      await Promise.all([1, 2, 3, 4, 5].map(() => run.write(big).catch((error) => busy.push(error.code))));
    });
    await settled();
    gate.resolve();
    await handle.ended;
    expect(busy).toEqual(Array(11).fill('ERR_TOPICS_BUSY'));
    expect(await handle.ended).toMatchObject({ how: 'finished' });
    expect(runs.stats().records).toBe(1004);
  });

  it('rejects after the producer has returned, and says so in the log once', async () => {
    await using world = new World();
    const runs = world.process();
    let late: Run | undefined;
    const handle = await runs.start('a', { owner }, async (run) => {
      late = run;
      await run.write('in time');
    });
    await handle.ended;
    const writing = late?.write('late');
    await expect(writing).rejects.toMatchObject({ code: 'ERR_RUN_LEASE_LOST' });
    await expect(writing).rejects.toThrow(/has settled/);
    void late?.write('later, and not awaited');
    await settled();
    expect(await readAll(await runs.read('a'))).toEqual(['in time', 'end: finished']);
    expect(world.log.lines).toMatchObject([{ level: 'warn', details: { runId: 'a' } }]);
  });

  it('passes an error of the backplane to the producer, which may try again', async () => {
    await using world = new World();
    let failures = 2;
    const backplane = withFaults(world.backplane, {
      writeRun: async (...args) => {
        failures -= 1;
        if (failures >= 0) throw new Error('not now');
        return world.backplane.writeRun(...args);
      },
    });
    const runs = world.process({ backplane });
    const handle = await runs.start('a', { owner }, async (run) => {
      for (;;) {
        const isWritten = await run.write('x').then(
          () => true,
          () => false,
        );
        if (isWritten) return;
      }
    });
    await handle.ended;
    expect(await readAll(await runs.read('a'))).toEqual(['x', 'end: finished']);
  });
});

import { describe, expect, it } from 'vitest';
import { BackplaneError, RunFailure, type RunProducer } from '../../src/index.ts';
import { deferred, readAll, settled, World, withFaults } from './support.ts';

const owner = 'ann';

/** The end of a run with this producer, and the log of the process. */
async function endOf(producer: RunProducer) {
  await using world = new World();
  const handle = await world.process().start('a', { owner }, producer);
  return { end: await handle.ended, log: world.log };
}

describe('the end of a run', () => {
  it('has the result, which need not be a promise', async () => {
    for (const result of [0, '', null, false, { a: [1] }]) {
      expect((await endOf(() => result)).end).toMatchObject({ how: 'finished', result });
    }
    const { end } = await endOf(() => undefined);
    expect(end.how).toBe('finished');
    expect(end).not.toHaveProperty('result');
  });

  it('tells readers nothing of an error, which is logged', async () => {
    const secret = new Error('password: 1234');
    const throwing: RunProducer[] = [
      () => {
        throw secret;
      },
      () => Promise.reject(secret),
      async (run) => {
        await run.write(1);
        throw secret;
      },
    ];
    for (const producer of throwing) {
      const { end, log } = await endOf(producer);
      expect(end).toMatchObject({
        how: 'failed',
        error: { code: 'ERR_RUN_FAILED', message: 'the run failed' },
      });
      expect(JSON.stringify(end)).not.toContain('password');
      expect(log.lines).toMatchObject([{ level: 'error', details: { runId: 'a', error: secret } }]);
    }
  });

  it('is a failure for whatever is thrown', async () => {
    const unreadable = new Proxy(new Error('x'), {
      get() {
        throw new Error('unreadable');
      },
    });
    const unknowable = new Proxy(new Error('x'), {
      getPrototypeOf() {
        throw new Error('unknowable');
      },
    });
    for (const thrown of [unknowable, undefined, null, 'text', 1, { code: 'X', message: 'y' }, unreadable]) {
      const { end, log } = await endOf(() => {
        throw thrown;
      });
      expect(end).toMatchObject({ how: 'failed', error: { code: 'ERR_RUN_FAILED' } });
      expect(log.lines).toMatchObject([{ level: 'error', details: { error: expect.any(Error) } }]);
    }
  });

  it('has the code and message of a RunFailure, without its cause', async () => {
    const cause = new Error('503 from 10.0.0.7');
    const { end, log } = await endOf(() => {
      throw new RunFailure('MODEL_BUSY', 'The model is busy.', { cause });
    });
    expect(end).toMatchObject({
      how: 'failed',
      error: { code: 'MODEL_BUSY', message: 'The model is busy.' },
    });
    expect(JSON.stringify(end)).not.toContain('10.0.0.7');
    expect(log.lines).toMatchObject([{ level: 'warn', details: { error: { cause } } }]);
    expect(() => new RunFailure('', 'x')).toThrow(/code: 1 to 64/);
    expect(() => new RunFailure('A B', 'x')).toThrow(/code: 1 to 64/);
    expect(() => new RunFailure('X', '')).toThrow(/message/);
    expect(() => new RunFailure('X', 'x'.repeat(1001))).toThrow(/message/);
  });

  it('gives all readers one frozen result', async () => {
    await using world = new World();
    const handle = await world.process().start('a', { owner: 'ann' }, () => ({ list: [{ text: 'x' }] }));
    const end = await handle.ended;
    const { list } = end.result as { list: object[] };
    for (const shared of [end, end.result, list, list[0]]) expect(Object.isFrozen(shared)).toBe(true);
  });

  it('is a failure with a clear message in the log if the result is not JSON', async () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const results: [unknown, RegExp][] = [
      [() => 1, /not a function/],
      [Symbol('x'), /not a symbol/],
      [1n, /not 1n/],
      [circular, /not an object/],
      [new Uint8Array(3), /run\.write for bytes/],
      ['x'.repeat(2_000_000), /maxRecordBytes/],
      [(function* () {})(), /run\.write for each item/],
      [(async function* () {})(), /run\.write for each item/],
    ];
    for (const [result, message] of results) {
      const { end, log } = await endOf(() => result);
      expect(end).toMatchObject({
        how: 'failed',
        error: { code: 'ERR_RUN_FAILED', message: 'the run failed' },
      });
      expect(log.errors).toEqual([expect.stringMatching(message)]);
    }
  });

  it('comes once, even if the producer settles in several ways', async () => {
    await using world = new World();
    const runs = world.process();
    const handle = await runs.start('a', { owner }, (run) => {
      void Promise.reject(new Error('an inner failure')).catch(() => {});
      return new Promise<string>((resolve, reject) => {
        resolve('first');
        reject(new Error('second'));
        void run.write('x');
      });
    });
    expect(await handle.ended).toMatchObject({ how: 'finished', result: 'first' });
    await runs.cancel('a');
    await world.advance(60_000);
    expect(await readAll(await runs.read('a'))).toEqual(['x', 'end: finished']);
  });

  it('is written again until the backplane takes it, while the lease is renewed', async () => {
    await using world = new World();
    let failures = 10;
    const backplane = withFaults(world.backplane, {
      endRun: async (...args) => {
        failures -= 1;
        if (failures >= 0) throw new BackplaneError('ERR_TOPICS_JOURNAL_WRITE', 'the disk is full');
        return world.backplane.endRun(...args);
      },
    });
    const [runs, other] = [world.process({ backplane }), world.process()];
    const handle = await runs.start('a', { owner }, async () => 'kept');
    await world.advance(40_000);
    expect(await other.info('a')).toMatchObject({ end: undefined, attempt: 0 });
    await world.advance(20_000);
    expect(await handle.ended).toMatchObject({ how: 'finished', result: 'kept' });
    expect(world.log.lines.filter(({ level }) => level === 'warn').length).toBeLessThan(3);
  });

  it('is known although the reply of the backplane was lost', async () => {
    await using world = new World();
    const backplane = withFaults(world.backplane, {
      endRun: async (...args) => {
        await world.backplane.endRun(...args);
        throw new BackplaneError('ERR_TOPICS_OUTCOME_UNKNOWN', 'the connection was lost');
      },
    });
    const runs = world.process({ backplane });
    const handle = await runs.start('a', { owner }, () => 'x');
    expect(await handle.ended).toMatchObject({ how: 'finished', result: 'x' });
    await settled();
    expect(runs.stats()).toMatchObject({ running: 0, finished: 1, lost: 0 });
  });

  it('is a failure if the backplane does not take the result', async () => {
    await using world = new World();
    const backplane = withFaults(world.backplane, {
      endRun: async (id, token, end) => {
        if (end.how === 'finished') throw new TypeError('no such result');
        return world.backplane.endRun(id, token, end);
      },
    });
    const handle = await world.process({ backplane }).start('a', { owner }, () => 'x');
    expect(await handle.ended).toMatchObject({ how: 'failed', error: { code: 'ERR_RUN_FAILED' } });
    expect(world.log.errors).toEqual(['error: no such result']);
  });

  it('is written by another process if the backplane takes none from this one', async () => {
    await using world = new World();
    const backplane = withFaults(world.backplane, {
      endRun: () => Promise.reject(new TypeError('a defect')),
    });
    const [other, runs] = [world.process(), world.process({ backplane })];
    const handle = await runs.start('a', { owner }, () => 'x');
    await world.advance(30_000);
    expect(await handle.ended).toMatchObject({ how: 'interrupted' });
    expect(other.stats()).toMatchObject({ interrupted: 1 });
    expect(runs.stats()).toMatchObject({ running: 0, lost: 1 });
  });

  it('is closed for those who wait when the runs are closed before it', async () => {
    await using world = new World();
    const [runs, other] = [world.process(), world.process()];
    const gate = deferred();
    await runs.start('a', { owner }, () => gate.promise);
    const joined = await other.start('a', { owner }, () => 1);
    const { ended } = joined;
    await settled();
    await other.close();
    expect(await ended).toMatchObject({ kind: 'end', how: 'closed' });
    expect(await runs.info('a')).toMatchObject({ end: undefined });
  });
});

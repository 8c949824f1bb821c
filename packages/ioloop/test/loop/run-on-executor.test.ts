import { threadId } from 'node:worker_threads';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { InlineExecutor, runOnExecutor, ThreadPoolExecutor } from '../../src/executors/index.ts';
import { IOLoop } from '../../src/index.ts';
import { TASKS, task } from '../executors/fixtures/held-task.ts';

describe('runOnExecutor', () => {
  it('makes a function that runs in an executor [FUT-02]', async () => {
    await using executor = new ThreadPoolExecutor({ maxWorkers: 1 });
    const sum = runOnExecutor<(...numbers: number[]) => number>({ module: TASKS }, { executor });
    const total = await sum(1, 2, 3);
    expectTypeOf(total).toEqualTypeOf<number>();
    expect(total).toBe(6);
    expect(await runOnExecutor(task('thread'), { executor })()).not.toBe(threadId);
  });

  it('takes the executor of the loop of this thread when none is named [FUT-02]', async () => {
    const thread = runOnExecutor(task('thread'));
    const before = IOLoop.current();
    before.setDefaultExecutor(new InlineExecutor());
    expect(await thread()).toBe(threadId);
    await before.close();
    IOLoop.current().setDefaultExecutor(new ThreadPoolExecutor({ maxWorkers: 1 }));
    expect(await thread()).not.toBe(threadId);
    await IOLoop.current().close();
  });

  it('rejects where the function throws', async () => {
    const fail = runOnExecutor(task('fail'), { executor: new InlineExecutor() });
    await expect(fail('builtIn')).rejects.toBeInstanceOf(TypeError);
  });

  it('refuses a task that names no place at once', () => {
    const executor = new InlineExecutor();
    expect(() => runOnExecutor({ module: 'hash.js' }, { executor })).toThrow(
      expect.objectContaining({ code: 'ERR_LOOP_USAGE' }),
    );
  });
});

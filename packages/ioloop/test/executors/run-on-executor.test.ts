import { threadId } from 'node:worker_threads';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { InlineExecutor } from '../../src/executors/inline-executor.ts';
import { runOnExecutor } from '../../src/executors/run-on-executor.ts';
import { ThreadPoolExecutor } from '../../src/executors/thread-pool-executor.ts';
import { TASKS, task } from './fixtures/held-task.ts';

describe('runOnExecutor', () => {
  it('makes a function that runs in an executor [FUT-02]', async () => {
    await using executor = new ThreadPoolExecutor({ maxWorkers: 1 });
    const sum = runOnExecutor<(...numbers: number[]) => number>({ module: TASKS }, { executor });
    const total = await sum(1, 2, 3);
    expectTypeOf(total).toEqualTypeOf<number>();
    expect(total).toBe(6);
    expect(await runOnExecutor(task('thread'), { executor })()).not.toBe(threadId);
  });

  it('asks a function for the executor of each call [FUT-02]', async () => {
    const inline = new InlineExecutor();
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    let executor: InlineExecutor | ThreadPoolExecutor = inline;
    const thread = runOnExecutor(task('thread'), { executor: () => executor });
    expect(await thread()).toBe(threadId);
    executor = pool;
    expect(await thread()).not.toBe(threadId);
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

import { threadId } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { Executor } from '../../src/executors/executor.ts';
import { InlineExecutor } from '../../src/executors/inline-executor.ts';
import { LoopExecutors } from '../../src/executors/loop-executors.ts';
import { ThreadPoolExecutor } from '../../src/executors/thread-pool-executor.ts';
import { task } from './fixtures/held-task.ts';

const CLOSED = { name: 'ExecutorClosedError', code: 'ERR_EXECUTOR_CLOSED' };

describe('LoopExecutors', () => {
  it('makes a pool of threads with the first task, and closes it with the loop [LOOP-09]', async () => {
    const executors = new LoopExecutors();
    expect(await executors.run(task('thread'), [])).not.toBe(threadId);
    await executors.close();
    await expect(executors.run(task('thread'), [])).rejects.toMatchObject(CLOSED);
  });

  it('makes one executor, at need', async () => {
    const made: Executor[] = [];
    const make = () => {
      made.push(new InlineExecutor());
      return made[0] as Executor;
    };
    await new LoopExecutors(make).close();
    expect(made).toEqual([]);
    const executors = new LoopExecutors(make);
    for (let round = 0; round < 2; round += 1) await executors.run(task('thread'), []);
    expect(made).toHaveLength(1);
    await executors.close();
    await expect(made[0]?.run(task('thread'), [])).rejects.toMatchObject(CLOSED);
  });

  it('runs a task on the executor that is named, and leaves that open [LOOP-09]', async () => {
    const executors = new LoopExecutors();
    const executor = new InlineExecutor();
    expect(await executors.run(task('thread'), [], { executor })).toBe(threadId);
    await executors.close();
    expect(await executor.run(task('thread'), [])).toBe(threadId);
    await expect(executors.run(task('thread'), [], { executor })).rejects.toMatchObject(CLOSED);
  });

  it('hands on the signal and the transferList', async () => {
    const executors = new LoopExecutors(() => new ThreadPoolExecutor({ maxWorkers: 1 }));
    const reason = new Error('no longer wanted');
    const aborted = executors.run(task('thread'), [], { signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
    const bytes = new Uint8Array([5]);
    expect(await executors.run(task('firstByte'), [bytes], { transferList: [bytes.buffer] })).toBe(5);
    expect(bytes.byteLength).toBe(0);
    await executors.close();
  });

  it('runs tasks on the default that was set, and closes it with the loop [LOOP-09]', async () => {
    const executors = new LoopExecutors();
    const [replaced, last] = [new InlineExecutor(), new InlineExecutor()];
    executors.setDefault(replaced);
    expect(await executors.run(task('thread'), [])).toBe(threadId);
    executors.setDefault(last);
    await executors.close();
    await expect(last.run(task('thread'), [])).rejects.toMatchObject(CLOSED);
    expect(await replaced.run(task('thread'), [])).toBe(threadId);
    expect(() => executors.setDefault(replaced)).toThrow(expect.objectContaining(CLOSED));
  });

  it('lets the one that it made finish when another is set, and closes it with the loop', async () => {
    const own = new ThreadPoolExecutor({ maxWorkers: 1 });
    const executors = new LoopExecutors(() => own);
    const tasks = [executors.run(task('later'), ['ran']), executors.run(task('later'), ['waited'])];
    executors.setDefault(new InlineExecutor());
    expect(await executors.run(task('thread'), [])).toBe(threadId);
    expect(await Promise.all(tasks)).toEqual(['ran', 'waited']);
    await executors.close();
    await expect(own.run(task('thread'), [])).rejects.toMatchObject(CLOSED);
  });

  it('refuses what is no executor', () => {
    for (const wrong of [undefined, null, {}, () => {}]) {
      expect(() => new LoopExecutors().setDefault(wrong as never)).toThrow(
        expect.objectContaining({ code: 'ERR_LOOP_USAGE' }),
      );
    }
  });
});

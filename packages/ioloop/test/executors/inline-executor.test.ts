import { threadId } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { InlineExecutor } from '../../src/executors/inline-executor.ts';
import { transfer } from '../../src/executors/task-function.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { TASKS, task } from './fixtures/held-task.ts';

describe('InlineExecutor', () => {
  it('runs a function in this thread, with the very objects of the caller [FUT-02]', async () => {
    const executor = new InlineExecutor();
    expect(await executor.run(task('thread'), [])).toBe(threadId);
    const given = { uncopyable: () => 1 };
    expect(await executor.run(task('args'), [given])).toEqual([given]);
    expect(((await executor.run(task('args'), [given])) as unknown[])[0]).toBe(given);
    expect(await executor.run({ module: TASKS }, [1, 2])).toBe(3);
    expect(await executor.run(task('later'), ['in time'])).toBe('in time');
  });

  it('turns a throw into a rejection [FUT-02]', async () => {
    const executor = new InlineExecutor();
    await expect(executor.run(task('fail'), ['custom'])).rejects.toMatchObject({
      message: 'too many',
      onRetry: expect.any(Function),
    });
  });

  it('never calls the function before it returns, nor throws', async () => {
    const executor = new InlineExecutor();
    const order = new Int32Array(1);
    const ran = executor.run(task('takePlace'), [order]);
    expect(order[0]).toBe(0);
    expect(await ran).toBe(0);
    const refused = executor.run({ module: './tasks.mjs' }, []);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_LOOP_USAGE' });
  });

  it('says what cannot be run, as the pool does', async () => {
    const executor = new InlineExecutor();
    const missing = executor.run({ module: new URL('no-such-file.mjs', TASKS) }, []);
    await expect(missing).rejects.toMatchObject({ code: 'ERR_EXECUTOR_MODULE' });
    await expect(executor.run(task('constant'), [])).rejects.toMatchObject({ code: 'ERR_EXECUTOR_EXPORT' });
  });

  it('gives a result that is to be handed over as it is', async () => {
    const bytes = new Uint8Array(8);
    const executor = new InlineExecutor();
    const given = await executor.run(task('same'), [transfer(bytes, [bytes.buffer])]);
    expect(given).toBe(bytes);
    expect(bytes.byteLength).toBe(8);
  });

  it('leaves a function by its signal, and never calls one that has not begun', async () => {
    const executor = new InlineExecutor();
    const order = new Int32Array(1);
    const leaving = new AbortController();
    const starting = executor.run(task('takePlace'), [order], { signal: leaving.signal });
    leaving.abort();
    await expect(starting).rejects.toBe(leaving.signal.reason);
    const aborted = executor.run(task('takePlace'), [order], { signal: leaving.signal });
    await expect(aborted).rejects.toBe(leaving.signal.reason);
    expect(await executor.run(task('takePlace'), [order])).toBe(0);
  });

  it('waits for what runs when it is closed, and not for ever', async () => {
    const clock = new VirtualClock();
    const executor = new InlineExecutor({ clock, closeTimeoutMs: 20 });
    const running = executor.run(task('later'), ['done']);
    const endless = executor.run(task('forever'), []);
    const closed = executor.close();
    await expect(executor.run(task('later'), [1])).rejects.toMatchObject({ code: 'ERR_EXECUTOR_CLOSED' });
    expect(await running).toBe('done');
    const left = expect(endless).rejects.toMatchObject({ code: 'ERR_EXECUTOR_CLOSED' });
    await clock.advance(20);
    await left;
    await closed;
    await executor[Symbol.asyncDispose]();
    expect(clock.pending).toBe(0);
  });
});

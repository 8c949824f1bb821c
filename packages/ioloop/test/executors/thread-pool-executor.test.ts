import type { scryptSync } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ExecutorTask } from '../../src/executors/executor.ts';
import {
  ThreadPoolExecutor,
  type ThreadPoolExecutorOptions,
} from '../../src/executors/thread-pool-executor.ts';
import type { Logger } from '../../src/logger.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { HeldTask, TASKS, task } from './fixtures/held-task.ts';

/** Longer than a busy machine takes. */
const EVENTUALLY = { timeout: 20_000 } as const;

describe('ThreadPoolExecutor', () => {
  let executors: ThreadPoolExecutor[];
  let held: HeldTask[];
  beforeEach(() => {
    executors = [];
    held = [];
  });
  afterEach(async () => {
    for (const one of held) one.release();
    await Promise.all(executors.map((executor) => executor.close()));
  });

  function open(options: ThreadPoolExecutorOptions = {}): ThreadPoolExecutor {
    const executor = new ThreadPoolExecutor({ maxWorkers: 1, ...options });
    executors.push(executor);
    return executor;
  }

  function hold(...args: ConstructorParameters<typeof HeldTask>): HeldTask {
    const one = new HeldTask(...args);
    held.push(one);
    return one;
  }

  describe('run', () => {
    it('calls an exported function with arguments, in another thread [LOOP-09]', async () => {
      const executor = open();
      expect(await executor.run(task('args'), [1, 'two', { three: [3] }])).toEqual([
        1,
        'two',
        { three: [3] },
      ]);
      expect(await executor.run(task('thread'), [])).not.toBe(threadId);
    });

    it('takes the default export unless told otherwise', async () => {
      expect(await open().run({ module: TASKS }, [1, 2, 3])).toBe(6);
    });

    it.each([
      ['a URL', TASKS],
      ['the text of one', TASKS.href],
      ['an absolute path', fileURLToPath(TASKS)],
      ['a data: URL', 'data:text/javascript,export default (...all) => all.length * 2'],
    ])('finds a module by %s', async (_, module) => {
      expect(await open().run({ module }, [1, 2, 3])).toBe(6);
    });

    it('runs a function of Node itself, and knows its type', async () => {
      const scrypt: ExecutorTask<typeof scryptSync> = { module: 'node:crypto', export: 'scryptSync' };
      const key: Uint8Array = await open().run(scrypt, ['password', 'salt', 16]);
      expect(key.byteLength).toBe(16);
    });

    it('waits for an asynchronous function', async () => {
      expect(await open().run(task('later'), ['in time'])).toBe('in time');
    });

    it('runs as many tasks at once as there are workers, the others in the order of the calls', async () => {
      const executor = open({ maxWorkers: 2 });
      const [first, second] = [hold(executor), hold(executor)];
      await Promise.all([first.started, second.started]);
      const order = new Int32Array(new SharedArrayBuffer(4));
      const waiting = Array.from({ length: 5 }, () => executor.run(task('takePlace'), [order]));
      expect(order[0]).toBe(0);
      first.release();
      expect(await Promise.all(waiting)).toEqual([0, 1, 2, 3, 4]);
      second.release();
      expect(await first.result).not.toBe(await second.result);
    });

    it.each([
      ['a thread that has to be started', 'cold'],
      ['an idle thread', 'idle'],
      ['a busy thread', 'busy'],
    ])('copies arguments before it returns, for %s', async (_, state) => {
      const executor = open();
      if (state === 'idle') await executor.run(task('thread'), []);
      const holding = state === 'busy' ? hold(executor) : undefined;
      await holding?.started;
      const copied = new Uint8Array([1]);
      const moved = new Uint8Array([2]);
      const first = executor.run(task('firstByte'), [copied]);
      copied[0] = 9;
      holding?.release();
      expect(await first).toBe(1);
      const second = executor.run(task('firstByte'), [moved], { transferList: [moved.buffer] });
      expect(moved.byteLength).toBe(0);
      expect(await second).toBe(2);
    });

    it('hands over arguments that wait for a busy thread', async () => {
      const executor = open();
      const holding = hold(executor);
      const moved = new Uint8Array([2]);
      const result = executor.run(task('firstByte'), [moved], { transferList: [moved.buffer] });
      expect(moved.byteLength).toBe(0);
      holding.release();
      expect(await result).toBe(2);
    });

    it('copies a result, or hands it over where the task says so', async () => {
      const executor = open();
      const seven = new Uint8Array(8).fill(7);
      expect(await executor.run(task('handOver'), [false])).toEqual(seven);
      expect(await executor.run(task('keptLength'), [])).toBe(8);
      expect(await executor.run(task('handOver'), [true])).toEqual(seven);
      expect(await executor.run(task('keptLength'), [])).toBe(0);
    });

    it('refuses a task too many, and leaves its arguments alone', async () => {
      const executor = open({ maxQueue: 1 });
      const holding = hold(executor);
      const waiting = executor.run(task('thread'), []);
      const bytes = new Uint8Array(8);
      const tooMany = executor.run(task('firstByte'), [bytes], { transferList: [bytes.buffer] });
      await expect(tooMany).rejects.toMatchObject({
        name: 'ExecutorLimitError',
        code: 'ERR_EXECUTOR_QUEUE_FULL',
      });
      expect(bytes.byteLength).toBe(8);
      holding.release();
      await waiting;
      expect(await executor.run(task('firstByte'), [bytes])).toBe(0);
    });

    it('counts tasks with a signal like all others, and forgets them when they are aborted', async () => {
      const executor = open({ maxQueue: 2 });
      const holding = hold(executor);
      const { signal } = new AbortController();
      const leaving = new AbortController();
      const [first, second] = [
        executor.run(task('thread'), [], { signal }),
        executor.run(task('thread'), [], { signal: leaving.signal }),
      ];
      const full = { code: 'ERR_EXECUTOR_QUEUE_FULL' };
      await expect(executor.run(task('thread'), [], { signal })).rejects.toMatchObject(full);
      leaving.abort();
      const third = executor.run(task('thread'), [], { signal });
      await expect(executor.run(task('thread'), [])).rejects.toMatchObject(full);
      await expect(second).rejects.toBe(leaving.signal.reason);
      holding.release();
      expect(await first).toBe(await third);
    });

    it('keeps nothing waiting when the queue has no places', async () => {
      const executor = open({ maxQueue: 0 });
      const holding = hold(executor);
      await expect(executor.run(task('thread'), [])).rejects.toMatchObject({
        code: 'ERR_EXECUTOR_QUEUE_FULL',
      });
      holding.release();
      await holding.result;
      expect(await executor.run(task('later'), [1])).toBe(1);
    });
  });

  describe('what cannot be run', () => {
    it('is a module that is not there', async () => {
      const module = new URL('no-such-file.mjs', TASKS);
      await expect(open().run({ module }, [])).rejects.toMatchObject({
        name: 'ExecutorUsageError',
        code: 'ERR_EXECUTOR_MODULE',
        message: expect.stringContaining('no-such-file.mjs'),
        cause: expect.objectContaining({ code: 'ERR_MODULE_NOT_FOUND' }),
      });
    });

    it('is a module that fails while it is loaded', async () => {
      const error = await rejection(open().run({ module: new URL('broken.mjs', TASKS) }, []));
      expect(error).toMatchObject({ code: 'ERR_EXECUTOR_MODULE' });
      expect(error.cause).toBeInstanceOf(RangeError);
      expect(error.cause).toMatchObject({ message: 'this module is broken' });
    });

    it.each([
      ['noSuchExport', /missing.*takePlace/],
      ['constant', /of type number/],
      ['toString', /missing/],
    ])('is the export %s', async (name, message) => {
      await expect(open().run(task(name), [])).rejects.toMatchObject({
        name: 'ExecutorUsageError',
        code: 'ERR_EXECUTOR_EXPORT',
        message: expect.stringMatching(message),
      });
    });

    it.each([
      ['a relative path', './tasks.mjs', /file:.*import\.meta\.url/],
      ['the name of a package', 'vitest', /import\.meta\.resolve/],
      ['a URL of the network', 'https://example.com/task.js', /file:/],
      ['nothing', undefined, /undefined/],
    ])('is a task in %s', async (_, module, message) => {
      await expect(open().run({ module } as ExecutorTask, [])).rejects.toMatchObject({
        name: 'LoopUsageError',
        code: 'ERR_LOOP_USAGE',
        message: expect.stringMatching(message),
      });
    });

    it('is a closure', async () => {
      await expect(open().run((() => 1) as unknown as ExecutorTask, [])).rejects.toMatchObject({
        code: 'ERR_LOOP_USAGE',
        message: expect.stringContaining('cannot move to another thread'),
      });
    });

    it.each([
      ['arguments', 'text', {}],
      ['options', [], null],
      ['a signal', [], { signal: {} }],
      ['a transferList', [], { transferList: new ArrayBuffer(8) }],
    ])('is a call with wrong %s', async (_, args, options) => {
      const refused = open().run(task('args'), args as unknown[], options as never);
      await expect(refused).rejects.toMatchObject({ code: 'ERR_LOOP_USAGE' });
    });

    it.each([
      ['for a thread that has to be started', false],
      ['for an idle thread', true],
    ])('is an argument that cannot be copied, and the error says which, %s', async (_, idle) => {
      const executor = open();
      if (idle) await executor.run(task('thread'), []);
      const bytes = new Uint8Array(8);
      const refused = executor.run(task('args'), [bytes, { inside: () => 1 }, 3], {
        transferList: [bytes.buffer],
      });
      await expect(refused).rejects.toMatchObject({
        name: 'ExecutorUsageError',
        code: 'ERR_EXECUTOR_CLONE',
        message: expect.stringMatching(/^argument 2 of 3 .*\(\) => 1/),
        cause: expect.objectContaining({ name: 'DataCloneError' }),
      });
      expect(bytes.byteLength).toBe(8);
      const failure = new Error('a getter of the caller');
      const throwing = {
        get value(): never {
          throw failure;
        },
      };
      await expect(executor.run(task('args'), [throwing])).rejects.toMatchObject({
        code: 'ERR_EXECUTOR_CLONE',
        message: expect.stringMatching(/^argument 1 of 1 .*a getter of the caller/),
        cause: failure,
      });
      const twice = { transferList: [bytes.buffer, bytes.buffer] };
      await expect(executor.run(task('args'), [bytes], twice)).rejects.toMatchObject({
        code: 'ERR_EXECUTOR_CLONE',
        message: expect.stringMatching(/^the transferList/),
      });
      expect(await executor.run(task('args'), [bytes.byteLength])).toEqual([8]);
    });

    it.each(['returnFunction', 'returnDetached'])(
      'is a result that cannot be copied, which its thread survives: %s',
      async (name) => {
        const executor = open();
        const before = await executor.run(task('thread'), []);
        await expect(executor.run(task(name), [])).rejects.toMatchObject({
          name: 'ExecutorUsageError',
          code: 'ERR_EXECUTOR_CLONE',
          message: expect.stringMatching(/^the result/),
        });
        expect(await executor.run(task('thread'), [])).toBe(before);
      },
    );
  });

  describe('what a task throws', () => {
    it('arrives with its class name, message, stack, cause and properties', async () => {
      const error = await rejection(open().run(task('fail'), ['custom']));
      expect(error).toBeInstanceOf(Error);
      expect(error).toMatchObject({
        name: 'QuotaError',
        message: 'too many',
        code: 'ERR_QUOTA',
        limits: { most: 3 },
      });
      expect(error.stack).toContain('tasks.mjs');
      expect(error).not.toHaveProperty('onRetry');
      expect(error.cause).toBeInstanceOf(TypeError);
      expect(error.cause).toMatchObject({ message: 'the cause', cause: 'its cause' });
      expect(Object.keys(error)).toEqual(['code', 'limits']);
    });

    it('is of the built-in class that it was of', async () => {
      const executor = open();
      expect(await rejection(executor.run(task('fail'), ['builtIn']))).toBeInstanceOf(TypeError);
      expect(await rejection(executor.run(task('fail'), ['named']))).toMatchObject({ name: 'HandmadeError' });
      expect(await rejection(executor.run(task('fail'), ['abort']))).toMatchObject({ name: 'AbortError' });
      const both = await rejection(executor.run(task('fail'), ['aggregate']));
      expect(both).toBeInstanceOf(AggregateError);
      expect((both as AggregateError).errors).toEqual([
        expect.objectContaining({ code: 'ERR_QUOTA' }),
        'two',
      ]);
    });

    it('need not be an error', async () => {
      const executor = open();
      await expect(executor.run(task('fail'), ['value'])).rejects.toEqual({ reason: 'because' });
      await expect(executor.run(task('fail'), ['nothing'])).rejects.toBe(undefined);
      await expect(executor.run(task('fail'), ['function'])).rejects.toMatchObject({
        code: 'ERR_EXECUTOR_CLONE',
        message: expect.stringMatching(/^the value that the task threw/),
      });
    });

    it('may be its own cause, of which a few come along', async () => {
      let error = await rejection(open().run(task('fail'), ['circle']));
      let depth = 0;
      for (; error.cause instanceof Error; error = error.cause) depth += 1;
      expect(depth).toBe(8);
    });
  });

  describe('a thread that ends under its task', () => {
    it.each([
      ['by process.exit', 'exit', [3], /3/],
      ['by an error that nobody caught', 'crash', [], /nobody caught this/],
      ['by lack of memory', 'exhaustMemory', [], /memory/],
    ])('%s, rejects the task, and another is started', async (_, name, args, message) => {
      const executor = open({ resourceLimits: { maxOldGenerationSizeMb: 32 } });
      const before = await executor.run(task('thread'), []);
      const failed = executor.run(task(name), args);
      const next = executor.run(task('thread'), []);
      await expect(failed).rejects.toMatchObject({
        name: 'ExecutorWorkerError',
        code: 'ERR_EXECUTOR_WORKER',
        message: expect.stringMatching(message),
        cause: expect.any(Error),
      });
      expect(await next).not.toBe(before);
    });

    it('is logged when the task was done', async () => {
      let logged: (record: unknown[]) => void = () => {};
      const record = new Promise<unknown[]>((resolve) => {
        logged = resolve;
      });
      const quiet = () => {};
      const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: (...all) => logged(all) };
      const executor = open({ logger });
      const told = new Int32Array(new SharedArrayBuffer(4));
      await executor.run(task('crashAfterwards'), [told]);
      Atomics.store(told, 0, 1);
      expect(await record).toEqual([
        { error: expect.objectContaining({ message: 'a leftover of a task' }) },
        expect.stringContaining('while it had no task'),
      ]);
      expect(await executor.run(task('later'), [1])).toBe(1);
    });
  });

  describe('abort', () => {
    it('keeps a task from starting that is aborted before', async () => {
      const order = new Int32Array(new SharedArrayBuffer(4));
      const reason = new Error('no longer wanted');
      const executor = open();
      const refused = executor.run(task('takePlace'), [order], { signal: AbortSignal.abort(reason) });
      await expect(refused).rejects.toBe(reason);
      const leaving = new AbortController();
      const starting = executor.run(task('takePlace'), [order], { signal: leaving.signal });
      leaving.abort(reason);
      await expect(starting).rejects.toBe(reason);
      expect(await executor.run(task('takePlace'), [order])).toBe(0);
    });

    it('keeps a task from starting that waits', async () => {
      const executor = open();
      const holding = hold(executor);
      const order = new Int32Array(new SharedArrayBuffer(4));
      const leaving = new AbortController();
      const first = executor.run(task('takePlace'), [order], { signal: leaving.signal });
      const second = executor.run(task('takePlace'), [order]);
      leaving.abort();
      await expect(first).rejects.toBe(leaving.signal.reason);
      holding.release();
      expect(await second).toBe(0);
    });

    it('ends the thread of a task that runs, and no other', async () => {
      const executor = open({ maxWorkers: 2 });
      const leaving = new AbortController();
      const aborted = hold(executor, { signal: leaving.signal });
      const other = hold(executor, { signal: new AbortController().signal });
      await Promise.all([aborted.started, other.started]);
      const next = executor.run(task('thread'), []);
      const reason = new Error('no longer wanted');
      leaving.abort(reason);
      await expect(aborted.result).rejects.toBe(reason);
      const thread = await next; // its place is free, although nobody has let the task go
      other.release();
      expect(await other.result).not.toBe(thread);
    });

    it('gives the place to the call that waited first', async () => {
      const executor = open();
      const leaving = new AbortController();
      const holding = hold(executor, { signal: leaving.signal });
      const order = new Int32Array(new SharedArrayBuffer(4));
      const first = executor.run(task('takePlace'), [order]);
      leaving.abort();
      const second = executor.run(task('takePlace'), [order]);
      expect(await Promise.all([first, second])).toEqual([0, 1]);
      await expect(holding.result).rejects.toBe(leaving.signal.reason);
    });

    it('gives back the place of a task that waited once, and no second one', async () => {
      const executor = open({ maxQueue: 1 });
      const leaving = new AbortController();
      const first = hold(executor);
      const second = hold(executor, { signal: leaving.signal });
      first.release();
      await second.started;
      leaving.abort();
      await expect(second.result).rejects.toBe(leaving.signal.reason);
      const third = hold(executor);
      const waiting = executor.run(task('later'), [1]);
      await expect(executor.run(task('later'), [2])).rejects.toMatchObject({
        code: 'ERR_EXECUTOR_QUEUE_FULL',
      });
      third.release();
      expect(await waiting).toBe(1);
    });

    it('puts one listener on a signal, however many tasks it is given to', async () => {
      const warnings: Error[] = [];
      const listen = (warning: Error) => void warnings.push(warning);
      process.on('warning', listen);
      const executor = open();
      const { signal } = new AbortController();
      await Promise.all(Array.from({ length: 30 }, (_, at) => executor.run(task('later'), [at], { signal })));
      await new Promise((resolve) => setImmediate(resolve));
      process.off('warning', listen);
      expect(warnings).toEqual([]);
    });
  });

  describe('close', () => {
    it('refuses further tasks, and may be called again', async () => {
      const executor = open();
      await executor.run(task('thread'), []);
      const closed = executor.close();
      await expect(executor.run(task('thread'), [])).rejects.toMatchObject({
        name: 'ExecutorClosedError',
        code: 'ERR_EXECUTOR_CLOSED',
      });
      await Promise.all([closed, executor.close(), executor[Symbol.asyncDispose]()]);
    });

    it('rejects what waits, and lets finish what runs', async () => {
      const clock = new VirtualClock();
      const executor = open({ clock });
      const holding = hold(executor);
      await holding.started;
      const waiting = [executor.run(task('thread'), []), executor.run(task('thread'), [])];
      const closed = executor.close();
      for (const one of waiting) await expect(one).rejects.toMatchObject({ code: 'ERR_EXECUTOR_CLOSED' });
      await clock.advance(9_999);
      holding.release();
      expect(await holding.result).toBeGreaterThan(0);
      await closed;
      expect(clock.pending).toBe(0);
    });

    it('lets finish what has begun to start', async () => {
      const executor = open();
      const starting = executor.run(task('later'), ['done']);
      await executor.close();
      expect(await starting).toBe('done');
    });

    it('ends what runs for too long', async () => {
      const clock = new VirtualClock();
      const executor = open({ clock, closeTimeoutMs: 50, maxWorkers: 2 });
      const running = [hold(executor), hold(executor, { signal: new AbortController().signal })];
      await Promise.all(running.map(({ started }) => started));
      const closed = executor.close();
      const left = running.map(({ result }) =>
        expect(result).rejects.toMatchObject({
          code: 'ERR_EXECUTOR_CLOSED',
          message: expect.stringContaining('50 ms'),
        }),
      );
      await clock.advance(50);
      await Promise.all([...left, closed]);
    });

    it('leaves no thread or port behind', async () => {
      // Those of the test before close in turns of their own.
      await vi.waitFor(() => expect(resources()).not.toContain('MessagePort'), EVENTUALLY);
      const before = resources();
      expect(threads()).toBe(0);
      const executor = open({ maxWorkers: 3, minWorkers: 2 });
      const leaving = new AbortController();
      const aborted = hold(executor, { signal: leaving.signal });
      await aborted.started;
      await Promise.all([1, 2, 3].map((value) => executor.run(task('later'), [value])));
      expect(threads()).toBe(3);
      leaving.abort();
      await expect(aborted.result).rejects.toBe(leaving.signal.reason);
      await executor.close();
      expect(threads()).toBe(0);
      await vi.waitFor(() => expect(resources()).toEqual(before), EVENTUALLY); // a port closes in a turn of its own
    });

    it('has nothing to do where nothing ran', async () => {
      const before = resources();
      await new ThreadPoolExecutor().close();
      expect(resources()).toEqual(before);
    });
  });

  it('ends idle threads above minWorkers after a while', async () => {
    const executor = open({ idleTimeoutMs: 0 });
    const first = await executor.run(task('thread'), []);
    let next = first;
    while (next === first) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      next = await executor.run(task('thread'), []);
    }
    const lasting = open({ idleTimeoutMs: 0, minWorkers: 1 });
    const before = await lasting.run(task('thread'), []);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await lasting.run(task('thread'), [])).toBe(before);
  });

  it.each([
    { maxWorkers: 0 },
    { maxWorkers: 1.5 },
    { minWorkers: 2, maxWorkers: 1 },
    { minWorkers: -1 },
    { maxQueue: -1 },
    { maxQueue: Number.NaN },
    { idleTimeoutMs: Number.POSITIVE_INFINITY },
    { closeTimeoutMs: -1 },
  ])('refuses invalid options: %j', (options) => {
    expect(() => new ThreadPoolExecutor(options)).toThrow(
      expect.objectContaining({ code: 'ERR_LOOP_USAGE' }),
    );
  });
});

/** What keeps this process alive, without timers: the test runner has some that come and go. */
function resources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => name !== 'Timeout' && name !== 'Immediate')
    .sort();
}

/** How many threads of this process run, by Node's own count. */
function threads(): number {
  return (process.report.getReport() as unknown as { workers: unknown[] }).workers.length;
}

/** The error that a promise rejects with. */
async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('the promise was expected to reject');
}

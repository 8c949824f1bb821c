import { availableParallelism } from 'node:os';
import type { ResourceLimits } from 'node:worker_threads';
import { onAbort } from '../abort.ts';
import { loopChecks } from '../checks.ts';
import { systemClock } from '../clock.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { type TakenWaiter, WaitList } from '../locks/wait-list.ts';

import { consoleLogger, type Logger } from '../logger.ts';
import type { OptionNames } from '../option-names.ts';
import { copyArguments, restoreThrown } from './cloning.ts';
import {
  checkRequest,
  type Executor,
  type ExecutorRunOptions,
  type ExecutorTask,
  type TaskFunction,
  type TaskRequest,
  type UnknownTaskFunction,
} from './executor.ts';
import { ExecutorClosedError, ExecutorLimitError, ExecutorUsageError } from './executor-errors.ts';
import type { WorkerAnswer } from './executor-worker.ts';
import { CLOSE_OPTIONS, type CloseOptions, RunningTasks } from './running-tasks.ts';
import { WorkerPool } from './worker-pool.ts';

export interface ThreadPoolExecutorOptions extends CloseOptions {
  /** Most threads, each with one task at a time: at least 1. Default: what the machine runs at once. */
  readonly maxWorkers?: number | undefined;
  /** Threads that are started with the first task, and kept however long they idle. Default: 0. */
  readonly minWorkers?: number | undefined;
  /** Most tasks that wait for a thread; with 0, a task runs at once or is refused. Default: 1,000. */
  readonly maxQueue?: number | undefined;
  /** How long a thread above `minWorkers` is kept without a task: 0 to 2,147,483,647. Default: 60,000. */
  readonly idleTimeoutMs?: number | undefined;
  /** Limits on the memory of each thread; a task that passes one ends its thread. Default: Node's own. */
  readonly resourceLimits?: ResourceLimits | undefined;
  /** Hears of threads that fail between two tasks. Default: standard error. */
  readonly logger?: Logger | undefined;
}

const POOL_OPTIONS: OptionNames<ThreadPoolExecutorOptions> = {
  ...CLOSE_OPTIONS,
  maxWorkers: true,
  minWorkers: true,
  maxQueue: true,
  idleTimeoutMs: true,
  resourceLimits: true,
  logger: true,
};

/** A task that has no thread yet, and how to forget its signal. */
interface WaitingTask {
  readonly request: TaskRequest;
  readonly forget: (() => void) | undefined;
}

const MAX_QUEUE = 1000;
const IDLE_TIMEOUT_MS = 60_000;

/**
 * Runs functions in threads, by piscina. For work that computes; what waits for a socket or a file needs no thread.
 *
 * Nothing is loaded or started before the first task. Tasks start in the order of the calls. The process stays alive
 * for a task that waits or runs, and not for idle threads.
 */
export class ThreadPoolExecutor implements Executor {
  readonly #maxWorkers: number;
  readonly #maxQueue: number;
  readonly #pool: WorkerPool;
  readonly #running: RunningTasks;
  readonly #waiting = new WaitList<Promise<WorkerAnswer>, WaitingTask>(systemClock, neverExpires);
  #waitingCount = 0;
  #closing: Promise<void> | undefined;

  /** @throws LoopUsageError `ERR_LOOP_USAGE` for options that cannot be meant. */
  constructor(options: ThreadPoolExecutorOptions = {}) {
    loopChecks.options('ThreadPoolExecutor', options, POOL_OPTIONS);
    const {
      maxWorkers = availableParallelism(),
      minWorkers = 0,
      maxQueue = MAX_QUEUE,
      idleTimeoutMs = IDLE_TIMEOUT_MS,
      resourceLimits,
      logger = consoleLogger,
    } = options;
    loopChecks.wholeNumber('ThreadPoolExecutor', 'maxWorkers', maxWorkers, 1);
    loopChecks.wholeNumber('ThreadPoolExecutor', 'minWorkers', minWorkers);
    if (minWorkers > maxWorkers) {
      throw loopChecks.wrong(
        'ThreadPoolExecutor',
        `minWorkers of at most maxWorkers (${maxWorkers})`,
        minWorkers,
      );
    }
    loopChecks.wholeNumber('ThreadPoolExecutor', 'maxQueue', maxQueue);
    loopChecks.durationMs('ThreadPoolExecutor', 'idleTimeoutMs', idleTimeoutMs);
    this.#maxWorkers = maxWorkers;
    this.#maxQueue = maxQueue;
    this.#pool = new WorkerPool({ maxWorkers, minWorkers, idleTimeoutMs, resourceLimits, logger });
    this.#running = new RunningTasks(options);
  }

  /**
   * Calls an exported function in a thread. Arguments, result and what is thrown are copied by structured cloning: class
   * instances arrive as plain objects, functions not at all. The arguments are copied or transferred before this
   * returns, so that they may be changed at once; a task that has to wait is copied twice.
   *
   * @param options.signal - a task that waits never runs; for one that runs, its thread is ended, with whatever the task
   *   had half done (open files and sockets are closed, other threads go on), and another is started at need. A native
   *   call that has begun in the thread returns first. The promise rejects at once.
   * @returns what the function returns; what it throws is rejected with, errors with their class name, message, stack,
   *   cause and those own properties that can be copied. They are instances of `Error`, or of the built-in class.
   * @throws ExecutorUsageError `ERR_EXECUTOR_MODULE`, `ERR_EXECUTOR_EXPORT`, `ERR_EXECUTOR_CLONE`.
   * @throws ExecutorLimitError `ERR_EXECUTOR_QUEUE_FULL`. ExecutorClosedError `ERR_EXECUTOR_CLOSED`.
   * @throws ExecutorWorkerError `ERR_EXECUTOR_WORKER` when the thread ends under the task.
   * @throws LoopUsageError `ERR_LOOP_USAGE` for a task, arguments or options that cannot be meant.
   *
   * @example
   * const task: ExecutorTask<typeof scryptSync> = { module: 'node:crypto', export: 'scryptSync' };
   * const key = await executor.run(task, ['password', 'salt', 64]);
   */
  async run<Fn extends TaskFunction = UnknownTaskFunction>(
    task: ExecutorTask<Fn>,
    args: Readonly<Parameters<Fn>>,
    options?: ExecutorRunOptions,
  ): Promise<Awaited<ReturnType<Fn>>> {
    if (this.#closing !== undefined) throw new ExecutorClosedError('run: the executor is closed');
    let request = checkRequest(task, args, options);
    const mayStart = this.#mayStart && this.#waitingCount === 0;
    if (!mayStart && this.#waitingCount >= this.#maxQueue) {
      throw new ExecutorLimitError(
        `run: ${this.#running.size} tasks run, and ${this.#waitingCount} wait: no more may`,
      );
    }
    if (!mayStart || !this.#pool.hasIdleWorker) {
      request = { ...request, ...copyArguments(request.args, request.transferList) };
    }
    const answer = await (mayStart ? this.#start(request) : this.#wait(request));
    return result(answer) as Awaited<ReturnType<Fn>>;
  }

  /**
   * Refuses further tasks, rejects those that wait with `ERR_EXECUTOR_CLOSED`, and lets those that run finish, for
   * `closeTimeoutMs` at most: then they reject with the same code, and their threads are ended. Resolves when all
   * threads have ended, for which a native call in one of them has to return.
   */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      maxWorkers: this.#maxWorkers,
      running: this.#running.size,
      waiting: this.#waitingCount,
      isClosed: this.#closing !== undefined,
    }));
  }

  get #mayStart(): boolean {
    return this.#running.size < this.#maxWorkers;
  }

  #wait(request: TaskRequest): Promise<Promise<WorkerAnswer>> {
    const { signal } = request;
    const forget = signal && onAbort(signal, () => (this.#waitingCount -= 1));
    this.#waitingCount += 1;
    return this.#waiting.wait({ signal }, { request, forget });
  }

  async #start(request: TaskRequest): Promise<WorkerAnswer> {
    const stop = request.signal && new AbortController();
    try {
      return await this.#running.wait(
        () => this.#pool.post(request, stop?.signal),
        request.signal,
        () => stop?.abort(),
      );
    } finally {
      while (this.#mayStart && this.#startNext());
    }
  }

  #startNext(): boolean {
    const task = this.#takeWaiting();
    task?.resolve(this.#start(task.attached.request));
    return task !== undefined;
  }

  #takeWaiting(): TakenWaiter<Promise<WorkerAnswer>, WaitingTask> | undefined {
    const task = this.#waiting.take();
    if (task === undefined) return undefined;
    this.#waitingCount -= 1;
    task.attached.forget?.();
    return task;
  }

  async #shutDown(): Promise<void> {
    for (let task = this.#takeWaiting(); task !== undefined; task = this.#takeWaiting()) {
      task.reject(new ExecutorClosedError('the executor was closed while the task waited for a thread'));
    }
    await this.#running.end();
    await this.#pool.destroy();
  }
}

/** A task waits as long as it must: what ends it is its signal, or the end of the executor. */
function neverExpires(): never {
  throw new Error('a task waits without a time limit');
}

function result(answer: WorkerAnswer): unknown {
  switch (answer.kind) {
    case 'returned':
      return answer.value;
    case 'threw':
      throw restoreThrown(answer.thrown);
    case 'refused':
      throw new ExecutorUsageError(
        answer.code,
        answer.message,
        answer.cause === undefined ? {} : { cause: restoreThrown(answer.cause) },
      );
  }
}

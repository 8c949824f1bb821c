import { availableParallelism } from 'node:os';
import type { ResourceLimits } from 'node:worker_threads';
import { onAbort } from '../abort.ts';
import { acceptLogger } from '../bound-logger.ts';
import { loopChecks } from '../checks.ts';
import { systemClock } from '../clock.ts';
import { consoleLogger } from '../console-logger.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { type TakenWaiter, WaitList } from '../locks/wait-list.ts';
import type { Logger } from '../logger.ts';
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
  /**
   * Maximum number of threads, each running one task at a time: at least 1. Default: the number of CPUs available to
   * this process.
   */
  readonly maxWorkers?: number | undefined;
  /** Threads that are started with the first task and kept even while idle. Default: 0. */
  readonly minWorkers?: number | undefined;
  /**
   * Maximum number of tasks that wait for a thread. With 0, a task is refused unless it can run at once. Default:
   * 1,000.
   */
  readonly maxQueue?: number | undefined;
  /** How long a thread beyond `minWorkers` is kept while idle, in milliseconds: 0 to 2,147,483,647. Default: 60,000. */
  readonly idleTimeoutMs?: number | undefined;
  /** Memory limits of each thread; if a task exceeds one, its thread ends. Default: those of Node. */
  readonly resourceLimits?: ResourceLimits | undefined;
  /** Receives the log records about threads that fail while they have no task. Default: standard error. */
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

/** A task that waits for a thread, and the function that removes the listener of its signal. */
interface WaitingTask {
  readonly request: TaskRequest;
  readonly forget: (() => void) | undefined;
}

const MAX_QUEUE = 1000;
const IDLE_TIMEOUT_MS = 60_000;

/**
 * Runs functions in threads, by means of piscina. Intended for computations: to wait for a socket or a file, no thread
 * is needed.
 *
 * Nothing is loaded or started before the first task. Tasks start in the order of the calls. Waiting and running tasks
 * keep the process alive; idle threads do not.
 */
export class ThreadPoolExecutor implements Executor {
  readonly #maxWorkers: number;
  readonly #maxQueue: number;
  readonly #pool: WorkerPool;
  readonly #running: RunningTasks;
  readonly #waiting = new WaitList<Promise<WorkerAnswer>, WaitingTask>(systemClock, neverExpires);
  #waitingCount = 0;
  #closing: Promise<void> | undefined;

  /** @throws LoopUsageError `ERR_LOOP_USAGE` if an option is invalid. */
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
    this.#pool = new WorkerPool({
      maxWorkers,
      minWorkers,
      idleTimeoutMs,
      resourceLimits,
      logger: acceptLogger(logger),
    });
    this.#running = new RunningTasks(options);
  }

  /**
   * Calls an exported function in a thread. Arguments, result and thrown values are copied by structured cloning: class
   * instances arrive as plain objects, and functions cannot be copied. The arguments are copied or transferred before
   * this method returns, so the caller may change them at once. The arguments of a task that has to wait are copied
   * twice.
   *
   * @param options.signal - cancels the task; the promise rejects at once. A waiting task never runs. If the task is
   *   running, its thread is terminated in the middle of the work, after any native call has returned: the open files
   *   and sockets of the thread are closed, other threads continue, and a new thread is started when needed.
   * @returns the result of the function. If the function throws, the promise rejects with a copy of that error: an
   *   instance of the same class if that is built in, such as `TypeError`, and of `Error` otherwise. The copy has the
   *   class name, message, stack, cause and those own properties that can be copied.
   * @throws ExecutorUsageError `ERR_EXECUTOR_MODULE`, `ERR_EXECUTOR_EXPORT`, `ERR_EXECUTOR_CLONE`.
   * @throws ExecutorLimitError `ERR_EXECUTOR_QUEUE_FULL`. ExecutorClosedError `ERR_EXECUTOR_CLOSED`.
   * @throws ExecutorWorkerError `ERR_EXECUTOR_WORKER` if the thread ends while it runs the task, or cannot start.
   * @throws LoopUsageError `ERR_LOOP_USAGE` if the task, the arguments or an option is invalid.
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
        `run: the queue is full: ${this.#running.size} tasks running, ${this.#waitingCount} waiting`,
      );
    }
    if (!mayStart || !this.#pool.hasIdleWorker) {
      request = { ...request, ...copyArguments(request.args, request.transferList) };
    }
    const answer = await (mayStart ? this.#start(request) : this.#wait(request));
    return result(answer) as Awaited<ReturnType<Fn>>;
  }

  /**
   * Closes the executor: refuses further tasks, rejects waiting ones with `ERR_EXECUTOR_CLOSED`, and waits up to
   * `closeTimeoutMs` for running ones. After that it rejects the running ones with the same code and ends their
   * threads. Resolves when all threads have ended; a thread in a native call ends only when that call returns.
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
      task.reject(new ExecutorClosedError('the executor was closed while the task was waiting for a thread'));
    }
    await this.#running.end();
    await this.#pool.destroy();
  }
}

/** Never called: a task waits without a time limit, until its signal aborts or the executor closes. */
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

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ResourceLimits } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { Logger } from '../logger.ts';
import { runInRootContext } from '../node-async-context.ts';
import { argumentFault } from './cloning.ts';
import type { TaskRequest } from './executor.ts';
import { ExecutorClosedError, ExecutorWorkerError } from './executor-errors.ts';
import type { WorkerAnswer, WorkerTask } from './executor-worker.ts';

export interface WorkerPoolOptions {
  readonly maxWorkers: number;
  readonly minWorkers: number;
  readonly idleTimeoutMs: number;
  readonly resourceLimits: ResourceLimits | undefined;
  readonly logger: Logger;
}

/**
 * Starts, selects and ends threads, by means of piscina, which is loaded with the first task.
 *
 * The caller never posts more tasks at a time than the maximum number of threads. Piscina's own queue then holds only
 * tasks for which a thread is being started; its limit does not count tasks that have a signal.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  #piscina: Piscina | undefined;
  #loading: Promise<Piscina> | undefined;
  #destroyed = false;
  /** The reject function of each task that was passed to piscina. */
  readonly #posted = new Set<(error: Error) => void>();
  /** Threads that are ending. */
  readonly #ending = new Set<Promise<void>>();
  /** The error of a thread that had no task, until it is reported. */
  #failure: { readonly error: unknown } | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** Whether the next {@link post} copies the arguments before it returns. */
  get hasIdleWorker(): boolean {
    return this.#piscina !== undefined && this.#piscina.idleThreads > 0;
  }

  /**
   * Runs one task in an idle thread, or in a new one if none is idle.
   *
   * @param stop - ends the thread that runs the task.
   * @throws ExecutorUsageError `ERR_EXECUTOR_CLONE`; ExecutorWorkerError if the thread ends or cannot start.
   */
  async post(
    { address, args, transferList }: TaskRequest,
    stop: AbortSignal | undefined,
  ): Promise<WorkerAnswer> {
    const piscina = this.#piscina ?? (await this.#load());
    if (this.#destroyed) throw new ExecutorClosedError('the executor was closed before the task could start');
    // Structured cloning reads these getters in this order, so they show how much of the message was copied.
    const copied = { begun: false, whole: false };
    const message: WorkerTask & Readonly<Record<keyof typeof copied, boolean>> = {
      get begun(): boolean {
        copied.begun = true;
        return true;
      },
      address,
      args,
      get whole(): boolean {
        copied.whole = true;
        return true;
      },
    };
    let rejectPosted: (error: Error) => void = () => {};
    try {
      return await new Promise<WorkerAnswer>((resolve, reject) => {
        rejectPosted = reject;
        this.#posted.add(reject);
        const options = { transferList: [...transferList] as never, signal: stop ?? null };
        // The thread and its port outlive the request that started them, and must not keep its async context.
        runInRootContext(() => void piscina.run(message, options).then(resolve, reject), undefined);
      });
    } catch (error) {
      if (error instanceof ExecutorWorkerError) throw error;
      // Node checks the transferList before it copies the message.
      const unfit = copied.begun || (error as Error).name === 'DataCloneError';
      if (unfit && !copied.whole) throw argumentFault(args, transferList, error);
      throw new ExecutorWorkerError(`the thread ended before its task finished: ${describe(error)}`, {
        cause: error,
      });
    } finally {
      this.#posted.delete(rejectPosted);
    }
  }

  /** Ends all threads, and resolves when they have ended. A thread in a native call ends when that call returns. */
  async destroy(): Promise<void> {
    this.#destroyed = true;
    await this.#loading?.catch(() => {}); // the caller whose task loads piscina gets the error
    await this.#piscina?.destroy();
    await Promise.all(this.#ending);
  }

  #load(): Promise<Piscina> {
    this.#loading ??= import('piscina').then(({ Piscina }) => {
      runInRootContext(() => this.#open(Piscina), undefined);
      return this.#piscina as Piscina;
    });
    return this.#loading;
  }

  #open(PiscinaClass: typeof Piscina): void {
    if (this.#destroyed) return;
    const { maxWorkers, minWorkers, idleTimeoutMs, resourceLimits } = this.#options;
    this.#piscina = new PiscinaClass({
      filename: workerFile(),
      minThreads: minWorkers,
      maxThreads: maxWorkers,
      idleTimeout: idleTimeoutMs,
      concurrentTasksPerWorker: 1,
      // With atomics, idle threads block in Atomics.wait, which stops the timers and sockets of the task modules. It is
      // not faster either: an empty task takes 97 µs with atomics, 83 µs without (piscina 5.3, Node 20).
      atomics: 'disabled',
      recordTiming: false,
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
    });
    this.#piscina.on('error', (error) => this.#failed({ error }));
    this.#piscina.on('workerDestroy', ({ id }: { id: number }) => this.#ended(id));
  }

  /** Called when a thread is being ended or has ended by itself. At that time piscina still lists the thread. */
  #ended(id: number): void {
    const worker = this.#piscina?.threads.find(({ threadId }) => threadId === id);
    // The id of a thread that has already ended is -1, and it emits no further `exit`.
    if (worker !== undefined && id !== -1) {
      const exit = new Promise<void>((resolve) => void worker.once('exit', () => resolve()));
      const forget = exit.then(() => void this.#ending.delete(forget));
      this.#ending.add(forget);
    }
    this.#failed(this.#failure);
  }

  /**
   * If a thread ends while it is starting, piscina does not reject its task: the task keeps waiting, and no other
   * thread is started. The check runs one loop iteration later, because piscina first rejects the tasks of the thread.
   */
  #failed(failure: { readonly error: unknown } | undefined): void {
    this.#failure = failure;
    setImmediate(() => {
      const reason = this.#failure;
      this.#failure = undefined;
      const detail = reason === undefined ? 'it ended without an error' : describe(reason.error);
      if (this.#posted.size > 0 && this.#piscina?.threads.length === 0) {
        const options = reason === undefined ? {} : { cause: reason.error };
        const error = new ExecutorWorkerError(`the thread for the task could not start: ${detail}`, options);
        for (const reject of this.#posted) reject(error);
      } else if (reason !== undefined) {
        this.#options.logger.error(
          { error: reason.error },
          'a thread of the executor failed while it had no task',
        );
      }
    });
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The file of this package's build that runs in each thread. It is resolved through the package's own name, because its
 * path relative to this module differs between `src` and the build.
 */
function workerFile(): string {
  const manifest = createRequire(import.meta.url).resolve('@landspout/ioloop/package.json');
  return pathToFileURL(join(dirname(manifest), 'dist/executors/executor-worker.js')).href;
}

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
 * The threads, by piscina: starting, choosing, idling, ending. Piscina is loaded with the first task.
 *
 * The caller posts no more tasks at once than there may be threads, so that piscina's own queue holds only what a
 * thread is being started for: the limit of that queue does not count tasks that have a signal.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  #piscina: Piscina | undefined;
  #loading: Promise<Piscina> | undefined;
  #destroyed = false;
  /** How to reject each task that piscina has. */
  readonly #posted = new Set<(error: Error) => void>();
  /** Threads that were told to end, and have not yet. */
  readonly #ending = new Set<Promise<void>>();
  /** What a thread without a task failed with, until somebody has been told. */
  #failure: { readonly error: unknown } | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** Whether the next {@link post} copies the arguments before it returns. */
  get hasIdleWorker(): boolean {
    return this.#piscina !== undefined && this.#piscina.idleThreads > 0;
  }

  /**
   * Runs one task on a free thread, or on one that is started for it.
   *
   * @param stop - ends the thread that runs the task.
   * @throws ExecutorUsageError `ERR_EXECUTOR_CLONE`; ExecutorWorkerError when the thread ends or cannot start.
   */
  async post(
    { address, args, transferList }: TaskRequest,
    stop: AbortSignal | undefined,
  ): Promise<WorkerAnswer> {
    const piscina = this.#piscina ?? (await this.#load());
    if (this.#destroyed) throw new ExecutorClosedError('the executor was closed before the task could start');
    // Getters are read while the message is copied, in this order: they say how far that came.
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
        // A thread and its port outlive the request that happened to need them.
        runInRootContext(() => void piscina.run(message, options).then(resolve, reject), undefined);
      });
    } catch (error) {
      if (error instanceof ExecutorWorkerError) throw error;
      // A transferList is looked at before the message is begun.
      const unfit = copied.begun || (error as Error).name === 'DataCloneError';
      if (unfit && !copied.whole) throw argumentFault(args, transferList, error);
      throw new ExecutorWorkerError(`the thread ended before its task did: ${describe(error)}`, {
        cause: error,
      });
    } finally {
      this.#posted.delete(rejectPosted);
    }
  }

  /** Ends all threads, and resolves when they have ended. A thread in a native call ends when the call returns. */
  async destroy(): Promise<void> {
    this.#destroyed = true;
    await this.#loading?.catch(() => {}); // whoever runs a task hears of it
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
      // Idle threads that block in Atomics.wait would stop timers and sockets which modules of tasks keep open, and
      // are not faster: 97 µs for an empty task there, 83 µs here (piscina 5.3, Node 20).
      atomics: 'disabled',
      recordTiming: false,
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
    });
    this.#piscina.on('error', (error) => this.#failed({ error }));
    this.#piscina.on('workerDestroy', ({ id }: { id: number }) => this.#ended(id));
  }

  /** Called when a thread is told to end, or has ended by itself; piscina still lists it. */
  #ended(id: number): void {
    const worker = this.#piscina?.threads.find(({ threadId }) => threadId === id);
    // A thread that has ended already has no number any more, and will not say so again.
    if (worker !== undefined && id !== -1) {
      const exit = new Promise<void>((resolve) => void worker.once('exit', () => resolve()));
      const forget = exit.then(() => void this.#ending.delete(forget));
      this.#ending.add(forget);
    }
    this.#failed(this.#failure);
  }

  /**
   * A thread that ends while it is started takes no task with it, and piscina leaves the task waiting for a thread that
   * nobody starts. The check comes a turn later: piscina tells the tasks of the thread first.
   */
  #failed(failure: { readonly error: unknown } | undefined): void {
    this.#failure = failure;
    setImmediate(() => {
      const reason = this.#failure;
      this.#failure = undefined;
      const detail = reason === undefined ? 'it ended without a word' : describe(reason.error);
      if (this.#posted.size > 0 && this.#piscina?.threads.length === 0) {
        const options = reason === undefined ? {} : { cause: reason.error };
        const error = new ExecutorWorkerError(`the thread for the task could not start: ${detail}`, options);
        for (const reject of this.#posted) reject(error);
      } else if (reason !== undefined) {
        this.#options.logger.error(
          { error: reason.error },
          'a thread of an executor failed between two tasks',
        );
      }
    });
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The entry of this package's build that runs in each thread. Found by the package's own name, since this code stands
 * at different depths in `src` and in the build.
 */
function workerFile(): string {
  const manifest = createRequire(import.meta.url).resolve('@landspout/ioloop/package.json');
  return pathToFileURL(join(dirname(manifest), 'dist/executors/executor-worker.js')).href;
}

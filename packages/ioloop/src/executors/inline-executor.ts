import { loopChecks } from '../checks.ts';
import { INSPECT, inspection } from '../inspection.ts';
import {
  checkRequest,
  type Executor,
  type ExecutorRunOptions,
  type ExecutorTask,
  type TaskFunction,
  type UnknownTaskFunction,
} from './executor.ts';
import { ExecutorClosedError } from './executor-errors.ts';
import { CLOSE_OPTIONS, type CloseOptions, RunningTasks } from './running-tasks.ts';
import { importTask, unwrapTransfer } from './task-function.ts';

/**
 * Runs functions in the caller's own thread, which is blocked meanwhile. For tests, and for systems without threads.
 * Any number of asynchronous functions may run at a time.
 *
 * Nothing is copied: arguments, result and errors are the original objects, and `transferList` is ignored. A call that
 * succeeds here may still fail with `ERR_EXECUTOR_CLONE` on a {@link ThreadPoolExecutor}.
 */
export class InlineExecutor implements Executor {
  readonly #running: RunningTasks;
  #closing: Promise<void> | undefined;

  /** @throws LoopUsageError `ERR_LOOP_USAGE` if an option is invalid. */
  constructor(options: CloseOptions = {}) {
    loopChecks.options('InlineExecutor', options, CLOSE_OPTIONS);
    this.#running = new RunningTasks(options);
  }

  /**
   * Calls an exported function as soon as its module is loaded, but never before this method returns.
   *
   * @param options.signal - rejects the promise at once. A function that has not been called yet is never called; one
   *   that is running cannot be stopped and runs to its end.
   * @returns the result of the function. If the function throws, the promise rejects with that error.
   * @throws ExecutorUsageError `ERR_EXECUTOR_MODULE`, `ERR_EXECUTOR_EXPORT`; ExecutorClosedError `ERR_EXECUTOR_CLOSED`;
   *   LoopUsageError `ERR_LOOP_USAGE`.
   */
  async run<Fn extends TaskFunction = UnknownTaskFunction>(
    task: ExecutorTask<Fn>,
    args: Readonly<Parameters<Fn>>,
    options?: ExecutorRunOptions,
  ): Promise<Awaited<ReturnType<Fn>>> {
    if (this.#closing !== undefined) throw new ExecutorClosedError('run: the executor is closed');
    const request = checkRequest(task, args, options);
    let wanted = true;
    const work = async () => {
      const call = await importTask(request.address);
      return wanted ? unwrapTransfer(await call(...request.args)).value : undefined;
    };
    const result = await this.#running.wait(work, request.signal, () => {
      wanted = false;
    });
    return result as Awaited<ReturnType<Fn>>;
  }

  /**
   * Closes the executor: refuses further tasks, and waits up to `closeTimeoutMs` for running ones. After that their
   * promises reject with `ERR_EXECUTOR_CLOSED`; the functions keep running, and their results are discarded.
   */
  close(): Promise<void> {
    this.#closing ??= this.#running.end();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      running: this.#running.size,
      isClosed: this.#closing !== undefined,
    }));
  }
}

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
 * Runs functions in the caller's own thread, which stands still meanwhile: for tests, and where threads are not to be
 * had. Any number run at once, as asynchronous functions do.
 *
 * Nothing is copied: arguments, result and errors are the very objects, and a `transferList` is left alone. What works
 * here may still meet `ERR_EXECUTOR_CLONE` on a {@link ThreadPoolExecutor}.
 */
export class InlineExecutor implements Executor {
  readonly #running: RunningTasks;
  #closing: Promise<void> | undefined;

  /** @throws LoopUsageError `ERR_LOOP_USAGE` for options that cannot be meant. */
  constructor(options: CloseOptions = {}) {
    loopChecks.options('InlineExecutor', options, CLOSE_OPTIONS);
    this.#running = new RunningTasks(options);
  }

  /**
   * Calls an exported function as soon as its module is loaded, never before this returns.
   *
   * @param options.signal - nobody can stop a function in its own thread: the promise rejects at once, and the function
   *   runs to its end. One that has not begun never does.
   * @returns what the function returns; what it throws is rejected with.
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
   * Refuses further tasks, and lets those that run finish, for `closeTimeoutMs` at most: then their promises reject with
   * `ERR_EXECUTOR_CLOSED`, and the functions go on unheard.
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

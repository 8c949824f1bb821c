import { loopChecks } from '../checks.ts';
import type { OptionNames } from '../option-names.ts';
import type {
  Executor,
  ExecutorRunOptions,
  ExecutorTask,
  TaskFunction,
  UnknownTaskFunction,
} from './executor.ts';
import { ExecutorClosedError } from './executor-errors.ts';
import { ThreadPoolExecutor } from './thread-pool-executor.ts';

export interface RunInExecutorOptions extends ExecutorRunOptions {
  /** The executor that runs the task. The caller still has to close it. Default: the loop's own executor. */
  readonly executor?: Pick<Executor, 'run'> | undefined;
}

const RUN_OPTIONS: OptionNames<RunInExecutorOptions> = {
  executor: true,
  signal: true,
  transferList: true,
};

/**
 * The default executor of a loop, for tasks without the option `executor`: created when first needed, and closed with
 * the loop.
 */
export class LoopExecutors {
  readonly #make: () => Executor;
  #default: Executor | undefined;
  /** The executor that this object created, and must close, even after another has become the default. */
  #own: Executor | undefined;
  #closing: Promise<void> | undefined;

  /** @param make - creates the executor for the first task if none was set. Default: a ThreadPoolExecutor. */
  constructor(make: () => Executor = () => new ThreadPoolExecutor()) {
    this.#make = make;
  }

  /**
   * Runs a task on `options.executor`, or on the default executor.
   *
   * @throws ExecutorClosedError `ERR_EXECUTOR_CLOSED` after {@link close}, even if `options.executor` is set. Errors of
   *   the executor are passed on unchanged.
   */
  async run<Fn extends TaskFunction = UnknownTaskFunction>(
    task: ExecutorTask<Fn>,
    args: Readonly<Parameters<Fn>>,
    options: RunInExecutorOptions = {},
  ): Promise<Awaited<ReturnType<Fn>>> {
    if (this.#closing !== undefined) throw new ExecutorClosedError('runInExecutor: the loop is closed');
    loopChecks.options('runInExecutor', options, RUN_OPTIONS);
    const { executor, ...runOptions } = options;
    return await (executor ?? this.#takeDefault()).run(task, args, runOptions);
  }

  /**
   * Sets the executor for later tasks. The loop closes it when the loop closes. If another executor was set before, the
   * caller must close that one. If the loop had created one, it finishes its tasks, and is still closed with the loop.
   *
   * @throws LoopUsageError `ERR_LOOP_USAGE` if `executor` is not an executor; ExecutorClosedError
   *   `ERR_EXECUTOR_CLOSED`.
   */
  setDefault(executor: Executor): void {
    loopChecks.withMethods('setDefaultExecutor', 'an Executor', executor, 'run', 'close');
    if (this.#closing !== undefined) throw new ExecutorClosedError('setDefaultExecutor: the loop is closed');
    this.#default = executor;
  }

  /** Closes the default executor by calling its `close` method. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  #takeDefault(): Executor {
    if (this.#default === undefined) {
      this.#own = this.#make();
      this.#default = this.#own;
    }
    return this.#default;
  }

  async #shutDown(): Promise<void> {
    await Promise.all([this.#default?.close(), this.#own?.close()]);
  }
}

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
  /** Where the task runs. It stays the caller's to close. Default: the loop's own executor. */
  readonly executor?: Pick<Executor, 'run'> | undefined;
}

const RUN_OPTIONS: OptionNames<RunInExecutorOptions> = {
  executor: true,
  signal: true,
  transferList: true,
};

/** The executor that a loop runs tasks on when none is named: made at the first need, and closed with the loop. */
export class LoopExecutors {
  readonly #make: () => Executor;
  #default: Executor | undefined;
  /** The one that was made here: nobody else can close it when another has become the default. */
  #own: Executor | undefined;
  #closing: Promise<void> | undefined;

  /** @param make - makes the executor when the first task comes and none was set. Default: a ThreadPoolExecutor. */
  constructor(make: () => Executor = () => new ThreadPoolExecutor()) {
    this.#make = make;
  }

  /**
   * Runs a task on `options.executor`, or on the default.
   *
   * @throws ExecutorClosedError `ERR_EXECUTOR_CLOSED` after {@link close}, whichever executor is named; what the
   *   executor rejects with passes unchanged.
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
   * Sets where tasks run from now on; the loop closes it with itself. One that was set before is the caller's again. One
   * that the loop had made finishes what it was given, and is closed with the loop too.
   *
   * @throws LoopUsageError `ERR_LOOP_USAGE` for what is no executor; ExecutorClosedError `ERR_EXECUTOR_CLOSED`.
   */
  setDefault(executor: Executor): void {
    loopChecks.withMethods('setDefaultExecutor', 'an Executor', executor, 'run', 'close');
    if (this.#closing !== undefined) throw new ExecutorClosedError('setDefaultExecutor: the loop is closed');
    this.#default = executor;
  }

  /** Closes the default executor, as its own `close` says. May be called again. */
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

import { loopChecks } from '../checks.ts';
import {
  checkTask,
  type Executor,
  type ExecutorTask,
  type TaskFunction,
  type UnknownTaskFunction,
} from '../executors/executor.ts';
import type { OptionNames } from '../option-names.ts';
import { IOLoop } from './io-loop.ts';

export interface RunOnExecutorOptions {
  /** Where each call runs; it stays the caller's to close. Default: the executor of the loop of the calling thread. */
  readonly executor?: Pick<Executor, 'run'> | undefined;
}

const ON_EXECUTOR_OPTIONS: OptionNames<RunOnExecutorOptions> = { executor: true };

/**
 * Makes a function that runs in an executor, to be called like any other.
 *
 * Tornado's decorator of this name wraps a method. JavaScript cannot move a closure or a method to another thread, so
 * here a function is named by its module and export, and everything that it needs is an argument.
 *
 * @returns a function that never throws: what fails is a rejection, as of `Executor.run`.
 * @throws LoopUsageError `ERR_LOOP_USAGE` for a task that names no place.
 *
 * @example
 * const hash = runOnExecutor<typeof import('../executors/hash.js').hash>({
 *   module: new URL('./hash.js', import.meta.url),
 *   export: 'hash',
 * });
 * const digest = await hash('text');
 */
export function runOnExecutor<Fn extends TaskFunction = UnknownTaskFunction>(
  task: ExecutorTask<Fn>,
  options: RunOnExecutorOptions = {},
): (...args: Parameters<Fn>) => Promise<Awaited<ReturnType<Fn>>> {
  loopChecks.options('runOnExecutor', options, ON_EXECUTOR_OPTIONS);
  checkTask(task);
  const { executor } = options;
  return async (...args): Promise<Awaited<ReturnType<Fn>>> => {
    return await IOLoop.current().runInExecutor(task, args, { executor });
  };
}

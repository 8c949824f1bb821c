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
  /** Where each call runs; the caller must close it. Default: the executor of the calling thread's loop. */
  readonly executor?: Pick<Executor, 'run'> | undefined;
}

const ON_EXECUTOR_OPTIONS: OptionNames<RunOnExecutorOptions> = { executor: true };

/**
 * Returns a function that can be called like any other but runs in an executor.
 *
 * Tornado's decorator of the same name wraps a method. JavaScript cannot move a closure or method to another thread, so
 * here the function is named by its module and export, and everything it needs is passed as an argument.
 *
 * @returns a function that never throws: its promise rejects with the same errors as `Executor.run`.
 * @throws LoopUsageError `ERR_LOOP_USAGE` if the task is invalid.
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

/**
 * Executors: functions that run in worker threads, with limits, abort and typed errors.
 *
 * @packageDocumentation
 */

// Executors.

export { type RunOnExecutorOptions, runOnExecutor } from '../loop/run-on-executor.ts';
export type { Executor, ExecutorRunOptions } from './executor.ts';
export { InlineExecutor } from './inline-executor.ts';
export type { RunInExecutorOptions } from './loop-executors.ts';
export type { CloseOptions as ExecutorCloseOptions } from './running-tasks.ts';
export { ThreadPoolExecutor, type ThreadPoolExecutorOptions } from './thread-pool-executor.ts';

// Tasks.

export type { ExecutorTask, TaskFunction, Transferable, UnknownTaskFunction } from './executor.ts';
export { transfer } from './task-function.ts';

// Errors.

export {
  EXECUTOR_ERRORS,
  ExecutorClosedError,
  type ExecutorErrorCode,
  ExecutorLimitError,
  ExecutorUsageError,
  ExecutorWorkerError,
} from './executor-errors.ts';

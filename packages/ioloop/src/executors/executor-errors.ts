import { CodedError } from '../errors.ts';

/** What an executor refuses or cannot do. What the function of a task throws is not here: it passes as it is. */
export const EXECUTOR_ERRORS = {
  ERR_EXECUTOR_MODULE: { meaning: 'The module of a task is not there, or fails while it is loaded.' },
  ERR_EXECUTOR_EXPORT: { meaning: 'The module of a task exports no function of that name.' },
  ERR_EXECUTOR_CLONE: {
    meaning: 'An argument, or what a task returned or threw, cannot be copied to another thread.',
  },
  ERR_EXECUTOR_QUEUE_FULL: { meaning: 'All threads are busy, and as many tasks wait as may.' },
  ERR_EXECUTOR_WORKER: { meaning: 'The thread ended before its task did, or could not be started.' },
  ERR_EXECUTOR_CLOSED: { meaning: 'The executor was closed before the task had run to its end.' },
} as const satisfies Record<string, { meaning: string }>;

export type ExecutorErrorCode = keyof typeof EXECUTOR_ERRORS;

/** The codes that name a mistake in a task or in its arguments. */
export type ExecutorUsageErrorCode = 'ERR_EXECUTOR_MODULE' | 'ERR_EXECUTOR_EXPORT' | 'ERR_EXECUTOR_CLONE';

/** The task names no function, or its values cannot cross to another thread. The thread goes on with other tasks. */
export class ExecutorUsageError extends CodedError<ExecutorUsageErrorCode> {
  override readonly name = 'ExecutorUsageError';
}

/** There is no place for one more task. Its arguments are as before: nothing was copied or transferred. */
export class ExecutorLimitError extends CodedError<'ERR_EXECUTOR_QUEUE_FULL'> {
  override readonly name = 'ExecutorLimitError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_EXECUTOR_QUEUE_FULL', message, options);
  }
}

/**
 * The thread ended under its task: `process.exit`, an error that nobody caught, or no memory left. How far the task
 * had come is unknown. The executor starts another thread for the next one.
 */
export class ExecutorWorkerError extends CodedError<'ERR_EXECUTOR_WORKER'> {
  override readonly name = 'ExecutorWorkerError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_EXECUTOR_WORKER', message, options);
  }
}

/** The executor was closed before the call, while the task waited, or while it ran for too long. */
export class ExecutorClosedError extends CodedError<'ERR_EXECUTOR_CLOSED'> {
  override readonly name = 'ExecutorClosedError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_EXECUTOR_CLOSED', message, options);
  }
}

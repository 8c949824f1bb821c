import { CodedError } from '../errors.ts';

/**
 * The errors of executors. If the function of a task throws, the call rejects with that error, or, with
 * `ThreadPoolExecutor`, with a copy of it.
 */
export const EXECUTOR_ERRORS = {
  ERR_EXECUTOR_MODULE: {
    meaning: 'The module of a task does not exist, or fails while it is loaded; see the `cause`.',
  },
  ERR_EXECUTOR_EXPORT: {
    meaning: 'The module of a task exports no function of that name; export it, or correct the name.',
  },
  ERR_EXECUTOR_CLONE: {
    meaning:
      'An argument, result or thrown value cannot be copied to another thread; use plain data, or transfer it.',
  },
  ERR_EXECUTOR_QUEUE_FULL: {
    meaning:
      'All threads are busy, and the queue of tasks is full; wait for tasks to finish, or raise `maxQueue`.',
  },
  ERR_EXECUTOR_WORKER: {
    meaning:
      'The thread ended before its task finished, or could not be started; part of the task may have run.',
  },
  ERR_EXECUTOR_CLOSED: { meaning: 'The executor was closed before the call, or before the task finished.' },
} as const satisfies Record<string, { meaning: string }>;

export type ExecutorErrorCode = keyof typeof EXECUTOR_ERRORS;

/** The codes for mistakes in a task or in its arguments. */
export type ExecutorUsageErrorCode = 'ERR_EXECUTOR_MODULE' | 'ERR_EXECUTOR_EXPORT' | 'ERR_EXECUTOR_CLONE';

/**
 * The task does not name a function, or a value cannot be copied to another thread. The thread continues with other
 * tasks.
 */
export class ExecutorUsageError extends CodedError<ExecutorUsageErrorCode> {
  override readonly name = 'ExecutorUsageError';
}

/** The queue is full. The arguments are unchanged: nothing was copied or transferred. */
export class ExecutorLimitError extends CodedError<'ERR_EXECUTOR_QUEUE_FULL'> {
  override readonly name = 'ExecutorLimitError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_EXECUTOR_QUEUE_FULL', message, options);
  }
}

/**
 * The thread ended while it ran the task: by `process.exit`, an uncaught error, or lack of memory. Part of the task may
 * have run. The executor starts another thread for the next task.
 */
export class ExecutorWorkerError extends CodedError<'ERR_EXECUTOR_WORKER'> {
  override readonly name = 'ExecutorWorkerError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_EXECUTOR_WORKER', message, options);
  }
}

/**
 * The executor was closed before the call, while the task was waiting, or while it was still running after the close
 * timeout.
 */
export class ExecutorClosedError extends CodedError<'ERR_EXECUTOR_CLOSED'> {
  override readonly name = 'ExecutorClosedError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_EXECUTOR_CLOSED', message, options);
  }
}

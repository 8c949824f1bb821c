import { CodedError } from './errors.ts';

/** Everything this package refuses by itself, and whose move it is. What the system refuses is a `SystemError`. */
export const LOOP_ERRORS = {
  ERR_LOOP_NOT_SUPPORTED: { meaning: 'Only the native backend can do this, and another one runs.' },
  ERR_LOOP_BACKEND: { meaning: 'LANDSPOUT_BACKEND names a backend that does not exist or cannot be had.' },
  ERR_LOOP_USAGE: { meaning: 'An argument or the moment of the call is wrong.' },
  ERR_LOOP_ALREADY_REGISTERED: { meaning: 'A handler for this socket is registered already.' },
  ERR_LOOP_NOT_REGISTERED: { meaning: 'No handler for this socket is registered.' },
  ERR_LOOP_CLOSED: { meaning: 'The loop, selector or socket was closed before the call.' },
  ERR_LOOP_RUNNING: { meaning: 'The loop is running, and was to be started again or closed.' },
  ERR_LOOP_NOT_RUNNING: { meaning: 'The loop was to be stopped, and nothing waits on it.' },
  ERR_LOOP_STOPPED: { meaning: 'The loop was stopped before its run had a result.' },
  ERR_LOOP_TIMEOUT: { meaning: 'The time that the caller allowed has passed.' },
  ERR_SELECTOR_EMPTY: { meaning: 'A selector was asked to wait for ever on nothing.' },
  ERR_LOCK_NOT_HELD: { meaning: 'A lock or bounded semaphore was released more often than acquired.' },
  ERR_QUEUE_FULL: { meaning: 'An item was put without waiting, and the queue has no place.' },
  ERR_QUEUE_EMPTY: { meaning: 'An item was taken without waiting, and the queue has none.' },
  ERR_QUEUE_TASK_DONE: { meaning: 'taskDone was called more often than items were put.' },
} as const satisfies Record<string, { meaning: string }>;

export type LoopErrorCode = keyof typeof LOOP_ERRORS;

/** The codes that name a mistake of the caller, not the end or the lateness of something. */
export type LoopUsageErrorCode = Exclude<
  LoopErrorCode,
  'ERR_LOOP_CLOSED' | 'ERR_LOOP_STOPPED' | 'ERR_LOOP_TIMEOUT' | 'ERR_QUEUE_FULL' | 'ERR_QUEUE_EMPTY'
>;

/** The caller asked for something that cannot be; nothing was changed by the call. */
export class LoopUsageError extends CodedError<LoopUsageErrorCode> {
  override readonly name = 'LoopUsageError';
}

/** A wait lasted longer than its caller allowed. What was waited for goes on. */
export class LoopTimeoutError extends CodedError<'ERR_LOOP_TIMEOUT'> {
  override readonly name = 'LoopTimeoutError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LOOP_TIMEOUT', message, options);
  }
}

/** The loop, selector or socket was closed before the call, or while it waited. */
export class LoopClosedError extends CodedError<'ERR_LOOP_CLOSED'> {
  override readonly name = 'LoopClosedError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LOOP_CLOSED', message, options);
  }
}

/** The loop was stopped while `run` waited for a result. Its `main` was told by the signal. */
export class LoopStoppedError extends CodedError<'ERR_LOOP_STOPPED'> {
  override readonly name = 'LoopStoppedError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LOOP_STOPPED', message, options);
  }
}

/** An item was put without waiting into a queue that has no place. The queue is as before. */
export class QueueFullError extends CodedError<'ERR_QUEUE_FULL'> {
  override readonly name = 'QueueFullError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_QUEUE_FULL', message, options);
  }
}

/** An item was asked for without waiting from a queue that has none. */
export class QueueEmptyError extends CodedError<'ERR_QUEUE_EMPTY'> {
  override readonly name = 'QueueEmptyError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_QUEUE_EMPTY', message, options);
  }
}

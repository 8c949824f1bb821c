import { CodedError } from './errors.ts';

/**
 * The errors that this package detects itself, with their meaning. A failed system call throws a `SystemError` instead.
 */
export const LOOP_ERRORS = {
  ERR_LOOP_NOT_SUPPORTED: {
    meaning:
      'The call needs the native backend, but the portable one is in use; `backendReason` of the loop says why.',
  },
  ERR_LOOP_BACKEND: {
    meaning:
      'LANDSPOUT_BACKEND names an unknown or unavailable backend: set it to native or portable, or unset it. Or LANDSPOUT_TLS names an unknown or unavailable TLS: set it to native or node, or unset it.',
  },
  ERR_LOOP_USAGE: { meaning: 'An argument is invalid, or the call is not possible now; see the message.' },
  ERR_LOOP_ALREADY_REGISTERED: {
    meaning:
      'A handler or selector already watches the socket or descriptor; update or remove the existing registration.',
  },
  ERR_LOOP_NOT_REGISTERED: { meaning: 'The socket or descriptor has no handler; register one first.' },
  ERR_LOOP_CLOSED: {
    meaning: 'The loop, selector or socket was closed before or during the call; create a new one.',
  },
  ERR_LOOP_RUNNING: { meaning: 'A running loop was started again or closed; stop it first.' },
  ERR_LOOP_NOT_RUNNING: { meaning: '`stop` was called, but neither `start` nor `run` is in progress.' },
  ERR_LOOP_STOPPED: {
    meaning: 'The loop was stopped before `run` had a result; the signal passed to its function was aborted.',
  },
  ERR_LOOP_TIMEOUT: {
    meaning: 'A wait took longer than the caller allowed; what it waited for may still be in progress.',
  },
  ERR_SELECTOR_EMPTY: {
    meaning:
      'A selector without an open socket was asked to wait without a timeout; register a socket, or pass a timeout.',
  },
  ERR_LOCK_NOT_HELD: {
    meaning:
      'A lock or bounded semaphore was released more often than it was acquired; release it once for each acquire.',
  },
  ERR_QUEUE_FULL: {
    meaning: '`putNowait` was called while the queue was full; `put` waits for space.',
  },
  ERR_QUEUE_EMPTY: { meaning: '`getNowait` was called while the queue was empty; `get` waits for an item.' },
  ERR_QUEUE_TASK_DONE: {
    meaning: '`taskDone` was called more often than items were put; call it once for each item taken.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type LoopErrorCode = keyof typeof LOOP_ERRORS;

/**
 * The codes for mistakes of the caller. A close, a stop, a timeout, and a full or empty queue have error classes of
 * their own.
 */
export type LoopUsageErrorCode = Exclude<
  LoopErrorCode,
  'ERR_LOOP_CLOSED' | 'ERR_LOOP_STOPPED' | 'ERR_LOOP_TIMEOUT' | 'ERR_QUEUE_FULL' | 'ERR_QUEUE_EMPTY'
>;

/** The caller passed an invalid argument, or made a call that is not possible now. The call has changed nothing. */
export class LoopUsageError extends CodedError<LoopUsageErrorCode> {
  override readonly name = 'LoopUsageError';
}

/** A wait took longer than the caller allowed. What it waited for is not cancelled. */
export class LoopTimeoutError extends CodedError<'ERR_LOOP_TIMEOUT'> {
  override readonly name = 'LoopTimeoutError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LOOP_TIMEOUT', message, options);
  }
}

/** The loop, selector or socket was closed before or during the call. */
export class LoopClosedError extends CodedError<'ERR_LOOP_CLOSED'> {
  override readonly name = 'LoopClosedError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LOOP_CLOSED', message, options);
  }
}

/** The loop was stopped while `run` waited for a result. The signal passed to `main` was aborted. */
export class LoopStoppedError extends CodedError<'ERR_LOOP_STOPPED'> {
  override readonly name = 'LoopStoppedError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LOOP_STOPPED', message, options);
  }
}

/** `putNowait` was called while the queue was full. The queue has not changed. */
export class QueueFullError extends CodedError<'ERR_QUEUE_FULL'> {
  override readonly name = 'QueueFullError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_QUEUE_FULL', message, options);
  }
}

/** `getNowait` was called while the queue was empty. */
export class QueueEmptyError extends CodedError<'ERR_QUEUE_EMPTY'> {
  override readonly name = 'QueueEmptyError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_QUEUE_EMPTY', message, options);
  }
}

import { CodedError } from '../../errors.ts';

/** All errors of starting and supervising processes, except failed system calls, which throw a `SystemError`. */
export const PROCESS_ERRORS = {
  ERR_PROCESS_USAGE: {
    meaning:
      'An argument is invalid, or the call is not allowed in this place or state; no process was started.',
  },
  ERR_PROCESS_NOT_READY: {
    meaning:
      'A rolling restart failed: a new child did not become ready to replace an existing one, which keeps running.',
  },
  ERR_PROCESS_RESTARTS: {
    meaning:
      'Children died more often than `maxRestarts` allows, and all of them were stopped; the log says how each ended.',
  },
  ERR_PROCESS_TIMEOUT: {
    meaning:
      'A child did not respond to a question of its parent in time; it may be busy, or may not support questions.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type ProcessErrorCode = keyof typeof PROCESS_ERRORS;

/** The call is invalid; no process was started. */
export class ProcessUsageError extends CodedError<'ERR_PROCESS_USAGE'> {
  override readonly name = 'ProcessUsageError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_PROCESS_USAGE', message, options);
  }
}

/** Children died more often than the restart limit allows. All children have ended. */
export class ProcessLimitError extends CodedError<'ERR_PROCESS_RESTARTS'> {
  override readonly name = 'ProcessLimitError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_PROCESS_RESTARTS', message, options);
  }
}

/**
 * A rolling restart failed because a new child did not become ready. The child that it should replace, and all others,
 * keep running.
 */
export class ProcessNotReadyError extends CodedError<'ERR_PROCESS_NOT_READY'> {
  override readonly name = 'ProcessNotReadyError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_PROCESS_NOT_READY', message, options);
  }
}

/** A child did not answer a question of its parent in time. It may be busy, or may not support questions. */
export class ProcessTimeoutError extends CodedError<'ERR_PROCESS_TIMEOUT'> {
  override readonly name = 'ProcessTimeoutError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_PROCESS_TIMEOUT', message, options);
  }
}

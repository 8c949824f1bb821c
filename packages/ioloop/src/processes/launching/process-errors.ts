import { CodedError } from '../../errors.ts';

/** Everything that starting and supervising processes refuses by itself. What the system refuses is a `SystemError`. */
export const PROCESS_ERRORS = {
  ERR_PROCESS_USAGE: {
    meaning: 'An argument, or the place or moment of the call, is wrong; no process was started.',
  },
  ERR_PROCESS_NOT_READY: {
    meaning: 'A successor did not get ready to take over from its child, which goes on.',
  },
  ERR_PROCESS_RESTARTS: {
    meaning: 'Children died more often than they may be started again; all of them were stopped.',
  },
  ERR_PROCESS_TIMEOUT: {
    meaning: 'A child did not answer a question in time.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type ProcessErrorCode = keyof typeof PROCESS_ERRORS;

/** The caller asked for something that cannot be; no process was started. */
export class ProcessUsageError extends CodedError<'ERR_PROCESS_USAGE'> {
  override readonly name = 'ProcessUsageError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_PROCESS_USAGE', message, options);
  }
}

/** Children died more often than they may be started again. None of them is left. */
export class ProcessLimitError extends CodedError<'ERR_PROCESS_RESTARTS'> {
  override readonly name = 'ProcessLimitError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_PROCESS_RESTARTS', message, options);
  }
}

/** A rolling restart ended early: the successor of a child did not get ready. The child, and all others, go on. */
export class ProcessNotReadyError extends CodedError<'ERR_PROCESS_NOT_READY'> {
  override readonly name = 'ProcessNotReadyError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_PROCESS_NOT_READY', message, options);
  }
}

/** A child did not answer in time what its parent has asked it. It may be busy, or not know of the question. */
export class ProcessTimeoutError extends CodedError<'ERR_PROCESS_TIMEOUT'> {
  override readonly name = 'ProcessTimeoutError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_PROCESS_TIMEOUT', message, options);
  }
}

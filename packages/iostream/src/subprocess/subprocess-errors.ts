import { constants } from 'node:os';
import { ArgumentChecks, CodedError } from '@landspout/ioloop/errors';
import { ProcessUsageError } from '@landspout/ioloop/processes';

/**
 * The errors of child processes. For invalid arguments, see `ProcessUsageError` of `@landspout/ioloop`. A failed system
 * call results in a `SystemError`.
 */
export const SUBPROCESS_ERRORS = {
  ERR_PROCESS_FAILED: {
    meaning:
      'A child process exited with a code other than 0, or was killed by a signal; see `returnCode` and `signal`.',
  },
  ERR_PROCESS_OUTPUT: {
    meaning: 'A child process wrote more output than `maxBytes` allows, and was terminated; raise the limit.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type SubprocessErrorCode = keyof typeof SUBPROCESS_ERRORS;

/**
 * A child process exited with a code other than 0, or was killed by a signal. If the caller's `AbortSignal` ended it,
 * `cause` is the reason of that signal.
 */
export class CalledProcessError extends CodedError<'ERR_PROCESS_FAILED'> {
  override readonly name = 'CalledProcessError';

  /** The program as passed to `spawn`. The arguments are omitted, since they may be secret. */
  readonly command: string;
  /** The exit code, or the negative number of the signal. */
  readonly returnCode: number;
  /** The signal that ended the process, such as `SIGKILL`. */
  readonly signal: NodeJS.Signals | undefined;

  constructor(
    command: string,
    returnCode: number,
    signal: NodeJS.Signals | undefined,
    options?: ErrorOptions,
  ) {
    const end = signal === undefined ? `exited with ${returnCode}` : `was killed by ${signal}`;
    super('ERR_PROCESS_FAILED', `${JSON.stringify(command.slice(0, 200))} ${end}`, options);
    this.command = command;
    this.returnCode = returnCode;
    this.signal = signal;
  }
}

/**
 * A child process wrote more output than its caller allowed. It was terminated; the output read so far is lost.
 */
export class SubprocessLimitError extends CodedError<'ERR_PROCESS_OUTPUT'> {
  override readonly name = 'SubprocessLimitError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_PROCESS_OUTPUT', message, options);
  }
}

/** Checks the options and arguments of subprocesses. */
export const processChecks = new ArgumentChecks((problem) => new ProcessUsageError(problem));

/**
 * Checks a text that is passed to the system. The system would cut it off at a NUL, and so use a text that was not
 * checked.
 */
export function requireText(operation: string, what: string, value: unknown): string {
  if (typeof value !== 'string') throw processChecks.wrong(operation, what, value);
  if (value.includes('\0')) throw new ProcessUsageError(`${operation}: ${what} must not contain NUL`);
  return value;
}

export function requireObject(operation: string, what: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw processChecks.wrong(operation, what, value);
  }
}

/** Checks a signal: a name or number that this system has. 0 only checks whether the process may be signalled. */
export function requireProcessSignal(operation: string, value: unknown): NodeJS.Signals | number {
  const { signals } = constants;
  if (typeof value === 'string' && Object.hasOwn(signals, value)) return value as NodeJS.Signals;
  if (value === 0 || Object.values(signals).includes(value as number)) return value as number;
  throw processChecks.wrong(operation, 'a signal of this system', value);
}

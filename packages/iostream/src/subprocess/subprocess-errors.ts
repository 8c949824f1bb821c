import { constants } from 'node:os';
import { ArgumentChecks, CodedError } from '@landspout/ioloop/errors';
import { ProcessUsageError } from '@landspout/ioloop/processes';

/**
 * How a child process can disappoint who waits for it. Wrong arguments are a `ProcessUsageError` of ioloop, and what
 * the system refuses is a `SystemError`.
 */
export const SUBPROCESS_ERRORS = {
  ERR_PROCESS_FAILED: { meaning: 'A child process exited with a code other than 0, or a signal ended it.' },
  ERR_PROCESS_OUTPUT: { meaning: 'A child process said more than may be collected; it was ended.' },
} as const satisfies Record<string, { meaning: string }>;

export type SubprocessErrorCode = keyof typeof SUBPROCESS_ERRORS;

/** A child process ended, and not with 0. `cause` is the reason of the signal that had it ended, where one did. */
export class CalledProcessError extends CodedError<'ERR_PROCESS_FAILED'> {
  override readonly name = 'CalledProcessError';

  /** The program as it was asked for. Its arguments are left out, since they may be secret. */
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
    const end = signal === undefined ? `exited with ${returnCode}` : `was ended by ${signal}`;
    super('ERR_PROCESS_FAILED', `${JSON.stringify(command.slice(0, 200))} ${end}`, options);
    this.command = command;
    this.returnCode = returnCode;
    this.signal = signal;
  }
}

/** A child process said more than its caller allowed. It was ended, and what it had said is lost. */
export class SubprocessLimitError extends CodedError<'ERR_PROCESS_OUTPUT'> {
  override readonly name = 'SubprocessLimitError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_PROCESS_OUTPUT', message, options);
  }
}

/** The checks of options and arguments of subprocesses. */
export const processChecks = new ArgumentChecks((problem) => new ProcessUsageError(problem));

/** Text that the system takes as it is: a NUL would end it early, and what runs would not be what was checked. */
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

/** A signal that this system has, by its name or number; 0 only asks whether the process may be signalled. */
export function requireProcessSignal(operation: string, value: unknown): NodeJS.Signals | number {
  const { signals } = constants;
  if (typeof value === 'string' && Object.hasOwn(signals, value)) return value as NodeJS.Signals;
  if (value === 0 || Object.values(signals).includes(value as number)) return value as number;
  throw processChecks.wrong(operation, 'a signal of this system', value);
}

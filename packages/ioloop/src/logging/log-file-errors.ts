import { ArgumentChecks } from '../argument-checks.ts';
import { CodedError } from '../errors.ts';

/** The errors of opening a log file. One that is open throws none: its failures go to its `fallback` logger. */
export const LOG_FILE_ERRORS = {
  ERR_LOG_FILE_USAGE: {
    meaning:
      'An option of a log file is invalid, this process has the file open already, or the children of one parent would share it. See the message.',
  },
  ERR_LOG_FILE_OPEN: {
    meaning:
      'The log file cannot be opened: its folder is missing, the process lacks permission, or it is a symbolic link or no file. See the `cause`.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type LogFileErrorCode = keyof typeof LOG_FILE_ERRORS;

/** The program has asked for a log file in a wrong way. No file was opened. */
export class LogFileUsageError extends CodedError<'ERR_LOG_FILE_USAGE'> {
  override readonly name = 'LogFileUsageError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LOG_FILE_USAGE', message, options);
  }
}

/** The log file cannot be opened. */
export class LogFileError extends CodedError<'ERR_LOG_FILE_OPEN'> {
  override readonly name = 'LogFileError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LOG_FILE_OPEN', message, options);
  }
}

export const logFileChecks = new ArgumentChecks((problem) => new LogFileUsageError(problem));

/**
 * Log files: records of a `Logger` in a file that is rotated by size or time, or by another program.
 *
 * @packageDocumentation
 */

export { type LogFile, openLogFile } from './log-file.ts';
export {
  LOG_FILE_ERRORS,
  LogFileError,
  type LogFileErrorCode,
  LogFileUsageError,
} from './log-file-errors.ts';
export type { LogFileOptions } from './log-file-options.ts';
export { logToAll } from './logger-group.ts';
export { LOG_ROTATE_WHEN, type LogRotateWhen } from './rotation-times.ts';

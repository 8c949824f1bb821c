import { resolve } from 'node:path';
import { type Clock, systemClock } from '../clock.ts';
import { consoleLogger, type LogFormat } from '../console-logger.ts';
import type { LogLevel } from '../log-line.ts';
import type { Logger } from '../logger.ts';
import type { OptionNames } from '../option-names.ts';
import { taskId } from '../processes/fork-processes.ts';
import { LogFileUsageError, logFileChecks } from './log-file-errors.ts';
import { LOG_ROTATE_WHEN, type LogRotateWhen } from './rotation-times.ts';

export interface LogFileOptions {
  /**
   * The path of the file. Its folder has to exist. `{task}` in it stands for the id of the process among the children
   * of `forkProcesses` or `server.start`, or `main` in any other process.
   */
  readonly path: string;
  /** `json`: one JSON object per line; `text`: the format for a terminal, without colours. Default: `json`. */
  readonly format?: LogFormat;
  /** Records below this level are ignored. Default: `info`. */
  readonly level?: LogLevel;
  /**
   * When the file becomes a backup and a new one begins: `size`, before it exceeds `maxBytes`; `time`, at the end of
   * each period; `none`, never, for logrotate and the like. Default: `size`.
   */
  readonly rotate?: 'size' | 'time' | 'none';
  /** Maximum size of the file in bytes with `rotate: 'size'`; a single larger record is kept. Default: 100,000,000. */
  readonly maxBytes?: number;
  /** Number of backups to keep, 1 to 1,000. Default: 10. */
  readonly backups?: number;
  /** The unit of the period with `rotate: 'time'`. Default: `midnight`. */
  readonly when?: LogRotateWhen;
  /** The number of units in one period, 1 to 1,000. Default: 1. */
  readonly interval?: number;
  /** Whether the periods and the names of backups are in UTC. Default: false, the time zone of the process. */
  readonly utc?: boolean;
  /** The permissions of new files, reduced by the umask. Default: 0o640. */
  readonly mode?: number;
  /**
   * Maximum number of bytes that wait in memory while the file cannot be written fast enough, or not at all. Records
   * beyond it are dropped and counted. At least 64 KiB. Default: 8 MiB.
   */
  readonly maxBufferedBytes?: number;
  /** Gets the failures of the file, at most one record of each kind per minute. Default: `consoleLogger`. */
  readonly fallback?: Logger;
  /** The time for periods and retries. Default: the system's. */
  readonly clock?: Clock;
}

const OPTIONS: OptionNames<LogFileOptions> = {
  ...{ path: true, format: true, level: true, rotate: true, maxBytes: true, backups: true, when: true },
  ...{ interval: true, utc: true, mode: true, maxBufferedBytes: true, fallback: true, clock: true },
};

const DEFAULT_MAX_BYTES = 100_000_000;
const DEFAULT_BUFFERED_BYTES = 8 * 1024 * 1024;
/** Less than one record with a long stack would be useless. */
const LEAST_BUFFERED_BYTES = 64 * 1024;
const MOST_BUFFERED_BYTES = 1024 ** 3;
const MOST_BACKUPS = 1_000;
const MOST_INTERVAL = 1_000;
const TASK = '{task}';

/** The options with their defaults. */
export type LogFileSettings = Required<LogFileOptions>;

/** @throws LogFileUsageError `ERR_LOG_FILE_USAGE` */
export function checkLogFileOptions(options: LogFileOptions): LogFileSettings {
  const operation = 'openLogFile';
  logFileChecks.options(operation, options, OPTIONS);
  const settings: LogFileSettings = {
    ...{ format: 'json', level: 'info', rotate: 'size', maxBytes: DEFAULT_MAX_BYTES, backups: 10 },
    ...{ when: 'midnight', interval: 1, utc: false, mode: 0o640, maxBufferedBytes: DEFAULT_BUFFERED_BYTES },
    ...{ fallback: consoleLogger, clock: systemClock },
    ...withoutUndefined(options),
  };
  const { path, fallback, clock } = settings;
  if (typeof path !== 'string' || path === '' || path.includes('\0'))
    throw logFileChecks.wrong(operation, 'path: the path of a file', path);
  logFileChecks.oneOf(operation, 'format', settings.format, ['text', 'json']);
  logFileChecks.oneOf(operation, 'level', settings.level, ['debug', 'info', 'warn', 'error']);
  logFileChecks.oneOf(operation, 'rotate', settings.rotate, ['size', 'time', 'none']);
  logFileChecks.oneOf(operation, 'when', settings.when, LOG_ROTATE_WHEN);
  logFileChecks.wholeNumber(operation, 'maxBytes', settings.maxBytes, 1);
  logFileChecks.wholeNumber(operation, 'backups', settings.backups, 1, MOST_BACKUPS);
  logFileChecks.wholeNumber(operation, 'interval', settings.interval, 1, MOST_INTERVAL);
  logFileChecks.wholeNumber(operation, 'mode', settings.mode, 0, 0o777);
  const buffered = [settings.maxBufferedBytes, LEAST_BUFFERED_BYTES, MOST_BUFFERED_BYTES] as const;
  logFileChecks.wholeNumber(operation, 'maxBufferedBytes', ...buffered);
  logFileChecks.boolean(operation, 'utc', settings.utc);
  logFileChecks.withMethods(operation, 'fallback: a logger', fallback, 'info', 'warn');
  logFileChecks.withMethods(operation, 'a clock', clock, 'now', 'wallTime', 'setTimeout');
  return { ...settings, path: pathOf(path) };
}

/** Children that share a file would each rotate it after their own bytes, and mix up their backups. */
function pathOf(path: string): string {
  const id = taskId();
  if (id !== undefined && !path.includes(TASK)) {
    const remedy = `put ${TASK} into the path, which stands for the id of the process`;
    throw new LogFileUsageError(`openLogFile: ${path} would be shared by several child processes; ${remedy}`);
  }
  return resolve(path.replaceAll(TASK, String(id ?? 'main')));
}

function withoutUndefined(options: LogFileOptions): LogFileOptions {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as unknown as LogFileOptions;
}

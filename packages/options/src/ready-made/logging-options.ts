import { consoleLogger, createConsoleLogger, type Logger, type LogLevel } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { LOG_ROTATE_WHEN, type LogFile, logToAll, openLogFile } from '@landspout/ioloop/logging';
import { bindLogger } from '@landspout/ioloop/reactor';
import type { OptionDefinitions, OptionValues } from '../option-types.ts';

/**
 * The options of Tornado for logging, in the group `logging`: `--logging`, `--log-to-stderr`, `--log-file-prefix`,
 * `--log-file-max-size`, `--log-file-num-backups`, `--log-rotate-mode`, `--log-rotate-when` and
 * `--log-rotate-interval`; and `--log-format`. Spread them into the definitions of a program, and pass the values to
 * {@link loggerOf}.
 */
export const loggingOptions = {
  logging: {
    type: 'string',
    choices: ['debug', 'info', 'warning', 'error', 'none'],
    default: 'info',
    group: 'logging',
    help: 'the least level that is logged; none leaves logging as the program has it',
  },
  logToStderr: {
    type: 'boolean',
    group: 'logging',
    help: 'logs to standard error too; without a log file, it is always logged there',
  },
  logFilePrefix: {
    type: 'string',
    metavar: 'PATH',
    group: 'logging',
    help: 'the path of a log file. With several processes, it needs {task}, which stands for the id of each',
  },
  logFileMaxSize: {
    type: 'size',
    default: '100MB',
    min: 1,
    group: 'logging',
    help: 'the size of a log file after which another begins',
  },
  logFileNumBackups: {
    type: 'integer',
    default: 10,
    min: 1,
    max: 1_000,
    group: 'logging',
    help: 'the number of old log files to keep',
  },
  logRotateMode: {
    type: 'string',
    choices: ['size', 'time', 'none'],
    default: 'size',
    group: 'logging',
    help: 'when another log file begins; none if another program, such as logrotate, sees to it',
  },
  logRotateWhen: {
    type: 'string',
    choices: LOG_ROTATE_WHEN,
    default: 'midnight',
    metavar: 'UNIT',
    group: 'logging',
    help: 'for the mode time: S, M, H, D or midnight, or W0 (Monday) to W6',
  },
  logRotateInterval: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 1_000,
    metavar: 'COUNT',
    group: 'logging',
    help: 'for the mode time: the number of units in one file',
  },
  logFormat: {
    type: 'string',
    choices: ['text', 'json'],
    group: 'logging',
    help: 'the format of records. Default: text on a terminal, otherwise json',
  },
} as const satisfies OptionDefinitions;

/** The values of {@link loggingOptions}, which those of a program with more options include. */
export type LoggingValues = OptionValues<typeof loggingOptions>;

/** The logger that options describe, with what a program does with its log file. */
export class ProgramLogger implements Logger {
  /** The log file; `undefined` if there is none. */
  readonly file: LogFile | undefined;
  readonly #logger: Logger;

  /** Use {@link loggerOf}. */
  constructor(logger: Logger, file: LogFile | undefined) {
    this.#logger = logger;
    this.file = file;
  }

  debug(details: object, message: string): void {
    this.#logger.debug(details, message);
  }

  info(details: object, message: string): void {
    this.#logger.info(details, message);
  }

  warn(details: object, message: string): void {
    this.#logger.warn(details, message);
  }

  error(details: object, message: string): void {
    this.#logger.error(details, message);
  }

  /** Creates a logger that adds these details to all its records. It has the same log file. */
  child(bindings: object): Logger {
    return bindLogger(this.#logger, bindings);
  }

  /** Writes the records that wait and closes the log file, if there is one. Never rejects. */
  async close(): Promise<void> {
    await this.file?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['file'], () => ({ logger: this.#logger }));
  }
}

export interface LoggerOfOptions {
  /** The logger of the program, for `--logging=none`. Default: `consoleLogger`. */
  readonly logger?: Logger;
}

const LEVELS: Readonly<Record<Exclude<LoggingValues['logging'], 'none'>, LogLevel>> = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
};

/**
 * Makes the logger that the values of {@link loggingOptions} describe: standard error, a log file, or both. Pass it to
 * an `Application`, a server or a client as their `logger`.
 *
 * @throws LogFileError `ERR_LOG_FILE_OPEN` if the log file cannot be opened.
 * @throws LogFileUsageError `ERR_LOG_FILE_USAGE` in a child of `forkProcesses` if the path has no `{task}`.
 *
 * @example
 * const options = defineOptions({ ...serverOptions, ...loggingOptions });
 * const { values } = options.parseOrExit();
 * await using logger = await loggerOf(values);
 */
export async function loggerOf(values: LoggingValues, options: LoggerOfOptions = {}): Promise<ProgramLogger> {
  if (values.logging === 'none') return new ProgramLogger(options.logger ?? consoleLogger, undefined);
  const level = LEVELS[values.logging];
  const format = values.logFormat === undefined ? {} : { format: values.logFormat };
  const path = values.logFilePrefix ?? '';
  const toConsole = createConsoleLogger({ level, ...format });
  if (path === '') return new ProgramLogger(toConsole, undefined);
  const file = await openLogFile({
    ...{ path, level, ...format, rotate: values.logRotateMode, maxBytes: values.logFileMaxSize },
    ...{ backups: values.logFileNumBackups, when: values.logRotateWhen, interval: values.logRotateInterval },
  });
  return new ProgramLogger(values.logToStderr ? logToAll(file, toConsole) : file, file);
}

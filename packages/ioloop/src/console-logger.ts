import { isatty, WriteStream } from 'node:tty';
import { loopChecks } from './checks.ts';
import { jsonLine, type LogLevel, type LogRecord, paintColors, paintNothing, textLine } from './log-line.ts';
import type { Logger } from './logger.ts';
import { runInRootContext } from './node-async-context.ts';
import type { OptionNames } from './option-names.ts';
import { shownValue } from './shown-value.ts';

export type LogFormat = 'text' | 'json';

export interface ConsoleLoggerOptions {
  /**
   * `text` for people, `json` for programs: one JSON object per line. Default: the environment variable
   * `LANDSPOUT_LOG_FORMAT`, otherwise `text` if standard error is a terminal, and `json` if not.
   */
  readonly format?: LogFormat;
  /**
   * Whether text is coloured. Default: true if standard error is a terminal with colours and `NO_COLOR` is not set. If
   * `FORCE_COLOR` is set, it decides instead.
   */
  readonly colors?: boolean;
  /** Records below this level are ignored. Default: `info`. */
  readonly level?: LogLevel;
  /** Called with each line, which ends with a line break. Must not throw. Default: writes it to standard error. */
  readonly write?: (line: string) => void;
}

const OPTIONS: OptionNames<ConsoleLoggerOptions> = { format: true, colors: true, level: true, write: true };

/** A logger that can create child loggers with additional details, such as the id of a request. */
export interface ConsoleLogger extends Logger {
  /** Creates a logger that adds these details to all its records. */
  child(bindings: object): ConsoleLogger;
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const FORMATS: readonly LogFormat[] = ['text', 'json'];

/**
 * Creates a logger that writes each record to standard error: as text if that is a terminal, otherwise as a line of JSON
 * with the members `time`, `level` and `msg`, followed by the details. No text from a peer can forge a record in either
 * format.
 *
 * @throws LoopUsageError `ERR_LOOP_USAGE` if an option is unknown or invalid.
 *
 * @example
 * const logger = createConsoleLogger({ level: 'debug' });
 * logger.child({ job: 7 }).info({ rows: 12 }, 'imported');
 */
export function createConsoleLogger(options: ConsoleLoggerOptions = {}): ConsoleLogger {
  const operation = 'createConsoleLogger';
  loopChecks.options(operation, options, OPTIONS);
  const { format, colors, level = 'info', write = writeToStandardError } = options;
  if (format !== undefined) loopChecks.oneOf(operation, 'format', format, FORMATS);
  if (colors !== undefined) loopChecks.boolean(operation, 'colors', colors);
  loopChecks.oneOf(operation, 'level', level, LEVELS);
  loopChecks.callback(operation, 'write', write);
  let line: ((record: LogRecord) => string) | undefined;
  return loggerOf({}, LEVELS.indexOf(level), (record) => {
    // Chosen at the first record, so that a program can set environment variables until then.
    line ??= lineFormat(format ?? formatOfEnvironment(write), colors);
    write(formatted(record, line));
  });
}

function formatted(record: LogRecord, line: (record: LogRecord) => string): string {
  try {
    return line(record);
  } catch {
    // A getter of the details threw. Code that logs an error must not get another error in return.
    return line({ ...record, bindings: {}, details: { details: '(a getter threw)' } });
  }
}

/** The default logger: `createConsoleLogger()`. Its methods do not depend on `this`. */
export const consoleLogger: ConsoleLogger = createConsoleLogger();

function loggerOf(bindings: object, least: number, write: (record: LogRecord) => void): ConsoleLogger {
  const at = (level: LogLevel): Logger['info'] =>
    LEVELS.indexOf(level) < least
      ? () => {}
      : (details, message) => write({ level, time: Date.now(), bindings, ...contentOf(details, message) });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => loggerOf({ ...bindings, ...more }, least, write),
  };
}

/** Untyped JavaScript may pass only a message, or only an error. */
function contentOf(details: unknown, message: unknown): Pick<LogRecord, 'details' | 'message'> {
  if (details instanceof Error)
    return { details: { error: details }, message: String(message ?? details.message) };
  if (typeof details === 'object' && details !== null) return { details, message: String(message ?? '') };
  return {
    details: {},
    message: [details, message]
      .filter((part) => part !== undefined)
      .map(String)
      .join(' '),
  };
}

function lineFormat(format: LogFormat, colors = hasColors()): (record: LogRecord) => string {
  if (format === 'json') return jsonLine;
  const paint = colors ? paintColors : paintNothing;
  return (record) => textLine(record, paint);
}

const STANDARD_ERROR = 2;

/** Tests the descriptor, because `process.stderr` is never a terminal in a worker thread. */
const isTerminal = (): boolean => isatty(STANDARD_ERROR);

function formatOfEnvironment(write: (line: string) => void): LogFormat {
  const wish = process.env.LANDSPOUT_LOG_FORMAT ?? '';
  if (wish === 'text' || wish === 'json') return wish;
  const format = isTerminal() ? 'text' : 'json';
  if (wish !== '') {
    const message = `LANDSPOUT_LOG_FORMAT is ignored: it must be text or json, got ${shownValue(wish)}`;
    const record: LogRecord = { level: 'warn', time: Date.now(), message, details: {}, bindings: {} };
    write(lineFormat(format)(record));
  }
  return format;
}

/** The colour depth that Node returns for 16 colours, in bits. */
const COLOR_DEPTH = 4;

/** Node evaluates `NO_COLOR`, `FORCE_COLOR`, `NODE_DISABLE_COLORS` and `TERM`. */
function hasColors(): boolean {
  if (process.env.FORCE_COLOR === undefined && !isTerminal()) return false;
  return WriteStream.prototype.getColorDepth(process.env) >= COLOR_DEPTH;
}

function writeToStandardError(line: string): void {
  // Node opens standard error at the first use, and a pipe or socket would retain the async context of that moment
  // forever.
  runInRootContext(writeText, line);
}

function writeText(this: string): void {
  process.stderr.write(this);
}

import { acceptLogger, bindLogger } from '../bound-logger.ts';
import { INSPECT, inspection } from '../inspection.ts';
import type { Logger } from '../logger.ts';
import { logFileChecks } from './log-file-errors.ts';

/**
 * Creates a logger that passes each record to all of `loggers`, such as a file and standard error.
 *
 * @param loggers - at least one. If one throws, the others still get the record, and the error is thrown after that.
 * @throws LogFileUsageError `ERR_LOG_FILE_USAGE`
 */
export function logToAll(...loggers: readonly Logger[]): Logger {
  if (loggers.length === 0) throw logFileChecks.wrong('logToAll', 'at least one logger', undefined);
  for (const logger of loggers)
    logFileChecks.withMethods('logToAll', 'a logger', logger, 'debug', 'info', 'warn', 'error');
  return new LoggerGroup(loggers.map(acceptLogger));
}

class LoggerGroup implements Logger {
  readonly #loggers: readonly Logger[];

  constructor(loggers: readonly Logger[]) {
    this.#loggers = loggers;
  }

  debug(details: object, message: string): void {
    this.#log('debug', details, message);
  }

  info(details: object, message: string): void {
    this.#log('info', details, message);
  }

  warn(details: object, message: string): void {
    this.#log('warn', details, message);
  }

  error(details: object, message: string): void {
    this.#log('error', details, message);
  }

  child(bindings: object): Logger {
    return new LoggerGroup(this.#loggers.map((logger) => bindLogger(logger, bindings)));
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ loggers: this.#loggers }));
  }

  #log(level: 'debug' | 'info' | 'warn' | 'error', details: object, message: string): void {
    let failure: { readonly error: unknown } | undefined;
    for (const logger of this.#loggers) {
      try {
        logger[level](details, message);
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }
}

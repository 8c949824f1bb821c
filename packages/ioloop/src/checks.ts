import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import { LoopUsageError } from './loop-errors.ts';
import { type OptionNames, optionsProblem } from './option-names.ts';
import { shownValue } from './shown-value.ts';

/** The error for an argument that is invalid. */
export function usage(operation: string, expected: string, value: unknown): LoopUsageError {
  return new LoopUsageError(
    'ERR_LOOP_USAGE',
    `${operation}: ${expected} was expected, not ${shownValue(value)}`,
  );
}

export function requireFunction(value: unknown, operation: string): void {
  if (typeof value !== 'function') throw usage(operation, 'a function', value);
}

/** Refuses what is no object, and names that are not known; `null` is a mistake, not "none". */
export function requireOptions<Options extends object>(
  options: Options,
  known: OptionNames<Options>,
  operation: string,
): void {
  const problem = optionsProblem(options, known);
  if (problem !== undefined) throw new LoopUsageError('ERR_LOOP_USAGE', `${operation}: ${problem}`);
}

export function requireClock(clock: Clock, operation: string): Clock {
  if (typeof clock?.now === 'function' && typeof clock.setTimeout === 'function') return clock;
  throw usage(operation, 'a clock', clock);
}

export function requireLogger(logger: Logger, operation: string): Logger {
  if (typeof logger?.error === 'function' && typeof logger.warn === 'function') return logger;
  throw usage(operation, 'a logger', logger);
}

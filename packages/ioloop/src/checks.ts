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

/** Takes any type with these methods: `Logger` is declared in a file above this one. */
export function requireLogger<Given extends { readonly error: unknown; readonly warn: unknown }>(
  logger: Given,
  operation: string,
): Given {
  if (typeof logger?.error === 'function' && typeof logger.warn === 'function') return logger;
  throw usage(operation, 'a logger', logger);
}

const MAX_PORT = 65_535;
/** Decimal and nothing else: a blank, a sign, a fraction or a leading zero is a mistake somewhere. */
const DIGITS = /^(?:0|[1-9]\d{0,4})$/;

/**
 * The number of a port that a program passes, as a number or, since it often comes from a variable of the environment,
 * as its decimal digits.
 *
 * @returns 0 to 65,535; `undefined` for anything else.
 */
export function portNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && DIGITS.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isInteger(number)) return undefined;
  return number >= 0 && number <= MAX_PORT ? number : undefined;
}

/** The message for a port that {@link portNumber} does not take. @param name - of the option or argument. */
export function portProblem(name: string, value: unknown): string {
  const remedy =
    value === '' ? ' (a variable that is set but empty? leave it unset, or write PORT || 8080)' : '';
  return `a ${name} of 0 to ${MAX_PORT} was expected, not ${shownValue(value)}${remedy}`;
}

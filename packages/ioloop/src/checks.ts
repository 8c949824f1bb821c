import { ArgumentChecks } from './argument-checks.ts';
import { LoopUsageError } from './loop-errors.ts';
import { shownValue } from './shown-value.ts';

/** The checks of this package. Processes, executors and the watchdog have checks that throw their own errors. */
export const loopChecks = new ArgumentChecks((problem) => new LoopUsageError('ERR_LOOP_USAGE', problem));

const MAX_PORT = 65_535;
/** Plain decimal digits: a space, a sign, a fraction or a leading zero indicates a mistake. */
const DIGITS = /^(?:0|[1-9]\d{0,4})$/;

/**
 * Returns `value` as a port number. Accepts a number or a string of decimal digits, since ports are often read from
 * environment variables.
 *
 * @returns 0 to 65,535; `undefined` for any other value.
 */
export function portNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && DIGITS.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isInteger(number)) return undefined;
  return number >= 0 && number <= MAX_PORT ? number : undefined;
}

/** Returns the message for a value that {@link portNumber} does not accept. @param name - of the option or argument. */
export function portProblem(name: string, value: unknown): string {
  const remedy =
    value === '' ? ' (a variable that is set but empty? leave it unset, or write PORT || 8080)' : '';
  return `a ${name} of 0 to ${MAX_PORT} was expected, not ${shownValue(value)}${remedy}`;
}

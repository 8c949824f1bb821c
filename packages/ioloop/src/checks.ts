import { ArgumentChecks } from './argument-checks.ts';
import { LoopUsageError } from './loop-errors.ts';
import { shownValue } from './shown-value.ts';

/** The checks of this package. Those of processes, executors and the watchdog throw errors of their own. */
export const loopChecks = new ArgumentChecks((problem) => new LoopUsageError('ERR_LOOP_USAGE', problem));

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

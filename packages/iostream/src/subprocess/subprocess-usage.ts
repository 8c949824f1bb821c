import { constants } from 'node:os';
import { ProcessUsageError } from '@landspout/ioloop';
import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';

/** The error for an argument that is invalid. */
export function wrongArgument(operation: string, expected: string, value: unknown): ProcessUsageError {
  return new ProcessUsageError(`${operation}: ${expected} was expected, not ${shownValue(value)}`);
}

/** Text that the system takes as it is: a NUL would end it early, and what runs would not be what was checked. */
export function requireText(operation: string, what: string, value: unknown): string {
  if (typeof value !== 'string') throw wrongArgument(operation, what, value);
  if (value.includes('\0')) throw new ProcessUsageError(`${operation}: ${what} must not contain NUL`);
  return value;
}

export function requireObject(operation: string, what: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongArgument(operation, what, value);
  }
}

/** @throws ProcessUsageError `ERR_PROCESS_USAGE` for what is no object of options, and for names that are not known. */
export function requireOptions<Options extends object>(
  operation: string,
  options: Options,
  known: OptionNames<Options>,
): void {
  const problem = optionsProblem(options, known);
  if (problem !== undefined) throw new ProcessUsageError(`${operation}: ${problem}`);
}

/** A whole number of 0 to `most`. */
export function requireCount(operation: string, what: string, value: unknown, most: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= most) return value;
  throw wrongArgument(operation, `${what} of 0 to ${most}`, value);
}

export function requireAbortSignal(operation: string, value: unknown): void {
  if (value === undefined || value instanceof AbortSignal) return;
  throw wrongArgument(operation, 'an AbortSignal', value);
}

/** A signal that this system has, by its name or number; 0 only asks whether the process may be signalled. */
export function requireProcessSignal(operation: string, value: unknown): NodeJS.Signals | number {
  const { signals } = constants;
  if (typeof value === 'string' && Object.hasOwn(signals, value)) return value as NodeJS.Signals;
  if (value === 0 || Object.values(signals).includes(value as number)) return value as number;
  throw wrongArgument(operation, 'a signal of this system', value);
}

import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { StreamUsageError } from './errors.ts';

/** The error for an argument that is invalid. */
export function wrongArgument(operation: string, expected: string, value: unknown): StreamUsageError {
  return new StreamUsageError(
    'ERR_STREAM_USAGE',
    `${operation}: ${expected} was expected, not ${shownValue(value)}`,
  );
}

/** @throws StreamUsageError `ERR_STREAM_USAGE` for what is no object of options, and for names that are not known. */
export function requireOptions<Options extends object>(
  operation: string,
  options: Options,
  known: OptionNames<Options>,
): void {
  const problem = optionsProblem(options, known);
  if (problem !== undefined) throw new StreamUsageError('ERR_STREAM_USAGE', `${operation}: ${problem}`);
}

/** The error for a way of listening that cannot be. */
export function listenUsage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', `listen: ${message}`);
}

/** A number of bytes as it may be given for a limit; infinity stands for "as many as the limit above allows". */
export function requireByteLimit(operation: string, name: string, value: unknown, least: number): number {
  const isCount = typeof value === 'number' && (Number.isSafeInteger(value) || value === Infinity);
  if (isCount && value >= least) return value;
  throw wrongArgument(operation, `${name} of at least ${least}`, value);
}

/** A number of bytes that is asked for. */
export function requireByteCount(operation: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most)
    return value;
  throw wrongArgument(operation, `a count of ${least} to ${most} bytes`, value);
}

import { StreamUsageError } from './stream-errors.ts';

/** That an argument cannot be meant, in words that never show the content of an object or text. */
export function wrongArgumentMessage(operation: string, expected: string, value: unknown): string {
  const isShown = value === null || typeof value === 'number' || typeof value === 'boolean';
  return `${operation}: ${expected} was expected, not ${isShown ? String(value) : typeof value}`;
}

/** The error for an argument that cannot be meant. */
export function wrongArgument(operation: string, expected: string, value: unknown): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', wrongArgumentMessage(operation, expected, value));
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

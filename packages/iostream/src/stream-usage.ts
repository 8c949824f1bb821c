import { StreamUsageError } from './stream-errors.ts';

/** The error for an argument that cannot be meant. The message never shows the content of an object or text. */
export function wrongArgument(operation: string, expected: string, value: unknown): StreamUsageError {
  const isShown = value === null || typeof value === 'number' || typeof value === 'boolean';
  const shown = isShown ? String(value) : typeof value;
  return new StreamUsageError('ERR_STREAM_USAGE', `${operation}: ${expected} was expected, not ${shown}`);
}

/** A number of bytes as it may be given for a limit; infinity stands for "as many as the limit above allows". */
export function requireByteLimit(operation: string, name: string, value: unknown, least: number): number {
  const isCount = typeof value === 'number' && (Number.isSafeInteger(value) || value === Infinity);
  if (isCount && value >= least) return value;
  throw wrongArgument(operation, `${name} of at least ${least}`, value);
}

import type { Clock } from '../clock.ts';
import { LoopUsageError } from '../loop-errors.ts';

/** How long a wait may last, and what stops it. */
export interface WaitOptions {
  /** Most milliseconds to wait, below 2^31; 0 takes what is there or gives up at once. Default: for ever. */
  readonly timeoutMs?: number | undefined;
  /** Stops the wait, which then rejects with the reason of the signal and leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

/** What every lock and queue can be given. */
export interface WaitableOptions {
  /** The clock that `timeoutMs` is measured with. Default: the machine's. */
  readonly clock?: Clock | undefined;
}

/**
 * Looks at the options of a wait before anything is changed.
 *
 * @throws LoopUsageError `ERR_LOOP_USAGE` for options that cannot be meant; the reason of an aborted signal.
 */
export function checkWait(operation: string, options: WaitOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw usage(operation, 'an object of options', options);
  }
  const { timeoutMs, signal } = options;
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 0 && timeoutMs < 2 ** 31)) {
    throw usage(operation, 'a timeoutMs from 0 to below 2^31', timeoutMs);
  }
  if (signal === undefined) return;
  if (!(signal instanceof AbortSignal)) throw usage(operation, 'an AbortSignal as signal', signal);
  signal.throwIfAborted();
}

/** @throws LoopUsageError `ERR_LOOP_USAGE` unless `value` is a whole number that is not negative. */
export function checkCount(operation: string, what: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0)) {
    throw usage(operation, `${what} of 0 or a whole number above it`, value);
  }
}

/** The error for an argument that cannot be meant. Objects are named by their type: they may not be printable. */
export function usage(operation: string, expected: string, value: unknown): LoopUsageError {
  const shown = typeof value === 'number' || value === null ? String(value) : typeof value;
  return new LoopUsageError('ERR_LOOP_USAGE', `${operation}: ${expected} was expected, not ${shown}`);
}

import { type Clock, systemClock } from '../clock.ts';
import { MAX_DELAY_MS } from '../delay.ts';
import { LoopUsageError } from '../loop-errors.ts';
import { shownValue } from '../shown-value.ts';

/** How long a wait may last, and what stops it. */
export interface WaitOptions {
  /** Most milliseconds to wait, up to 2,147,483,647; 0 takes what is there or gives up at once. Default: for ever. */
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
  if (
    timeoutMs !== undefined &&
    !(typeof timeoutMs === 'number' && timeoutMs >= 0 && timeoutMs <= MAX_DELAY_MS)
  ) {
    throw usage(operation, `a timeoutMs of 0 to ${MAX_DELAY_MS}`, timeoutMs);
  }
  if (signal === undefined) return;
  if (!(signal instanceof AbortSignal)) throw usage(operation, 'an AbortSignal as signal', signal);
  signal.throwIfAborted();
}

/** The clock of a lock or queue. @throws LoopUsageError `ERR_LOOP_USAGE` for options that cannot be meant. */
export function clockOf(operation: string, options: WaitableOptions): Clock {
  if (typeof options !== 'object' || options === null)
    throw usage(operation, 'an object of options', options);
  const { clock = systemClock } = options;
  if (typeof clock?.now === 'function' && typeof clock.setTimeout === 'function') return clock;
  throw usage(operation, 'a clock', clock);
}

/** @throws LoopUsageError `ERR_LOOP_USAGE` unless `value` is a whole number that is not negative. */
export function checkCount(operation: string, what: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0)) {
    throw usage(operation, `${what} of 0 or a whole number above it`, value);
  }
}

/** The error for an argument that cannot be meant. */
export function usage(operation: string, expected: string, value: unknown): LoopUsageError {
  return new LoopUsageError(
    'ERR_LOOP_USAGE',
    `${operation}: ${expected} was expected, not ${shownValue(value)}`,
  );
}

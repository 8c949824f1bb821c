import { loopChecks } from '../checks.ts';
import { type Clock, requireClock, systemClock } from '../clock.ts';
import type { OptionNames } from '../option-names.ts';

/** How long a wait may last, and what cancels it. */
export interface WaitOptions {
  /**
   * Maximum time to wait, in milliseconds: 0 to 2,147,483,647. With 0, the call succeeds at once or times out. Default:
   * no limit.
   */
  readonly timeoutMs?: number | undefined;
  /** Cancels the wait, which then rejects with the reason of the signal. No timer and no listener remains. */
  readonly signal?: AbortSignal | undefined;
}

const WAIT_OPTIONS: OptionNames<WaitOptions> = { timeoutMs: true, signal: true };

/** Options that every lock and queue accepts. */
export interface WaitableOptions {
  /** The clock that measures `timeoutMs`. Default: the system clock. */
  readonly clock?: Clock | undefined;
}

const WAITABLE_OPTIONS: OptionNames<WaitableOptions> = { clock: true };

/**
 * Checks the options of a wait, before anything is changed.
 *
 * @throws LoopUsageError `ERR_LOOP_USAGE` if an option is unknown or invalid; the reason of `signal` if it is already
 *   aborted.
 */
export function checkWait(operation: string, options: WaitOptions): void {
  loopChecks.options(operation, options, WAIT_OPTIONS);
  checkWaitValues(operation, options);
}

/** Like {@link checkWait}, for options whose names have already been checked together with others. */
export function checkWaitValues(operation: string, options: WaitOptions): void {
  const { timeoutMs, signal } = options;
  if (timeoutMs !== undefined) loopChecks.durationMs(operation, 'timeoutMs', timeoutMs);
  loopChecks.signal(operation, signal);
  signal?.throwIfAborted();
}

/** Returns the clock of a lock or queue. @throws LoopUsageError `ERR_LOOP_USAGE` if an option is unknown or invalid. */
export function clockOf(operation: string, options: WaitableOptions): Clock {
  loopChecks.options(operation, options, WAITABLE_OPTIONS);
  return clockAmong(operation, options);
}

/** Like {@link clockOf}, for options whose names have already been checked together with others. */
export function clockAmong(operation: string, options: WaitableOptions): Clock {
  const { clock = systemClock } = options;
  return requireClock(operation, clock);
}

import { loopChecks } from '../checks.ts';
import { type Clock, requireClock, systemClock } from '../clock.ts';
import type { OptionNames } from '../option-names.ts';

/** How long a wait may last, and what stops it. */
export interface WaitOptions {
  /** Most milliseconds to wait, up to 2,147,483,647; 0 takes what is there or gives up at once. Default: for ever. */
  readonly timeoutMs?: number | undefined;
  /** Stops the wait, which then rejects with the reason of the signal and leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

const WAIT_OPTIONS: OptionNames<WaitOptions> = { timeoutMs: true, signal: true };

/** What every lock and queue can be given. */
export interface WaitableOptions {
  /** The clock that `timeoutMs` is measured with. Default: the machine's. */
  readonly clock?: Clock | undefined;
}

const WAITABLE_OPTIONS: OptionNames<WaitableOptions> = { clock: true };

/**
 * Looks at the options of a wait before anything is changed.
 *
 * @throws LoopUsageError `ERR_LOOP_USAGE` for options that cannot be meant; the reason of an aborted signal.
 */
export function checkWait(operation: string, options: WaitOptions): void {
  loopChecks.options(operation, options, WAIT_OPTIONS);
  checkWaitValues(operation, options);
}

/** As {@link checkWait}, for options that have been looked at together with others. */
export function checkWaitValues(operation: string, options: WaitOptions): void {
  const { timeoutMs, signal } = options;
  if (timeoutMs !== undefined) loopChecks.durationMs(operation, 'timeoutMs', timeoutMs);
  loopChecks.signal(operation, signal);
  signal?.throwIfAborted();
}

/** The clock of a lock or queue. @throws LoopUsageError `ERR_LOOP_USAGE` for options that are not known or invalid. */
export function clockOf(operation: string, options: WaitableOptions): Clock {
  loopChecks.options(operation, options, WAITABLE_OPTIONS);
  return clockAmong(operation, options);
}

/** As {@link clockOf}, for options that have been looked at together with others. */
export function clockAmong(operation: string, options: WaitableOptions): Clock {
  const { clock = systemClock } = options;
  return requireClock(operation, clock);
}

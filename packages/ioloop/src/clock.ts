import { performance } from 'node:perf_hooks';
import { loopChecks } from './checks.ts';

export { MAX_DELAY_MS } from './argument-checks.ts';

/** The source of time for everything that waits, passed as an argument so that tests can control it. */
export interface Clock {
  /** Milliseconds since an arbitrary start. Never goes backwards. */
  now(): number;
  /** Milliseconds since the Unix epoch, for dates shown to people and peers. */
  wallTime(): number;
  /** Calls `callback` once, after at least `delayMs` milliseconds. */
  setTimeout(callback: () => void, delayMs: number): ClockTimer;
}

/** A pending call of a {@link Clock}. */
export interface ClockTimer {
  /** Cancels the call. Does nothing if it was already made. */
  cancel(): void;
  /** Lets the process exit while the call is pending. */
  unref(): void;
}

/**
 * The system clock. Callbacks run in the async context of the `setTimeout` call. Delays are at most 2,147,483,647 ms.
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimeout(callback, delayMs) {
    loopChecks.callback('setTimeout', 'callback', callback);
    loopChecks.durationMs('setTimeout', 'delayMs', delayMs);
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer), unref: () => void timer.unref() };
  },
};

/** Checks that `clock` has the methods of a clock, since a program may supply its own. */
export function requireClock(operation: string, clock: Clock): Clock {
  return loopChecks.withMethods(operation, 'a clock', clock, 'now', 'setTimeout');
}

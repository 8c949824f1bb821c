import { performance } from 'node:perf_hooks';
import { loopChecks } from './checks.ts';

export { MAX_DELAY_MS } from './argument-checks.ts';

/** Time as an argument: what waits takes a clock, so that a test can be the one who lets time pass. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes backwards. */
  now(): number;
  /** Milliseconds since the Unix epoch, for dates that people and peers read. */
  wallTime(): number;
  /** Calls `callback` once, not before `delayMs` have passed. */
  setTimeout(callback: () => void, delayMs: number): ClockTimer;
}

/** One pending call of a {@link Clock}. */
export interface ClockTimer {
  /** Forgets the call. Harmless after it was made. */
  cancel(): void;
  /** Lets the process exit although the call is pending. */
  unref(): void;
}

/** The machine's clock. A callback runs in the async context of its `setTimeout`; delays are at most 2,147,483,647 ms. */
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

/** What is at least a clock by its methods, as a program may write one. */
export function requireClock(operation: string, clock: Clock): Clock {
  return loopChecks.withMethods(operation, 'a clock', clock, 'now', 'setTimeout');
}

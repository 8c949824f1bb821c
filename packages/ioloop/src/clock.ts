import { performance } from 'node:perf_hooks';
import { requireFunction, usage } from './checks.ts';

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
    requireFunction(callback, 'setTimeout');
    requireDelay(delayMs, 'setTimeout');
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer), unref: () => void timer.unref() };
  },
};

/** The longest delay that Node's timers keep; beyond it they fire at once. */
export const MAX_DELAY_MS = 2 ** 31 - 1;

/** Refuses a delay that a timer would silently turn into another one, such as `NaN` into 1 ms. */
export function requireDelay(delayMs: number, operation: string): void {
  if (typeof delayMs === 'number' && delayMs >= 0 && delayMs <= MAX_DELAY_MS) return;
  throw usage(operation, `a delay of 0 to ${MAX_DELAY_MS} ms`, delayMs);
}

export function requireClock(clock: Clock, operation: string): Clock {
  if (typeof clock?.now === 'function' && typeof clock.setTimeout === 'function') return clock;
  throw usage(operation, 'a clock', clock);
}

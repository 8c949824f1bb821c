import { HTTPUsageError } from '@landspout/http1';
import { ArgumentChecks } from '@landspout/ioloop/errors';

const checks = new ArgumentChecks((problem) => new HTTPUsageError(problem));

/**
 * Calls back if nothing happens on a connection for a time. What happens only increases a number, which is compared when
 * the time has passed, so that activity costs no timer. The call may therefore be late by as much again.
 */
export class InactivityTimer {
  readonly #activity: () => number;
  readonly #onInactive: () => void;
  #timer: NodeJS.Timeout | undefined;
  #seen = 0;
  /** Whether it has called back, and nothing has happened since. */
  #hasFired = false;
  timeoutMs = 0;

  /** @param activity - returns a number that changes with each activity. */
  constructor(activity: () => number, onInactive: () => void) {
    this.#activity = activity;
    this.#onInactive = onInactive;
  }

  /** @param timeoutMs - 0 stops the timer. @throws HTTPUsageError if it is not a time. */
  start(timeoutMs: number): void {
    checks.durationMs('setTimeout', 'timeoutMs', timeoutMs);
    this.stop();
    this.timeoutMs = timeoutMs;
    this.#hasFired = false;
    if (timeoutMs > 0) this.#wait();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.timeoutMs = 0;
  }

  #wait(): void {
    this.#seen = this.#activity();
    this.#timer = setTimeout(() => this.#check(), this.timeoutMs);
    this.#timer.unref();
  }

  #check(): void {
    const isActive = this.#activity() !== this.#seen;
    const isFirst = !this.#hasFired;
    this.#hasFired = !isActive;
    this.#wait();
    if (!isActive && isFirst) this.#onInactive();
  }
}

import { loopChecks } from '../checks.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { LoopTimeoutError, LoopUsageError } from '../loop-errors.ts';
import { type Grant, WaitList } from './wait-list.ts';
import { checkWait, clockOf, type WaitableOptions, type WaitOptions } from './wait-options.ts';

/**
 * A number of permits. A call that needs a permit when none is free waits until one is released; waiting calls are
 * served first come, first served.
 *
 * A released permit goes to the call that has been waiting longest; no later call can overtake it. `release` may be
 * called more often than `acquire`, which adds permits. If that would be a mistake in your program, use a
 * {@link BoundedSemaphore}.
 *
 * @example
 * const permits = new Semaphore(2);
 * const answer = await permits.run(() => 42);
 */
export class Semaphore {
  readonly #waiters: WaitList<void>;
  readonly #permit: Grant<void> = { deliver() {}, passOn: () => this.#give() };
  #value: number;

  /**
   * @param value - number of permits at the start. Default: 1.
   * @throws LoopUsageError `ERR_LOOP_USAGE` if `value` is negative or not a whole number, or an option is invalid.
   */
  constructor(value = 1, options: WaitableOptions = {}) {
    loopChecks.wholeNumber(new.target.name, 'value', value);
    this.#value = value;
    this.#waiters = new WaitList(clockOf(new.target.name, options), (timeoutMs) => {
      throw new LoopTimeoutError(`acquire: no permit became free within ${timeoutMs} ms`);
    });
  }

  /** Number of permits that are free now. */
  get value(): number {
    return this.#value;
  }

  /** Number of calls that are waiting for a permit. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /**
   * Takes a permit; waits while none is free.
   *
   * @returns a guard whose `release` gives back this permit, and does so only once. It also works with
   *   `using guard = await …`.
   * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` if no permit is released within `timeoutMs`; LoopUsageError
   *   `ERR_LOOP_USAGE` if an option is invalid; the reason of `signal` if it is aborted. In each case no permit is
   *   held. A permit that was already assigned to the aborted call goes to the next waiting call.
   */
  async acquire(options: WaitOptions = {}): Promise<SemaphoreGuard> {
    checkWait('acquire', options);
    if (this.#value > 0) this.#value -= 1;
    else await this.#waiters.wait(options, undefined);
    return new SemaphoreGuard(() => this.release());
  }

  /**
   * Gives a permit back; the call that has been waiting longest gets it in a microtask. Prefer the guard, which cannot
   * release twice.
   */
  release(): void {
    this.#give();
  }

  /**
   * Calls `scope` while holding a permit, and gives it back after the result has settled. Rejects as {@link acquire}
   * does.
   */
  async run<R>(scope: () => R | PromiseLike<R>, options: WaitOptions = {}): Promise<R> {
    loopChecks.callback('run', 'scope', scope);
    const guard = await this.acquire(options);
    try {
      return await scope();
    } finally {
      guard.release();
    }
  }

  [INSPECT](): object {
    return inspection(this, ['value', 'waiting']);
  }

  #give(): void {
    if (!this.#waiters.wake(this.#permit)) this.#value += 1;
  }
}

/** A semaphore that never has more permits than it started with: releasing too often throws. */
export class BoundedSemaphore extends Semaphore {
  readonly #bound: number;

  /** @throws LoopUsageError `ERR_LOOP_USAGE` if `value` is negative or not a whole number, or an option is invalid. */
  constructor(value = 1, options: WaitableOptions = {}) {
    super(value, options);
    this.#bound = value;
  }

  /** Gives a permit back. @throws LoopUsageError `ERR_LOCK_NOT_HELD` if all permits are already free. */
  override release(): void {
    if (this.value >= this.#bound) {
      throw new LoopUsageError('ERR_LOCK_NOT_HELD', 'release: called more often than acquire');
    }
    super.release();
  }
}

/** A permit that is held. It is given back by {@link release}, or at the end of a `using` scope. */
export class SemaphoreGuard {
  #release: (() => void) | undefined;

  constructor(release: () => void) {
    this.#release = release;
  }

  /** Gives the permit back. A second call does nothing. */
  release(): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ isHeld: this.#release !== undefined }));
  }
}

import { loopChecks } from '../checks.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { LoopTimeoutError, LoopUsageError } from '../loop-errors.ts';
import { type Grant, WaitList } from './wait-list.ts';
import { checkWait, clockOf, type WaitableOptions, type WaitOptions } from './wait-options.ts';

/**
 * A number of permits: who finds none left waits until one is released, first come, first served.
 *
 * A released permit goes to the one who has waited longest, and newcomers cannot overtake. `release` may be called
 * more often than `acquire`, which adds permits; where that is a mistake, use a {@link BoundedSemaphore}.
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
   * @param value - permits at the start; default 1.
   * @throws LoopUsageError `ERR_LOOP_USAGE` for a value that is negative or not a whole number, or wrong options.
   */
  constructor(value = 1, options: WaitableOptions = {}) {
    loopChecks.wholeNumber(new.target.name, 'value', value);
    this.#value = value;
    this.#waiters = new WaitList(clockOf(new.target.name, options), (timeoutMs) => {
      throw new LoopTimeoutError(`acquire: nothing was released within ${timeoutMs} ms`);
    });
  }

  /** Permits that are free now. */
  get value(): number {
    return this.#value;
  }

  /** How many wait for a permit. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /**
   * Takes a permit, and waits for one if need be.
   *
   * @returns a guard whose `release` gives this permit back, once; also by `using guard = await …`.
   * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` when `timeoutMs` pass first; LoopUsageError `ERR_LOOP_USAGE` for
   * wrong options; the reason of `signal` when it is aborted. In each case no permit is held, and one that had
   * been released to an aborted waiter in the same turn goes to the next.
   */
  async acquire(options: WaitOptions = {}): Promise<SemaphoreGuard> {
    checkWait('acquire', options);
    if (this.#value > 0) this.#value -= 1;
    else await this.#waiters.wait(options, undefined);
    return new SemaphoreGuard(() => this.release());
  }

  /** Gives a permit back; whoever waits gets it after the caller's turn. Prefer the guard, which cannot do it twice. */
  release(): void {
    this.#give();
  }

  /** Calls `scope` with a permit, which is given back when its result has settled. Throws as {@link acquire} does. */
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

/** A semaphore that never has more permits than it began with: releasing too often is an error. */
export class BoundedSemaphore extends Semaphore {
  readonly #bound: number;

  /** @throws LoopUsageError `ERR_LOOP_USAGE` for a value that is negative or not a whole number, or wrong options. */
  constructor(value = 1, options: WaitableOptions = {}) {
    super(value, options);
    this.#bound = value;
  }

  /** Gives a permit back. @throws LoopUsageError `ERR_LOCK_NOT_HELD` when all permits are free already. */
  override release(): void {
    if (this.value >= this.#bound) {
      throw new LoopUsageError('ERR_LOCK_NOT_HELD', 'release: it was released more often than acquired');
    }
    super.release();
  }
}

/** One permit, held. Given back by {@link release}, or at the end of a `using` scope. */
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

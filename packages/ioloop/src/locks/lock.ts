import { INSPECT, inspection } from '../inspection.ts';
import { BoundedSemaphore, type SemaphoreGuard } from './semaphore.ts';
import type { WaitableOptions, WaitOptions } from './wait-options.ts';

/**
 * A mutual exclusion lock for coroutines: one coroutine holds it at a time, and the others get it in the order of their
 * calls.
 *
 * It is not re-entrant: a coroutine that acquires the lock while holding it waits for itself.
 *
 * @example
 * const lock = new Lock();
 * const guard = await lock.acquire();
 * try {
 *   // No other coroutine holds the lock here.
 * } finally {
 *   guard.release();
 * }
 */
export class Lock {
  readonly #semaphore: BoundedSemaphore;

  /** @throws LoopUsageError `ERR_LOOP_USAGE` if an option is invalid. */
  constructor(options: WaitableOptions = {}) {
    this.#semaphore = new BoundedSemaphore(1, options);
  }

  /**
   * Acquires the lock; waits while another coroutine holds it. Its result and its errors, also on abort, are the same
   * as those of `Semaphore.acquire`.
   */
  acquire(options: WaitOptions = {}): Promise<SemaphoreGuard> {
    return this.#semaphore.acquire(options);
  }

  /** Releases the lock. @throws LoopUsageError `ERR_LOCK_NOT_HELD` if the lock is not held. */
  release(): void {
    this.#semaphore.release();
  }

  /**
   * Calls `scope` while holding the lock, and releases the lock after the result has settled. Rejects as
   * {@link acquire} does.
   */
  run<R>(scope: () => R | PromiseLike<R>, options: WaitOptions = {}): Promise<R> {
    return this.#semaphore.run(scope, options);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      isLocked: this.#semaphore.value === 0,
      waiting: this.#semaphore.waiting,
    }));
  }
}

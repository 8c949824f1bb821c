import { INSPECT, inspection } from '../inspection.ts';
import { BoundedSemaphore, type SemaphoreGuard } from './semaphore.ts';
import type { WaitableOptions, WaitOptions } from './wait-options.ts';

/**
 * Lets one coroutine in at a time, first come, first served.
 *
 * It is not re-entrant: who holds the lock and acquires it again waits for itself.
 *
 * @example
 * const lock = new Lock();
 * const guard = await lock.acquire();
 * try {
 *   // Nobody else is here.
 * } finally {
 *   guard.release();
 * }
 */
export class Lock {
  readonly #semaphore: BoundedSemaphore;

  /** @throws LoopUsageError `ERR_LOOP_USAGE` for wrong options. */
  constructor(options: WaitableOptions = {}) {
    this.#semaphore = new BoundedSemaphore(1, options);
  }

  /** Takes the lock, and waits for it if need be. Results, errors and abort are those of `Semaphore.acquire`. */
  acquire(options: WaitOptions = {}): Promise<SemaphoreGuard> {
    return this.#semaphore.acquire(options);
  }

  /** Unlocks. @throws LoopUsageError `ERR_LOCK_NOT_HELD` when nobody holds the lock. */
  release(): void {
    this.#semaphore.release();
  }

  /** Calls `scope` with the lock held, until its result has settled. Throws as {@link acquire} does. */
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

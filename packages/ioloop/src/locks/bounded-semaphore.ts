import { LoopUsageError } from '../loop-errors.ts';
import { Semaphore } from './semaphore.ts';
import type { WaitableOptions } from './wait-options.ts';

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

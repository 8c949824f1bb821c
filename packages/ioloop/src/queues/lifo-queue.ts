import { clockOf, type WaitableOptions } from '../locks/wait-options.ts';
import { StackOrder } from './item-order.ts';
import { Queue } from './queue.ts';

/** A queue that hands out the newest item first. */
export class LifoQueue<T> extends Queue<T> {
  /** @throws LoopUsageError `ERR_LOOP_USAGE` for a size that is negative or not a whole number, or wrong options. */
  constructor(maxSize = 0, options: WaitableOptions = {}) {
    super(maxSize, { clock: clockOf('LifoQueue', options), order: new StackOrder() });
  }
}

import { requireOptions, usage } from '../checks.ts';
import { clockAmong, type WaitableOptions } from '../locks/wait-options.ts';
import type { OptionNames } from '../option-names.ts';
import { type Compare, HeapOrder, naturalOrder } from './heap-order.ts';
import { Queue } from './queue.ts';

export interface PriorityQueueOptions<T> extends WaitableOptions {
  /** Default: numbers, strings, and arrays of them element by element, such as `[priority, name]`. */
  readonly compare?: Compare<T> | undefined;
}

const PRIORITY_OPTIONS: OptionNames<PriorityQueueOptions<unknown>> = { clock: true, compare: true };

/**
 * A queue that hands out the lowest item first, and equal ones in the order in which they came.
 *
 * @example
 * const jobs = new PriorityQueue<{ priority: number }>(0, { compare: (a, b) => a.priority - b.priority });
 * jobs.putNowait({ priority: 1 });
 */
export class PriorityQueue<T> extends Queue<T> {
  /** @throws LoopUsageError `ERR_LOOP_USAGE` for a wrong size, a `compare` that is no function, or other wrong options. */
  constructor(maxSize = 0, options: PriorityQueueOptions<T> = {}) {
    requireOptions(options, PRIORITY_OPTIONS, 'PriorityQueue');
    const clock = clockAmong('PriorityQueue', options);
    const { compare = naturalOrder } = options;
    if (typeof compare !== 'function') throw usage('PriorityQueue', 'a function as compare', compare);
    super(maxSize, { clock, order: new HeapOrder(compare) });
  }
}

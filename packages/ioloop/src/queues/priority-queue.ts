import { loopChecks } from '../checks.ts';
import { clockAmong, type WaitableOptions } from '../locks/wait-options.ts';
import type { OptionNames } from '../option-names.ts';
import type { ItemOrder } from './item-order.ts';
import { Queue } from './queue.ts';

/**
 * Returns a negative number if `a` comes before `b`, a positive number if after, and 0 if they are equal, as for
 * `Array.prototype.sort`.
 */
export type Compare<T> = (a: T, b: T) => number;

export interface PriorityQueueOptions<T> extends WaitableOptions {
  /** Default: orders numbers, strings, and arrays of them element by element, such as `[priority, name]`. */
  readonly compare?: Compare<T> | undefined;
}

const PRIORITY_OPTIONS: OptionNames<PriorityQueueOptions<unknown>> = { clock: true, compare: true };

/**
 * A queue that returns the lowest item first, and equal items in the order in which they were put.
 *
 * @example
 * const jobs = new PriorityQueue<{ priority: number }>(0, { compare: (a, b) => a.priority - b.priority });
 * jobs.putNowait({ priority: 1 });
 */
export class PriorityQueue<T> extends Queue<T> {
  /**
   * @throws LoopUsageError `ERR_LOOP_USAGE` if `maxSize` is negative or not a whole number, `compare` is not a
   *   function, or another option is invalid.
   */
  constructor(maxSize = 0, options: PriorityQueueOptions<T> = {}) {
    loopChecks.options('PriorityQueue', options, PRIORITY_OPTIONS);
    const clock = clockAmong('PriorityQueue', options);
    const { compare = naturalOrder } = options;
    loopChecks.callback('PriorityQueue', 'compare', compare);
    super(maxSize, { clock, order: new HeapOrder(compare) });
  }
}

interface Entry<T> {
  readonly item: T;
  /** Sequence number, by which equal items keep the order in which they were put. */
  readonly arrival: number;
}

/**
 * Lowest first: a binary heap.
 *
 * A comparison may throw. Each change therefore makes all of its comparisons first, and moves entries only after that.
 */
class HeapOrder<T> implements ItemOrder<T> {
  readonly #compare: Compare<T>;
  readonly #heap: Entry<T>[] = [];
  #arrivals = 0;

  constructor(compare: Compare<T>) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#heap.length;
  }

  put(item: T): void {
    const entry = { item, arrival: this.#arrivals };
    // Compares the first item with itself: otherwise an invalid one would go unnoticed until a second item is put.
    if (this.#heap.length === 0) this.#isBefore(entry, entry);
    const path: number[] = [this.#heap.length];
    for (let at = this.#heap.length; at > 0; ) {
      at = (at - 1) >> 1;
      if (!this.#isBefore(entry, this.#entry(at))) break;
      path.push(at);
    }
    this.#arrivals += 1;
    this.#place(entry, path);
  }

  take(): T {
    const first = this.#entry(0);
    const last = this.#entry(this.#heap.length - 1);
    const path = this.#pathDown(last, this.#heap.length - 1);
    this.#heap.pop();
    if (first !== last) this.#place(last, path);
    return first.item;
  }

  /** Returns the path along which `entry` sinks from the root to its position in a heap of `size` entries. */
  #pathDown(entry: Entry<T>, size: number): number[] {
    const path: number[] = [0];
    for (let child = 1; child < size; child = child * 2 + 1) {
      const right = child + 1;
      if (right < size && this.#isBefore(this.#entry(right), this.#entry(child))) child = right;
      if (!this.#isBefore(this.#entry(child), entry)) break;
      path.push(child);
    }
    return path;
  }

  /** Moves the entry at each position of the path to the position before it, and puts `entry` at the last position. */
  #place(entry: Entry<T>, path: readonly number[]): void {
    let hole = path[0] as number;
    for (const from of path.slice(1)) {
      this.#heap[hole] = this.#entry(from);
      hole = from;
    }
    this.#heap[hole] = entry;
  }

  #isBefore(a: Entry<T>, b: Entry<T>): boolean {
    const order = this.#compare(a.item, b.item);
    if (typeof order !== 'number' || Number.isNaN(order)) {
      throw loopChecks.wrong('PriorityQueue', 'a number from compare', order);
    }
    return order === 0 ? a.arrival < b.arrival : order < 0;
  }

  #entry(at: number): Entry<T> {
    return this.#heap[at] as Entry<T>;
  }
}

/**
 * Orders numbers, strings by UTF-16 code units, and arrays of them element by element, such as `[priority, name]`.
 *
 * JavaScript's own `<` would compare arrays as text, and put `[10]` before `[9]`.
 *
 * @throws LoopUsageError `ERR_LOOP_USAGE` for any other value, including NaN: such values have no natural order.
 */
function naturalOrder(a: unknown, b: unknown): number {
  if (Array.isArray(a) && Array.isArray(b)) {
    const shared = Math.min(a.length, b.length);
    for (let at = 0; at < shared; at += 1) {
      const order = naturalOrder(a[at], b[at]);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  }
  if ((isNumeric(a) && isNumeric(b)) || (typeof a === 'string' && typeof b === 'string')) {
    return a < b ? -1 : a > b ? 1 : 0;
  }
  throw loopChecks.wrong(
    'PriorityQueue',
    'numbers, strings, arrays of them, or a compare option',
    isNumeric(a) ? b : a,
  );
}

function isNumeric(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || (typeof value === 'number' && !Number.isNaN(value));
}

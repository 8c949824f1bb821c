/** Decides which item of a queue is taken next. Each queue needs its own object. */
export interface ItemOrder<T> {
  /** Number of items that it contains. */
  readonly size: number;
  /** Adds an item. If it throws, nothing must have changed. */
  put(item: T): void;
  /** Removes and returns the next item. If it throws, nothing must have changed. Never called while empty. */
  take(): T;
}

/** Last in, first out. */
export class StackOrder<T> implements ItemOrder<T> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  put(item: T): void {
    this.#items.push(item);
  }

  take(): T {
    return this.#items.pop() as T;
  }
}

/**
 * First in, first out. Taking an item costs constant time on average: the array is shortened when half of its entries
 * have been taken.
 */
export class ArrivalOrder<T> implements ItemOrder<T> {
  #items: (T | undefined)[] = [];
  #front = 0;

  get size(): number {
    return this.#items.length - this.#front;
  }

  put(item: T): void {
    this.#items.push(item);
  }

  take(): T {
    const item = this.#items[this.#front] as T;
    this.#items[this.#front] = undefined; // so that this array does not keep a taken item alive
    this.#front += 1;
    if (this.#front * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#front);
      this.#front = 0;
    }
    return item;
  }
}

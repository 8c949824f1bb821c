/** Which item of a queue comes next. One object orders the items of one queue. */
export interface ItemOrder<T> {
  /** Items held. */
  readonly size: number;
  /** Adds an item, or throws and changes nothing. */
  put(item: T): void;
  /** Takes the next item, or throws and changes nothing. Called only while there is one. */
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

/** First in, first out. Taking is constant work on average: the front is cut off when it is half of the array. */
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
    this.#items[this.#front] = undefined; // what was taken is not kept alive by us
    this.#front += 1;
    if (this.#front * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#front);
      this.#front = 0;
    }
    return item;
  }
}

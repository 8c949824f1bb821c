import { INSPECT, inspection } from '@landspout/ioloop/inspection';

/** Begins operations with the same key in the order of the calls, and counts those that are pending and their lengths. */
export class OperationOrder {
  /** The last operation of each key. */
  readonly #last = new Map<string, Promise<void>>();
  readonly #onEmpty: () => void;
  #pending = 0;
  #pendingLength = 0;
  #belowWaiter:
    | { readonly count: number; readonly length: number; readonly resolve: () => void }
    | undefined = undefined;

  /** @param onEmpty - called when nothing is pending any more. */
  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  get isEmpty(): boolean {
    return this.#pending === 0;
  }

  /**
   * Begins an operation: at once, unless one with the same key is pending.
   *
   * @param length - that of what the operation keeps in memory while it is pending.
   * @param begin - returns a promise that does not reject, after which the next operation may begin; or undefined.
   */
  run(key: string, length: number, begin: () => Promise<void> | undefined): void {
    const before = this.#last.get(key);
    const operation = before === undefined ? begin() : before.then(begin);
    if (operation === undefined) return;
    const last = operation.then(() => {
      if (this.#last.get(key) === last) this.#last.delete(key);
    });
    this.#last.set(key, last);
    this.track(last, length);
  }

  /** Counts an operation that delays no other. */
  track(operation: Promise<void>, length = 0): void {
    this.#pending += 1;
    this.#pendingLength += length;
    void operation.then(() => {
      this.#pending -= 1;
      this.#pendingLength -= length;
      const waiter = this.#belowWaiter;
      if (waiter !== undefined && this.#isBelow(waiter.count, waiter.length)) {
        waiter.resolve();
        this.#belowWaiter = undefined;
      }
      if (this.#pending === 0) this.#onEmpty();
    });
  }

  /**
   * Resolves when fewer than `count` are pending, and less than `length` together; undefined if they are already. For one
   * caller at a time.
   */
  whenBelow(count: number, length: number): Promise<void> | undefined {
    if (this.#isBelow(count, length)) return undefined;
    return new Promise((resolve) => {
      this.#belowWaiter = { count, length, resolve };
    });
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ pending: this.#pending }));
  }

  #isBelow(count: number, length: number): boolean {
    return this.#pending < count && this.#pendingLength < length;
  }
}

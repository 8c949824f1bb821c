import { INSPECT, inspection } from '@landspout/ioloop/inspection';

/** Begins operations with the same key in the order of the calls, and counts those that are pending. */
export class OperationOrder {
  /** The last operation of each key. */
  readonly #last = new Map<string, Promise<void>>();
  #pending = 0;
  #belowWaiter: { readonly count: number; readonly resolve: () => void } | undefined = undefined;

  get isEmpty(): boolean {
    return this.#pending === 0;
  }

  /**
   * Begins an operation: at once, unless one with the same key is pending.
   *
   * @param begin - returns a promise that does not reject, after which the next operation may begin; or undefined.
   * @returns whether it is pending.
   */
  run(key: string, begin: () => Promise<void> | undefined): boolean {
    const before = this.#last.get(key);
    const operation = before === undefined ? begin() : before.then(begin);
    if (operation === undefined) return false;
    const last = operation.then(() => {
      if (this.#last.get(key) === last) this.#last.delete(key);
    });
    this.#last.set(key, last);
    this.track(last);
    return true;
  }

  /** Counts an operation that delays no other. */
  track(operation: Promise<void>): void {
    this.#pending += 1;
    operation.then(() => {
      this.#pending -= 1;
      if (this.#belowWaiter === undefined || this.#pending >= this.#belowWaiter.count) return;
      this.#belowWaiter.resolve();
      this.#belowWaiter = undefined;
    });
  }

  /** Resolves when fewer than `count` are pending; undefined if they are already. For one caller at a time. */
  whenBelow(count: number): Promise<void> | undefined {
    if (this.#pending < count) return undefined;
    return new Promise((resolve) => {
      this.#belowWaiter = { count, resolve };
    });
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ pending: this.#pending }));
  }
}

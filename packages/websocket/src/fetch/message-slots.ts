/**
 * Counts the promises of message listeners that are pending, so that no more messages are read while there are too many.
 */
export class MessageSlots {
  readonly #most: number;
  #pending = 0;
  #release: (() => void) | undefined;

  /** @param most - the number of pending promises from which on no more messages are read. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Counts a promise until it settles. @param failed - called if it rejects. Must not throw. */
  hold(result: PromiseLike<unknown>, failed: (error: unknown) => void): void {
    this.#pending += 1;
    const settled = (): void => {
      this.#pending -= 1;
      if (this.#pending >= this.#most) return;
      this.#release?.();
      this.#release = undefined;
    };
    Promise.resolve(result).then(settled, (error) => {
      failed(error);
      settled();
    });
  }

  /** Waits until another message may be delivered. @returns undefined if that is at once. Has one caller at a time. */
  waitForRoom(): Promise<void> | undefined {
    if (this.#pending < this.#most) return undefined;
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }
}

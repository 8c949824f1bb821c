/**
 * A promise that knows whether the program has waited for it. The rejection of a write that the program does not await
 * must neither end the process nor get lost.
 */
export class WritePromise extends Promise<string> {
  /** Promises derived from a write are ordinary ones. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  #isObserved = false;

  /** Whether `then` was called, by the program or by its `await`. */
  get isObserved(): boolean {
    return this.#isObserved;
  }

  // biome-ignore lint/suspicious/noThenProperty: `await`, `catch` and `Promise.all` call the `then` of a subclass.
  override then<Fulfilled = string, Rejected = never>(
    onFulfilled?: ((cursor: string) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((error: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    this.#isObserved = true;
    return super.then(onFulfilled, onRejected);
  }

  /** Prevents Node from ending the process if this rejects. */
  markHandled(): void {
    super.then(undefined, () => {});
  }
}

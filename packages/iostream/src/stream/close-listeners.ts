import { IOLoop } from '@landspout/ioloop';

/** Who wants to hear of a stream's close. Made only when somebody does. */
export class CloseListeners {
  readonly #listeners = new Set<() => void>();

  add(listener: () => void): void {
    // Wrapped, so that the same function given twice is called twice.
    this.#listeners.add(() => listener());
  }

  /** Resolves at the close. @throws the reason of `signal`. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onClose = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = (): void => {
        this.#listeners.delete(onClose);
        reject(signal?.reason);
      };
      this.#listeners.add(onClose);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Calls each on a later turn, after reads were settled. If one throws or rejects, the loop logs it. */
  tell(): void {
    const loop = IOLoop.current();
    for (const listener of this.#listeners) loop.addCallback(listener);
    this.#listeners.clear();
  }
}

import { onAbort } from '@landspout/ioloop/reactor';

/** Runs a limited number of look-ups at once. The others wait in order, where an abort can still remove them. */
export class LookupQueue {
  readonly #mostRunning: number;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(mostRunning: number) {
    this.#mostRunning = mostRunning;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Calls `lookUp` when its turn has come.
   *
   * @throws the error of `lookUp`; the reason of `signal` if it aborts. A look-up that is already running continues
   *   then, and its result is ignored.
   */
  add<T>(lookUp: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        this.#running += 1;
        const settled = lookUp().then(resolve, reject);
        void settled.then(() => {
          stopListening();
          this.#ended();
        });
      };
      const stopListening = onAbort(signal, (reason) => {
        this.#waiting.delete(start);
        reject(reason);
      });
      if (this.#running < this.#mostRunning) start();
      else this.#waiting.add(start);
    });
  }

  #ended(): void {
    this.#running -= 1;
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    next();
  }
}

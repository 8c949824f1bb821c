import type { StopResult } from './server-stop.ts';

/** Counts how connections end while a server stops. What ends after the cut is the cut's. */
export class StopTally {
  #finished = 0;
  #idle = 0;
  #cut = 0;
  #closed = false;

  /** @param answered - whether a request was answered after the stop began. */
  ended(answered: boolean): void {
    if (this.#closed) return;
    if (answered) this.#finished += 1;
    else this.#idle += 1;
  }

  /** All that is left is cut. */
  cut(connections: number): void {
    if (this.#closed) return;
    this.#cut = connections;
    this.#closed = true;
  }

  get result(): StopResult {
    return { finished: this.#finished, idle: this.#idle, cut: this.#cut };
  }
}

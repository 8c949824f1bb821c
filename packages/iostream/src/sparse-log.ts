import type { IOLoop } from '@landspout/ioloop';

/** At most one record in so long, however much goes wrong: one for each failure would be a second flood. */
const LOG_EVERY_MS = 60_000;

/**
 * Says of one sort of failure, which strangers cause at will, that it happens: at once, and then once a minute at most,
 * with the number of those since the record before.
 */
export class SparseLog {
  readonly #loop: IOLoop;
  readonly #message: string;
  #failures = 0;
  #silentUntil = Number.NEGATIVE_INFINITY;

  constructor(loop: IOLoop, message: string) {
    this.#loop = loop;
    this.#message = message;
  }

  /** Counts a failure, of which the record tells where there is one. */
  warn(about: Readonly<Record<string, unknown>>): void {
    this.#failures += 1;
    const now = this.#loop.clock.now();
    if (now < this.#silentUntil) return;
    this.#silentUntil = now + LOG_EVERY_MS;
    const failures = this.#failures;
    this.#failures = 0;
    this.#loop.logger.warn({ ...about, failures }, this.#message);
  }
}

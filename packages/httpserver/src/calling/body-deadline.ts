import { HTTPDeadlineError } from '@landspout/http1';
import type { Clock, ClockTimer } from '@landspout/ioloop';

/** Limits the time in which a body must arrive, not counting the time in which the delegate does not read. */
export class BodyDeadline {
  readonly #clock: Clock;
  readonly #missed: (error: HTTPDeadlineError) => void;
  #timeoutMs = 0;
  #leftMs = 0;
  #startedAt = 0;
  #timer: ClockTimer | undefined = undefined;

  constructor(clock: Clock, missed: (error: HTTPDeadlineError) => void) {
    this.#clock = clock;
    this.#missed = missed;
  }

  /** Sets the time, which starts now unless `isHeld`. 0 means no limit. */
  limit(timeoutMs: number, isHeld: boolean): void {
    this.stop();
    this.#timeoutMs = timeoutMs;
    this.#leftMs = timeoutMs;
    if (!isHeld) this.resume();
  }

  pause(): void {
    if (this.#timer === undefined) return;
    this.#leftMs -= this.#clock.now() - this.#startedAt;
    this.stop();
  }

  resume(): void {
    if (this.#timeoutMs === 0 || this.#timer !== undefined) return;
    this.#startedAt = this.#clock.now();
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#missed(new HTTPDeadlineError(`the body of a request took longer than ${this.#timeoutMs} ms`));
      },
      Math.max(0, this.#leftMs),
    );
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

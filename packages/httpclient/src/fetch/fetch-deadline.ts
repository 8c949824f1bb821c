import type { Clock, ClockTimer } from '@landspout/ioloop';
import { Deadline, type DeadlineEntry, type DeadlineWheel } from '@landspout/ioloop/reactor';

/** From this duration on, a deadline is on the wheel of the pool, which is coarse; a shorter one has its own timer. */
export const COARSE_MS = 2_500;

/** The deadline of a fetch while it has no connection, or needs a more precise one than its connection can have. */
export class FetchDeadline {
  readonly #wheel: DeadlineWheel;
  readonly #clock: Clock;
  readonly #entry: DeadlineEntry;
  #timer: ClockTimer | undefined;
  #deadline: Deadline | undefined;

  constructor(wheel: DeadlineWheel, clock: Clock, entry: DeadlineEntry) {
    this.#wheel = wheel;
    this.#clock = clock;
    this.#entry = entry;
  }

  /** Sets the deadline to `delayMs` from now, instead of the previous one. 0 means none. */
  set(delayMs: number): void {
    this.clear();
    if (delayMs === 0) return;
    if (delayMs >= COARSE_MS) {
      this.#deadline ??= new Deadline(this.#wheel, this.#entry);
      this.#deadline.set(delayMs);
    } else {
      this.#timer = this.#clock.setTimeout(() => this.#entry.deadlinePassed(), delayMs);
    }
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#deadline?.clear();
  }

  close(): void {
    this.clear();
    this.#deadline?.close();
  }
}

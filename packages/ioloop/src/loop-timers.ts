import { AsyncResource } from 'node:async_hooks';
import { type Clock, type ClockTimer, systemClock } from './clock.ts';

/** A pending `callLater`; give it to `IOLoop.removeTimeout`. */
export interface Timeout {
  cancel(): void;
}

/** The calls of one loop that wait for a moment of its clock: counted, and forgotten together at its close. */
export class LoopTimers {
  /** Calls whose moment has come since the loop was made. */
  fired = 0;

  readonly #clock: Clock;
  readonly #pending = new Set<LoopTimer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get pending(): number {
    return this.#pending.size;
  }

  add(delayMs: number, callback: () => void): Timeout {
    // Node's timers keep the async context of the caller; a clock of somebody's own may call back in any.
    const run = this.#clock === systemClock ? callback : AsyncResource.bind(callback);
    const timer = new LoopTimer(this, run);
    this.#pending.add(timer);
    timer.start(this.#clock, delayMs);
    return timer;
  }

  /** Forgets everything that is pending. */
  close(): void {
    for (const timer of this.#pending) timer.cancel();
  }

  forget(timer: LoopTimer): void {
    this.#pending.delete(timer);
  }
}

class LoopTimer implements Timeout {
  readonly #timers: LoopTimers;
  readonly #run: () => void;
  #timer: ClockTimer | undefined;

  constructor(timers: LoopTimers, run: () => void) {
    this.#timers = timers;
    this.#run = run;
  }

  start(clock: Clock, delayMs: number): void {
    this.#timer = clock.setTimeout(() => this.#fire(), delayMs);
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timers.forget(this);
  }

  #fire(): void {
    this.#timers.forget(this);
    this.#timers.fired += 1;
    this.#run();
  }
}

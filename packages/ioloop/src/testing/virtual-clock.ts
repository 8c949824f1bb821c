import type { Clock, ClockTimer } from '../clock.ts';
import { INSPECT, inspection } from '../inspection.ts';

/** A clock that stands still until a test advances it. */
export class VirtualClock implements Clock {
  readonly #startWallTime: number;
  #now = 0;
  #sequence = 0;
  readonly #timers = new Map<number, { readonly at: number; readonly callback: () => void }>();

  /** @param startWallTime - milliseconds since the Unix epoch at the start. */
  constructor(startWallTime = 0) {
    this.#startWallTime = startWallTime;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#startWallTime + this.#now;
  }

  /** Number of pending calls, for leak tests. */
  get pending(): number {
    return this.#timers.size;
  }

  setTimeout(callback: () => void, delayMs: number): ClockTimer {
    this.#sequence += 1;
    const key = this.#sequence;
    this.#timers.set(key, { at: this.#now + delayMs, callback });
    return { cancel: () => void this.#timers.delete(key), unref() {} };
  }

  /** Advances the clock by `ms`, making each call when it is due. Promises settle between the calls. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#nextDue(end);
      if (due === undefined) break;
      const [key, timer] = due;
      this.#timers.delete(key);
      this.#now = Math.max(this.#now, timer.at);
      timer.callback();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#now = end;
  }

  [INSPECT](): object {
    return inspection(this, ['pending'], () => ({ now: this.#now }));
  }

  /** Returns the earliest timer due by `end`; among timers due at the same time, the one set first. */
  #nextDue(end: number) {
    let first: [number, { readonly at: number; readonly callback: () => void }] | undefined;
    for (const entry of this.#timers) {
      if (entry[1].at <= end && (first === undefined || entry[1].at < first[1].at)) first = entry;
    }
    return first;
  }
}

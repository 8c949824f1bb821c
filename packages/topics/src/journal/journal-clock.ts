import type { Clock, ClockTimer } from '@landspout/ioloop';

/**
 * The clock of a journal: it goes on from one process to the next, and never back, whatever the wall time does. While a
 * journal is replayed it stands at the stamp of each entry, so that ages are those of the records.
 */
export class JournalClock implements Clock {
  readonly #clock: Clock;
  /** What to add to the clock of this process; undefined during the replay. */
  #ahead: number | undefined;
  #standing = 0;
  #lastStamp: number | undefined;
  #wallAhead = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#ahead === undefined ? this.#standing : this.#clock.now() + this.#ahead;
  }

  wallTime(): number {
    return this.#clock.wallTime();
  }

  setTimeout(callback: () => void, delayMs: number): ClockTimer {
    return this.#clock.setTimeout(callback, delayMs);
  }

  /** How far the wall time was ahead of the stamps at most. */
  get wallAhead(): number {
    return this.#wallAhead;
  }

  /** Stands at a stamp. @param wallTime - the wall time then, if it is known. */
  stand(stamp: number, wallTime: number | undefined): void {
    this.#standing = stamp;
    this.#lastStamp = Math.max(stamp, this.#lastStamp ?? stamp);
    if (wallTime !== undefined) this.sawWallTime(stamp, wallTime);
  }

  /** Notes the wall time of a stamp. */
  sawWallTime(stamp: number, wallTime: number): void {
    this.noteWallAhead(wallTime - stamp);
  }

  noteWallAhead(ms: number): void {
    // The most there ever was: a clock that was set back and forth must not make records seem older than they are.
    this.#wallAhead = Math.max(this.#wallAhead, ms);
  }

  /** Goes from now on: after the last stamp, by as much as the wall time says has passed since, if it did not go back. */
  start(): void {
    const wallTime = this.#clock.wallTime();
    const last = this.#lastStamp ?? wallTime;
    const passed = this.#wallAhead === Number.NEGATIVE_INFINITY ? 0 : wallTime - (last + this.#wallAhead);
    const now = last + Math.max(0, passed);
    this.#ahead = now - this.#clock.now();
    this.sawWallTime(now, wallTime);
  }
}

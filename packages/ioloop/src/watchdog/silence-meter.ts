/** What the watchdog sees when it looks. All times are milliseconds of one clock. */
export interface Look {
  readonly nowMs: number;
  /** A number that changes with each beat of the main thread. */
  readonly beats: number;
  readonly beatAtMs: number;
  /** For how long the watchdog's own thread has been at work since the look before. */
  readonly activeMs: number;
}

/**
 * Says how late the heartbeat of the main thread is, without the time in which nobody could have beaten.
 *
 * The watchdog sleeps for one interval between two looks. Where a sleep was longer by more than an interval, the
 * process was stopped or the machine was short of CPU time, and the main thread had to wait as well: that time is
 * taken off. Time in which the watchdog itself worked is not lost.
 */
export class SilenceMeter {
  readonly #intervalMs: number;
  #lookedAtMs: number | undefined;
  #beats: number | undefined;
  #lostMs = 0;
  #lostInLastLookMs = 0;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** How much of the silence since the last beat is not to be blamed on the program. */
  get lostMs(): number {
    return this.#lostMs;
  }

  /** The part of it that the last look found, whichever silence it belongs to. */
  get lostInLastLookMs(): number {
    return this.#lostInLastLookMs;
  }

  /** @returns milliseconds since the next beat was due, at least 0. */
  look({ nowMs, beats, beatAtMs, activeMs }: Look): number {
    const sleptMs = this.#lookedAtMs === undefined ? 0 : nowMs - this.#lookedAtMs - activeMs;
    const oversleptMs = sleptMs - this.#intervalMs;
    const lostMs = oversleptMs > this.#intervalMs ? oversleptMs : 0;
    // A beat may have come before the time was lost, or after it: no more is taken off than has passed since.
    if (beats === this.#beats) this.#lostMs += lostMs;
    else this.#lostMs = Math.min(lostMs, nowMs - beatAtMs);
    this.#lostInLastLookMs = lostMs;
    this.#beats = beats;
    this.#lookedAtMs = nowMs;
    return Math.max(0, nowMs - beatAtMs - this.#intervalMs - this.#lostMs);
  }
}

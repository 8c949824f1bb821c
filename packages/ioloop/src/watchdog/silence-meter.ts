/** What the watchdog observes at one check. All times are in milliseconds on the same clock. */
export interface Look {
  readonly nowMs: number;
  /** A number that changes with each beat of the main thread. */
  readonly beats: number;
  readonly beatAtMs: number;
  /** How long the watchdog's own thread has been busy since the previous check. */
  readonly activeMs: number;
}

/**
 * Computes how late the heartbeat of the main thread is, minus the time in which no thread could run.
 *
 * The watchdog sleeps for one interval between two checks. If a sleep took more than twice that time, the process was
 * stopped or the machine was short of CPU time, so the main thread had to wait as well: the additional time is
 * subtracted. Time in which the watchdog itself was busy is not subtracted.
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

  /** How much of the time since the last beat was lost because no thread could run. */
  get lostMs(): number {
    return this.#lostMs;
  }

  /** How much lost time the last check found. Part of it may be from before the last beat. */
  get lostInLastLookMs(): number {
    return this.#lostInLastLookMs;
  }

  /** @returns milliseconds since the next beat was due, at least 0. */
  look({ nowMs, beats, beatAtMs, activeMs }: Look): number {
    const sleptMs = this.#lookedAtMs === undefined ? 0 : nowMs - this.#lookedAtMs - activeMs;
    const oversleptMs = sleptMs - this.#intervalMs;
    const lostMs = oversleptMs > this.#intervalMs ? oversleptMs : 0;
    // The beat may have been before or after the lost time, so at most the time since the beat is subtracted.
    if (beats === this.#beats) this.#lostMs += lostMs;
    else this.#lostMs = Math.min(lostMs, nowMs - beatAtMs);
    this.#lostInLastLookMs = lostMs;
    this.#beats = beats;
    this.#lookedAtMs = nowMs;
    return Math.max(0, nowMs - beatAtMs - this.#intervalMs - this.#lostMs);
  }
}

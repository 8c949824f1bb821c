const MINUTE_MS = 60_000;

/** Allows a limited number of reports per minute, and counts the others. */
export class ReportLimit {
  readonly #perMinute: number;
  /** The times at which the reports of the last minute were allowed; at most {@link #perMinute} entries. */
  readonly #passedAt: number[] = [];
  #suppressed = 0;

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /**
   * @returns how many reports were suppressed since the last one that was allowed; `undefined` if this one is
   *   suppressed too.
   */
  take(nowMs: number): number | undefined {
    while (this.#passedAt.length > 0 && nowMs - (this.#passedAt[0] as number) >= MINUTE_MS)
      this.#passedAt.shift();
    if (this.#passedAt.length >= this.#perMinute) {
      this.#suppressed += 1;
      return undefined;
    }
    this.#passedAt.push(nowMs);
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return suppressed;
  }
}

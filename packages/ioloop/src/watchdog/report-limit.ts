const MINUTE_MS = 60_000;

/** Lets so many reports pass in any minute, and counts the rest. */
export class ReportLimit {
  readonly #perMinute: number;
  /** When the reports of the last minute were let pass; never more than {@link #perMinute}. */
  readonly #passedAt: number[] = [];
  #suppressed = 0;

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** @returns how many were suppressed since the last that passed; `undefined` when this one is, too. */
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

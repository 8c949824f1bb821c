/** OpenSSL has more than 300 reasons, and a client can cause many of them. */
const MAX_CODES = 32;

/** Counts failures by code: the first 32 codes separately, and all further ones as `other`. */
export class FailureCounts {
  readonly #counts = new Map<string, number>();

  add(code: string): void {
    const counted = this.#counts.has(code) || this.#counts.size < MAX_CODES ? code : 'other';
    this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + 1);
  }

  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  /** Returns the counts, and starts again without any. */
  take(): Record<string, number> {
    const counts = this.counts();
    this.#counts.clear();
    return counts;
  }
}

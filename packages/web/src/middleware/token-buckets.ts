/** How fast a bucket fills, and how much it holds. */
export interface BucketSize {
  /** Milliseconds until one more token is in the bucket. */
  readonly msPerToken: number;
  /** The number of tokens in a full bucket. */
  readonly capacity: number;
}

/** A key and the time at which its bucket is full again: this alone says how many tokens it contains. */
interface Bucket {
  readonly key: string;
  fullAtMs: number;
  older: Bucket | undefined;
  newer: Bucket | undefined;
}

/** A full bucket is worth nothing, so each insertion looks for as many at the old end, and the table shrinks again. */
const SWEEP = 2;
/** A longer key is replaced by its hash. */
export const MAX_KEY_CHARS = 128;

/**
 * Token buckets by key, of which the table keeps at most `maxEntries`: for one more, it forgets the bucket that was used
 * least recently, as if it were full. No timers; each operation takes constant time.
 */
export class TokenBuckets {
  readonly #size: BucketSize;
  readonly #maxEntries: number;
  readonly #buckets = new Map<string, Bucket>();
  #oldest: Bucket | undefined = undefined;
  #newest: Bucket | undefined = undefined;

  constructor(size: BucketSize, maxEntries: number) {
    this.#size = size;
    this.#maxEntries = maxEntries;
  }

  /** The number of buckets that are kept. */
  get count(): number {
    return this.#buckets.size;
  }

  /**
   * Takes a token.
   *
   * @returns 0 if there was one; otherwise the milliseconds until there is one, and the bucket is unchanged.
   */
  take(key: string, nowMs: number): number {
    const { msPerToken, capacity } = this.#size;
    const bucket = this.#buckets.get(key);
    const from = bucket === undefined ? nowMs : Math.max(bucket.fullAtMs, nowMs);
    // A thousandth of a token makes up for rounding.
    const excess = from - nowMs - (capacity - 1 + 0.001) * msPerToken;
    if (excess <= 0) {
      if (bucket === undefined) this.#insert(key, from + msPerToken, nowMs);
      else bucket.fullAtMs = from + msPerToken;
    }
    if (bucket !== undefined) this.#touch(bucket);
    return Math.max(excess, 0);
  }

  /** Returns the milliseconds until the bucket is full. */
  msUntilFull(key: string, nowMs: number): number {
    return Math.max((this.#buckets.get(key)?.fullAtMs ?? nowMs) - nowMs, 0);
  }

  /** Returns the number of tokens in the bucket. */
  tokens(key: string, nowMs: number): number {
    const { msPerToken, capacity } = this.#size;
    return Math.max(Math.floor(capacity - this.msUntilFull(key, nowMs) / msPerToken + 0.001), 0);
  }

  #insert(key: string, fullAtMs: number, nowMs: number): void {
    for (let at = 0; at < SWEEP; at += 1) {
      const oldest = this.#oldest;
      if (oldest === undefined) break;
      if (oldest.fullAtMs > nowMs && this.#buckets.size < this.#maxEntries) break;
      this.#unlink(oldest);
      this.#buckets.delete(oldest.key);
    }
    // A copy: a slice of a header would keep the whole request head in memory.
    const own = Buffer.from(key, 'utf16le').toString('utf16le');
    const bucket = { key: own, fullAtMs, older: undefined, newer: undefined };
    this.#buckets.set(own, bucket);
    this.#append(bucket);
  }

  #touch(bucket: Bucket): void {
    if (bucket === this.#newest) return;
    this.#unlink(bucket);
    this.#append(bucket);
  }

  #append(bucket: Bucket): void {
    bucket.older = this.#newest;
    bucket.newer = undefined;
    if (this.#newest === undefined) this.#oldest = bucket;
    else this.#newest.newer = bucket;
    this.#newest = bucket;
  }

  #unlink({ older, newer }: Bucket): void {
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}

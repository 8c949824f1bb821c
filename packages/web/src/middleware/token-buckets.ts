import { createHash } from 'node:crypto';

/** How fast a bucket fills, and how many tokens it holds. */
export interface BucketSize {
  /** Milliseconds until one more token is in the bucket. */
  readonly msPerToken: number;
  /** The number of tokens in a full bucket. */
  readonly capacity: number;
}

/** A key and the time at which its bucket is full again, from which the number of tokens is computed. */
interface Bucket {
  readonly key: string;
  fullAtMs: number;
  older: Bucket | undefined;
  newer: Bucket | undefined;
}

/**
 * How many of the least recently used buckets each insertion checks. Full ones are removed: they need not be stored.
 */
const SWEEP = 2;
/** Longer keys are replaced by their hash. */
const MAX_KEY_CHARS = 128;

/** Returns a key that is not longer than {@link MAX_KEY_CHARS}: long ones are replaced by their hash. */
export function boundedKey(key: string): string {
  return key.length <= MAX_KEY_CHARS ? key : createHash('sha256').update(key, 'utf16le').digest('base64');
}

/**
 * A table of at most `maxEntries` token buckets by key. If there would be more, the least recently used bucket is
 * removed, as if it were full. Uses no timers; each operation takes constant time.
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

  /** The number of buckets in the table. */
  get count(): number {
    return this.#buckets.size;
  }

  /**
   * Takes a token.
   *
   * @returns 0 if a token was taken; otherwise the milliseconds until there is a token, and the bucket is unchanged.
   */
  take(key: string, nowMs: number): number {
    const { msPerToken, capacity } = this.#size;
    const bucket = this.#buckets.get(key);
    const from = bucket === undefined ? nowMs : Math.max(bucket.fullAtMs, nowMs);
    // The thousandth of a token compensates for rounding errors.
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
    // Copy the key: a slice of a header would keep the whole request head in memory.
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

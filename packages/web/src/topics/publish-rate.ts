import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { HTTPError } from '../errors.ts';
import { boundedKey, TokenBuckets } from '../middleware/token-buckets.ts';
import type { DoorSettings } from './door-options.ts';

const SECOND_MS = 1_000;
/** The key of the bucket that all clients share. */
const ALL = '';

/** Limits how many records each client, and all together, publish. */
export class PublishRate {
  readonly #clients: TokenBuckets;
  readonly #total: TokenBuckets;

  constructor(settings: DoorSettings) {
    const { publishesPerSecond, publishBurst, maxPublishers } = settings;
    const { totalPublishesPerSecond, totalPublishBurst } = settings;
    const size = { msPerToken: SECOND_MS / publishesPerSecond, capacity: publishBurst };
    this.#clients = new TokenBuckets(size, maxPublishers);
    const totalSize = { msPerToken: SECOND_MS / totalPublishesPerSecond, capacity: totalPublishBurst };
    this.#total = new TokenBuckets(totalSize, 1);
  }

  /**
   * Counts a record.
   *
   * @param key - the client; undefined if only the total is limited.
   * @throws HTTPError 429 with `Retry-After`.
   */
  take(key: string | undefined, nowMs: number): void {
    const own = key === undefined ? 0 : this.#clients.take(boundedKey(key), nowMs);
    const waitMs = own > 0 ? own : this.#total.take(ALL, nowMs);
    if (waitMs === 0) return;
    throw new HTTPError(429, 'too many records are published', {
      headers: { 'Retry-After': String(Math.ceil(waitMs / SECOND_MS)) },
      extensions: { code: 'ERR_TOPICS_RATE_LIMIT' },
    });
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ clients: this.#clients.count }));
  }
}

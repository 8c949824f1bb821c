import { INSPECT, inspection } from '@landspout/ioloop/inspection';

/** How often something may happen. */
export interface Rate {
  readonly perSecond: number;
  /** How many times at once, after a pause. */
  readonly burst: number;
}

/** The sum of many intervals is not exact. */
const ROUNDING_MS = 0.001;

/**
 * Limits a rate with a token bucket, of which only the time is kept at which it will be full again.
 */
export class RateLimit {
  #fullAt = Number.NEGATIVE_INFINITY;

  /** @returns 0 if it may happen now, and counts it; otherwise the milliseconds until it may. */
  take({ perSecond, burst }: Rate, nowMs: number): number {
    const interval = 1_000 / perSecond;
    const fullAt = Math.max(this.#fullAt, nowMs) + interval;
    const waitMs = fullAt - nowMs - burst * interval;
    if (waitMs > ROUNDING_MS) return waitMs;
    this.#fullAt = fullAt;
    return 0;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ fullAt: this.#fullAt }));
  }
}

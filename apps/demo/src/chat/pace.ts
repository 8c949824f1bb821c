/** A token bucket: allows a burst, and then a fixed number per second. */
export class Pace {
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #filledAtMs: number;

  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#left = burst;
    this.#filledAtMs = nowMs;
  }

  /** Takes one token. Returns false if none is left. */
  take(nowMs: number): boolean {
    const refill = (Math.max(0, nowMs - this.#filledAtMs) / 1000) * this.#perSecond;
    this.#left = Math.min(this.#burst, this.#left + refill);
    this.#filledAtMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

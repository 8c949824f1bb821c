/** Pseudo-random numbers that depend on a seed only (a linear congruential generator: Knuth, TAOCP 3.3.4, line 26). */
export class SeededRandom {
  #state: bigint;

  constructor(seed: number) {
    this.#state = BigInt(seed);
  }

  /** Returns an integer from 0 up to `limit`, exclusive. */
  below(limit: number): number {
    this.#state = BigInt.asUintN(64, this.#state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n);
    // The low bits of such a generator have short periods.
    return Number((this.#state >> 33n) % BigInt(limit));
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  /** Lets other work go on for some turns of the loop, or none. */
  async pause(): Promise<void> {
    for (let turns = this.below(4); turns > 0; turns -= 1)
      await new Promise((resolve) => setImmediate(resolve));
  }
}

import { COUNTERS } from './instrument.mjs';

/** How often a branch was taken, in the steps in which that makes a difference. */
const STEP = new Uint8Array(256);
for (let count = 1; count < 256; count += 1) STEP[count] = 1 << Math.min(7, Math.floor(Math.log2(count)));

/** Counts pairs of branches that follow each other, and knows which were new. */
export class Coverage {
  /** Branches taken since `begin`, for a bound on the work that an input may cause. */
  steps = 0;
  #counters = new Uint8Array(COUNTERS);
  #touched = new Uint32Array(COUNTERS);
  #touchedCount = 0;
  #seen = new Uint8Array(COUNTERS);
  #previous = 0;

  /** @param {number} branch */
  branch = (branch) => {
    const at = ((branch * 0x9e3779b1) >>> 16) ^ this.#previous;
    const count = this.#counters[at] ?? 0;
    if (count === 0) {
      this.#touched[this.#touchedCount] = at;
      this.#touchedCount += 1;
    }
    if (count < 255) this.#counters[at] = count + 1;
    this.#previous = (((branch * 0x9e3779b1) >>> 16) >>> 1) & (COUNTERS - 1);
    this.steps += 1;
  };

  begin() {
    for (let at = 0; at < this.#touchedCount; at += 1) this.#counters[this.#touched[at] ?? 0] = 0;
    this.#touchedCount = 0;
    this.#previous = 0;
    this.steps = 0;
  }

  /** Whether the last input did anything that none before it did; it is then known. */
  learn() {
    let isNew = false;
    for (const [at, step] of this.features()) {
      if (((this.#seen[at] ?? 0) & step) !== 0) continue;
      this.#seen[at] = (this.#seen[at] ?? 0) | step;
      isNew = true;
    }
    return isNew;
  }

  /** What the last input did. @returns {Iterable<[number, number]>} */
  *features() {
    for (let at = 0; at < this.#touchedCount; at += 1) {
      const counter = this.#touched[at] ?? 0;
      yield [counter, STEP[this.#counters[counter] ?? 0] ?? 0];
    }
  }

  /** How many different things all inputs did. */
  get size() {
    let size = 0;
    for (const seen of this.#seen) for (let bits = seen; bits !== 0; bits &= bits - 1) size += 1;
    return size;
  }
}

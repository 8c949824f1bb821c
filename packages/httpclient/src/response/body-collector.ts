const MIN_BUFFER_BYTES = 4 * 1024;

/**
 * Collects a body that arrives in several chunks. The chunks are copied to one buffer, whose size doubles when it is
 * full: a list of one-byte chunks would need a hundred times the memory of the body.
 */
export class BodyCollector {
  #buffer: Uint8Array;
  #length: number;

  /** @param first - the first chunk, which is owned by the collector. */
  constructor(first: Uint8Array) {
    this.#buffer = first;
    this.#length = first.length;
  }

  /** All bytes so far. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  append(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, this.#buffer.length * 2, MIN_BUFFER_BYTES));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = length;
  }
}

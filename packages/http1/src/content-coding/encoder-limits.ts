/** Counts what all encoders of a pool use together, and says what is too much. */
export class EncoderLimits {
  readonly #maxConcurrent: number;
  readonly #maxStreams: number;
  readonly #maxWaitingBytes: number;
  #running = 0;
  #streams = 0;
  #waitingBytes = 0;
  /** In the order in which they came. Each encoder waits at most once, so there are at most `maxStreams`. */
  readonly #waiting = new Set<() => void>();

  constructor(maxConcurrent: number, maxStreams: number, maxWaitingBytes: number) {
    this.#maxConcurrent = maxConcurrent;
    this.#maxStreams = maxStreams;
    this.#maxWaitingBytes = maxWaitingBytes;
  }

  /** Number of encoders whose slice is in the thread pool. */
  get running(): number {
    return this.#running;
  }

  /** Number of encoders that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Number of open encoders. */
  get streams(): number {
    return this.#streams;
  }

  /** Bytes that were written to encoders and are not encoded yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get maxWaitingBytes(): number {
    return this.#maxWaitingBytes;
  }

  /** Counts an encoder. @returns false if there are too many, or `byteLength` more bytes would be too much. */
  tryOpen(byteLength: number): boolean {
    if (this.#streams >= this.#maxStreams || !this.mayWait(byteLength)) return false;
    this.#streams += 1;
    return true;
  }

  closeStream(): void {
    this.#streams -= 1;
  }

  /** If nothing waits, any size is accepted. */
  mayWait(byteLength: number): boolean {
    return this.#waitingBytes === 0 || this.#waitingBytes + byteLength <= this.#maxWaitingBytes;
  }

  /** Counts bytes that were written, or with a negative number bytes that are encoded or dropped. */
  addWaiting(byteLength: number): void {
    this.#waitingBytes += byteLength;
  }

  /** Calls `begin` when the thread pool may be used: at once or later, first come, first served. */
  acquire(begin: () => void): void {
    if (this.#running < this.#maxConcurrent) {
      this.#running += 1;
      begin();
    } else {
      this.#waiting.add(begin);
    }
  }

  /** Gives up the place of an encoder that waits. */
  cancel(begin: () => void): void {
    this.#waiting.delete(begin);
  }

  /** Called after each `begin` when the thread pool is no longer used. */
  release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running -= 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}

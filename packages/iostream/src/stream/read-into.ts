import { wrongArgument } from '../stream-usage.ts';
import type { ByteQueue } from './byte-queue.ts';
import { NOT_YET, type ReadGoal } from './read-goal.ts';

/**
 * Fills memory of the caller's, or with `partial` as much of it as is there. Bytes that come while the read waits go
 * straight into it: they are copied once, out of the loop's read buffer.
 */
export class ReadInto implements ReadGoal<number> {
  readonly limitMessage = '';
  readonly #target: Uint8Array;
  readonly #partial: boolean;
  #filled = 0;

  /** @param maxBytes - most that the stream may buffer: an aborted read puts back what it has taken. */
  constructor(target: Uint8Array, partial: boolean, maxBytes: number) {
    if (!(target instanceof Uint8Array) || target.length > maxBytes) {
      throw wrongArgument('readInto', `a Uint8Array of at most ${maxBytes} bytes`, target);
    }
    this.#target = target;
    this.#partial = partial;
  }

  satisfiedBy(inbox: ByteQueue): number {
    const wanted = Math.min(inbox.byteLength, this.#target.length - this.#filled);
    if (wanted > 0) this.#filled += inbox.takeInto(this.#target, this.#filled, wanted);
    const isSatisfied = this.#filled >= this.#target.length || (this.#partial && this.#filled > 0);
    return isSatisfied ? 0 : NOT_YET;
  }

  take(): number {
    return this.#filled;
  }

  absorb(bytes: Uint8Array, start: number, end: number): number {
    const length = Math.min(end - start, this.#target.length - this.#filled);
    if (length <= 0) return 0;
    this.#target.set(bytes.subarray(start, start + length), this.#filled);
    this.#filled += length;
    return length;
  }

  abandon(): Uint8Array {
    // A caller who has transferred the memory meanwhile has the bytes there, wherever that is now: of that, none.
    return this.#target.subarray(0, this.#filled);
  }
}

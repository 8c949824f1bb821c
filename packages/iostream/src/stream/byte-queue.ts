const EMPTY = Buffer.alloc(0);
const MIN_BYTES = 256;
/** A buffer of up to this size is kept for the next message when it becomes empty. */
const KEPT_BYTES = 4096;

/**
 * Bytes that have been received and not read yet. Appended bytes are copied, because the caller may reuse its memory
 * afterwards. A search resumes where the last one stopped, so that finding a delimiter takes linear time however the
 * bytes were split.
 */
export class ByteQueue {
  #storage: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  /**
   * Relative to `#start`: in the current search, no delimiter begins before this offset and no match ends before it.
   */
  #searched = 0;

  get byteLength(): number {
    return this.#end - this.#start;
  }

  /** Whether the queue is empty but has memory left that the next bytes can use. */
  get isSpare(): boolean {
    return this.#start === this.#end && this.#storage.length > 0;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.#end + length > this.#storage.length) this.#makeRoom(length);
    this.#storage.set(bytes.subarray(start, end), this.#end);
    this.#end += length;
  }

  /** Inserts bytes at the front. */
  prepend(bytes: Uint8Array): void {
    const rest = this.take(this.byteLength);
    this.append(bytes, 0, bytes.length);
    this.append(rest, 0, rest.length);
    this.#searched = 0;
  }

  /** Returns the number of bytes up to and including the first `delimiter`, or -1. */
  endOf(delimiter: Uint8Array): number {
    const held = this.#storage.subarray(this.#start, this.#end);
    const end = endOf(held, delimiter, this.#searched);
    if (end === -1) this.#searched = Math.max(0, held.length - delimiter.length + 1);
    return end;
  }

  /**
   * Returns the number of bytes up to and including the first match of `pattern`, or -1. Searches the new bytes, and
   * once more the `maxMatchBytes` bytes before them.
   *
   * @param pattern - must have the flag `g`.
   * @param maxTextBytes - maximum number of bytes to search.
   */
  endOfMatch(pattern: RegExp, maxMatchBytes: number, maxTextBytes: number): number {
    const from = this.#searchStart(maxMatchBytes);
    const end = Math.min(this.#end, this.#start + from + maxTextBytes);
    const text = this.#storage.toString('latin1', this.#start + from, end);
    // The first byte of the searched text is only context for `^` and `\b`, unless it is the first byte of the queue.
    pattern.lastIndex = from === 0 ? 0 : 1;
    if (pattern.test(text)) return from + pattern.lastIndex;
    this.#searched = this.byteLength;
    return -1;
  }

  /** Returns how many bytes {@link endOfMatch} would search. */
  bytesToSearch(maxMatchBytes: number): number {
    return this.byteLength - this.#searchStart(maxMatchBytes);
  }

  /** Restarts the search at the front, for another delimiter or pattern. */
  restartSearch(): void {
    this.#searched = 0;
  }

  /** Removes and returns the first `length` bytes, which are owned by the caller. */
  take(length: number): Buffer {
    const from = this.#start;
    this.#searched = 0;
    if (length === this.byteLength && length > this.#storage.length / 2) {
      // The queue becomes empty and the bytes fill most of its buffer: return that buffer instead of a copy.
      const taken = this.#storage.subarray(from, from + length);
      this.#storage = EMPTY;
      this.#start = 0;
      this.#end = 0;
      return taken;
    }
    const taken = Buffer.from(this.#storage.subarray(from, from + length));
    this.#drop(length);
    return taken;
  }

  /** Moves the first `length` bytes into `target`. @param length - at most `byteLength`. @returns `length`. */
  takeInto(target: Uint8Array, at: number, length: number): number {
    target.set(this.#storage.subarray(this.#start, this.#start + length), at);
    this.#drop(length);
    return length;
  }

  /** Removes the first `length` bytes and returns all but the last `ending` of them as text. */
  takeText(length: number, ending: number, encoding: 'utf8' | 'latin1'): string {
    const text = this.#storage.toString(encoding, this.#start, this.#start + length - ending);
    this.#drop(length);
    return text;
  }

  /** Returns the byte at offset `at`, which must be in the queue. */
  byteAt(at: number): number {
    return this.#storage[this.#start + at] as number;
  }

  #searchStart(maxMatchBytes: number): number {
    return Math.max(0, this.#searched - maxMatchBytes - 1);
  }

  #drop(length: number): void {
    this.#searched = 0;
    this.#start += length;
    if (this.#start < this.#end) return;
    this.#start = 0;
    this.#end = 0;
    if (this.#storage.length > KEPT_BYTES) this.#storage = EMPTY;
  }

  #makeRoom(length: number): void {
    const held = this.byteLength;
    if (held + length <= this.#storage.length && this.#start >= this.#storage.length / 2) {
      this.#storage.copyWithin(0, this.#start, this.#end);
    } else {
      const grown = Buffer.allocUnsafeSlow(Math.max(MIN_BYTES, nextPowerOfTwo(held + length)));
      this.#storage.copy(grown, 0, this.#start, this.#end);
      this.#storage = grown;
    }
    this.#start = 0;
    this.#end = held;
  }
}

/** Returns the number of bytes up to and including the first `delimiter` that begins at `from` or later, or -1. */
export function endOf(bytes: Buffer, delimiter: Uint8Array, from: number): number {
  // Searching for a number is several times as fast as searching for an array of one byte.
  const at = bytes.indexOf(delimiter.length === 1 ? (delimiter[0] as number) : delimiter, from);
  return at === -1 ? -1 : at + delimiter.length;
}

function nextPowerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}

/** Maximum number of queues in the pool: at most 64 KiB in total, since an empty queue keeps at most 4 KiB. */
const MOST_SPARES = 16;
const SPARES: ByteQueue[] = [];

/**
 * The empty queue that all streams without buffered bytes share; nothing is ever appended to it. If each idle stream
 * had a queue of its own, with memory kept for the next message, that queue would use more memory than the rest of the
 * stream's reading side.
 */
export const NO_BYTES: ByteQueue = new ByteQueue();

/** Returns an empty queue, preferably one that was used before and still has memory. */
export function borrowQueue(): ByteQueue {
  return SPARES.pop() ?? new ByteQueue();
}

/**
 * Returns an empty queue to the pool; the caller must not use it afterwards. The queue shares no memory with bytes that
 * were taken from it.
 */
export function returnQueue(queue: ByteQueue): void {
  if (SPARES.length < MOST_SPARES && queue.isSpare) SPARES.push(queue);
}

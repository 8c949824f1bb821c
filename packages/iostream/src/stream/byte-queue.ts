const EMPTY = Buffer.alloc(0);
const MIN_BYTES = 256;
/** An emptied storage up to this size is kept for the next message. */
const KEPT_BYTES = 4096;

/**
 * Bytes that have come and that nobody has asked for yet. Appending copies, since what is appended is lent;
 * searching resumes where it stopped, so that finding a delimiter is linear however the bytes were split.
 */
export class ByteQueue {
  #storage: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  /** Relative to `#start`: no delimiter of the current search begins before it, and no match ends before it. */
  #searched = 0;

  get byteLength(): number {
    return this.#end - this.#start;
  }

  /** Whether nothing waits, and so little memory is kept that the next bytes may have it. */
  get isSpare(): boolean {
    return this.#start === this.#end && this.#storage.length > 0;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.#end + length > this.#storage.length) this.#makeRoom(length);
    this.#storage.set(bytes.subarray(start, end), this.#end);
    this.#end += length;
  }

  /** Puts bytes before all others. */
  prepend(bytes: Uint8Array): void {
    const rest = this.take(this.byteLength);
    this.append(bytes, 0, bytes.length);
    this.append(rest, 0, rest.length);
    this.#searched = 0;
  }

  /** The number of bytes up to and including the first `delimiter`, or -1. */
  endOf(delimiter: Uint8Array): number {
    const held = this.#storage.subarray(this.#start, this.#end);
    const end = endOf(held, delimiter, this.#searched);
    if (end === -1) this.#searched = Math.max(0, held.length - delimiter.length + 1);
    return end;
  }

  /**
   * The number of bytes up to and including the first match of `pattern`, or -1. What was searched before is looked at
   * again as far as `maxMatchBytes` reach back into it.
   *
   * @param pattern - with the flag `g`.
   * @param maxTextBytes - most bytes to look at.
   */
  endOfMatch(pattern: RegExp, maxMatchBytes: number, maxTextBytes: number): number {
    const from = this.#searchStart(maxMatchBytes);
    const end = Math.min(this.#end, this.#start + from + maxTextBytes);
    const text = this.#storage.toString('latin1', this.#start + from, end);
    // The first byte is there for `^` and `\b` alone, unless it is the first of all.
    pattern.lastIndex = from === 0 ? 0 : 1;
    if (pattern.test(text)) return from + pattern.lastIndex;
    this.#searched = this.byteLength;
    return -1;
  }

  /** How many bytes {@link endOfMatch} would look at. */
  bytesToSearch(maxMatchBytes: number): number {
    return this.byteLength - this.#searchStart(maxMatchBytes);
  }

  /** Forgets how far the last search came: a new one may look for something else. */
  restartSearch(): void {
    this.#searched = 0;
  }

  /** Removes the first `length` bytes and gives them away. */
  take(length: number): Buffer {
    const from = this.#start;
    this.#searched = 0;
    if (length === this.byteLength && length > this.#storage.length / 2) {
      // The storage is about to be empty and most of it is wanted: it goes along instead of being copied.
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

  /** Moves the first `length` bytes, all that wait at most, into `target`. @returns `length`. */
  takeInto(target: Uint8Array, at: number, length: number): number {
    target.set(this.#storage.subarray(this.#start, this.#start + length), at);
    this.#drop(length);
    return length;
  }

  /** Removes the first `length` bytes, and gives all of them but the last `ending` as text. */
  takeText(length: number, ending: number, encoding: 'utf8' | 'latin1'): string {
    const text = this.#storage.toString(encoding, this.#start, this.#start + length - ending);
    this.#drop(length);
    return text;
  }

  /** The byte at `at`, which waits here. */
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

/** The number of bytes up to and including the first `delimiter` that begins at `from` or later, or -1. */
export function endOf(bytes: Buffer, delimiter: Uint8Array, from: number): number {
  // A number is looked for several times as fast as an array of one.
  const at = bytes.indexOf(delimiter.length === 1 ? (delimiter[0] as number) : delimiter, from);
  return at === -1 ? -1 : at + delimiter.length;
}

function nextPowerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}

/** 64 KiB at most, since an empty queue keeps 4 KiB at most. */
const MOST_SPARES = 16;
const SPARES: ByteQueue[] = [];

/**
 * What nobody ever appends to: the queue of every stream that holds no bytes. A queue of its own, with the memory that
 * it keeps for the next message, would cost an idle stream more than all the rest of its reading side.
 */
export const NO_BYTES: ByteQueue = new ByteQueue();

/** An empty queue, whose memory is there already if it is one that was used before. */
export function borrowQueue(): ByteQueue {
  return SPARES.pop() ?? new ByteQueue();
}

/** Takes back an empty queue, which its user has forgotten. What it has given away it does not share. */
export function returnQueue(queue: ByteQueue): void {
  if (SPARES.length < MOST_SPARES && queue.isSpare) SPARES.push(queue);
}

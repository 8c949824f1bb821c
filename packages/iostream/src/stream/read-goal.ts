import { type EndedStream, requireByteLimit, StreamTruncatedError, streamChecks } from '../errors.ts';
import { type ByteQueue, endOf } from './byte-queue.ts';

/** The condition that a read waits for. */
export interface ReadGoal<Result> {
  /**
   * Decides whether the buffered bytes satisfy the read.
   *
   * @param over - whether the end has been reached, so that no more bytes will arrive.
   * @returns how many bytes satisfy the goal, {@link NOT_YET}, or {@link PASSED_LIMIT}.
   * @throws the error with which the read fails. The goal is then abandoned, and the bytes stay in `inbox`.
   */
  satisfiedBy(inbox: ByteQueue, over: boolean): number;
  /** Removes the bytes that satisfied the goal, and returns the result. No other method is called after this one. */
  take(inbox: ByteQueue, length: number): Result;
  readonly limitMessage: string;
  /**
   * Takes arriving bytes, which are borrowed, before they are buffered. Called only while nothing is buffered. @returns
   * how many bytes were taken.
   */
  absorb?(bytes: Buffer, start: number, end: number): number;
  /**
   * Ends the read without a result. No other method is called after this one. @returns the bytes already taken, to be
   * put back into the buffer.
   */
  abandon?(): Uint8Array | undefined;
}

export const NOT_YET = -1;
/** No further byte can satisfy the goal. */
export const PASSED_LIMIT = -2;

/** Reads everything up to and including a delimiter, with a limit in bytes. */
export class ReadUntil implements ReadGoal<Buffer> {
  readonly #delimiter: Uint8Array;
  readonly #maxBytes: number;
  #absorbed: Buffer | undefined;

  constructor(delimiter: Uint8Array, maxBytes: number) {
    if (!(delimiter instanceof Uint8Array) || delimiter.length === 0) {
      throw streamChecks.wrong('readUntil', 'a delimiter of at least one byte', delimiter);
    }
    this.#delimiter = delimiter;
    this.#maxBytes = requireByteLimit('readUntil', 'maxBytes', maxBytes, 0);
  }

  get limitMessage(): string {
    return `readUntil: no delimiter within ${this.#maxBytes} bytes`;
  }

  satisfiedBy(inbox: ByteQueue): number {
    if (this.#absorbed !== undefined) return 0;
    const end = inbox.endOf(this.#delimiter);
    if (end > this.#maxBytes) return PASSED_LIMIT;
    if (end !== -1) return end;
    return inbox.byteLength >= this.#maxBytes ? PASSED_LIMIT : NOT_YET;
  }

  take(inbox: ByteQueue, length: number): Buffer {
    return this.#absorbed ?? inbox.take(length);
  }

  /** Takes bytes only if they contain the delimiter, so that nothing is searched twice. */
  absorb(bytes: Buffer, start: number, end: number): number {
    const length = endOf(bytes.subarray(start, end), this.#delimiter, 0);
    if (length === -1 || length > this.#maxBytes) return 0;
    this.#absorbed = copyOf(bytes, start, length);
    return length;
  }
}

/** Reads a number of bytes, or with `partial` up to that many. */
export class ReadCount implements ReadGoal<Buffer> {
  readonly #count: number;
  readonly #partial: boolean;
  #absorbed: Buffer | undefined;

  /** @param count - at most the stream's buffer limit, unless `partial` is set. */
  constructor(count: number, partial: boolean) {
    this.#count = count;
    this.#partial = partial;
  }

  /** Never used: there is no limit to exceed. */
  get limitMessage(): string {
    return '';
  }

  satisfiedBy(inbox: ByteQueue): number {
    if (this.#absorbed !== undefined) return 0;
    const held = inbox.byteLength;
    if (held >= this.#count) return this.#count;
    return this.#partial && held > 0 ? held : NOT_YET;
  }

  take(inbox: ByteQueue, length: number): Buffer {
    const absorbed = this.#absorbed;
    this.#absorbed = undefined;
    return absorbed ?? inbox.take(length);
  }

  /** Takes all bytes or none: a peer that sends one byte must not make us allocate memory for `count`. */
  absorb(bytes: Buffer, start: number, end: number): number {
    const length = Math.min(end - start, this.#count);
    if (length < this.#count && !this.#partial) return 0;
    this.#absorbed = copyOf(bytes, start, length);
    return length;
  }
}

/** Reads everything until the end, with a limit in bytes. */
export class ReadToEnd implements ReadGoal<Buffer> {
  readonly #stream: EndedStream;
  readonly #maxBytes: number;

  constructor(stream: EndedStream, maxBytes: number) {
    this.#stream = stream;
    this.#maxBytes = requireByteLimit('readUntilClose', 'maxBytes', maxBytes, 0);
  }

  get limitMessage(): string {
    return `readUntilClose: the stream did not end within ${this.#maxBytes} bytes`;
  }

  satisfiedBy(inbox: ByteQueue, over: boolean): number {
    if (inbox.byteLength > this.#maxBytes) return PASSED_LIMIT;
    if (!over) return NOT_YET;
    const { isEndBare, bytesReceived } = this.#stream;
    if (isEndBare) throw new StreamTruncatedError(bytesReceived, 'readUntilClose');
    return inbox.byteLength;
  }

  take(inbox: ByteQueue, length: number): Buffer {
    return inbox.take(length);
  }
}

/**
 * Fills memory of the caller; with `partial`, only as far as bytes are available. Bytes that arrive while the read is
 * pending are copied only once: from the loop's read buffer into that memory.
 */
export class ReadInto implements ReadGoal<number> {
  readonly limitMessage = '';
  readonly #target: Uint8Array;
  readonly #partial: boolean;
  #filled = 0;

  /**
   * @param maxBytes - the stream's buffer limit. It also limits `target`, since an aborted read puts its bytes back
   *   into the buffer.
   */
  constructor(target: Uint8Array, partial: boolean, maxBytes: number) {
    if (!(target instanceof Uint8Array) || target.length > maxBytes) {
      throw streamChecks.wrong('readInto', `a Uint8Array of at most ${maxBytes} bytes`, target);
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
    // If the caller has transferred the memory in the meantime, its bytes are gone too, and this array is empty.
    return this.#target.subarray(0, this.#filled);
  }
}

/** Copies borrowed memory. Short copies are allocated in Node's buffer pool, as in a stream's inbox. */
function copyOf(bytes: Buffer, start: number, length: number): Buffer {
  const copy = Buffer.allocUnsafe(length);
  bytes.copy(copy, 0, start, start + length);
  return copy;
}

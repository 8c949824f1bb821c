import { Buffer } from 'node:buffer';
import { Http1UsageError } from '../grammar/errors.ts';

const EMPTY = Buffer.alloc(0);

/** The minimum size of a copy, enough for most request heads without cookies. An idle connection has no copy. */
const MIN_COPY_BYTES = 256;

/**
 * The bytes that a decoder reads: borrowed from the caller for the duration of a call, and copied only if a message is
 * incomplete.
 *
 * The properties are public because the scanners copy them to local variables once per call. They are not visible
 * outside this folder.
 */
export class ReceiveBuffer {
  bytes: Buffer = EMPTY;
  /** The next byte to read. */
  pos = 0;
  end = 0;
  /** The start of an incomplete head or trailer section, all of whose bytes are still needed; -1 if there is none. */
  block = -1;
  #owned = false;

  /** The number of bytes still needed: unread bytes, and the bytes of an incomplete block. */
  get byteLength(): number {
    return this.end - this.#start();
  }

  /** Borrows `bytes`, or appends a copy of them if earlier bytes are kept. */
  receive(bytes: Buffer, start: number, end: number): void {
    if (!(start >= 0 && start <= end && end <= bytes.length)) {
      throw new Http1UsageError(
        'ERR_HTTP1_USAGE',
        `receive: ${start} to ${end} is not a range within ${bytes.length} bytes`,
      );
    }
    if (this.end > this.#start()) {
      if (!this.#owned) {
        throw new Http1UsageError(
          'ERR_HTTP1_USAGE',
          'receive: earlier bytes have not all been decoded: first call next until NEED_DATA, or hold',
        );
      }
      this.#append(bytes, start, end);
      return;
    }
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
    if (this.block >= 0) this.block = start;
    this.#owned = false;
  }

  /** Copies the borrowed bytes that are still needed, and releases the caller's buffer. */
  keep(): void {
    const start = this.#start();
    const length = this.end - start;
    if (length === 0) {
      this.clear();
    } else if (!this.#owned) {
      this.#moveTo(Buffer.allocUnsafe(Math.max(length, MIN_COPY_BYTES)), start, length);
      this.#owned = true;
    }
  }

  /** Removes and returns the unread bytes, as a copy that the caller owns. */
  take(): Buffer {
    const rest = Buffer.from(this.bytes.subarray(this.#start(), this.end));
    this.block = -1;
    this.clear();
    return rest;
  }

  /** Releases all bytes, so that an idle connection keeps no memory and no reference to the caller's buffer. */
  clear(): void {
    if (this.block >= 0) this.block = 0;
    this.bytes = EMPTY;
    this.pos = 0;
    this.end = 0;
    this.#owned = false;
  }

  #start(): number {
    return this.block >= 0 ? this.block : this.pos;
  }

  /**
   * Appends a copy. The total cost is linear: bytes are moved to the front only if that frees half of the buffer;
   * otherwise the buffer is doubled.
   */
  #append(bytes: Buffer, from: number, to: number): void {
    const start = this.#start();
    const kept = this.end - start;
    const capacity = this.bytes.length;
    const needed = kept + to - from;
    if (this.end + to - from > capacity) {
      const fits = needed <= capacity && kept * 2 <= capacity;
      this.#moveTo(fits ? this.bytes : Buffer.allocUnsafe(Math.max(needed, kept * 2)), start, kept);
    }
    bytes.copy(this.bytes, this.end, from, to);
    this.end += to - from;
  }

  #moveTo(target: Buffer, start: number, length: number): void {
    this.bytes.copy(target, 0, start, this.end);
    this.bytes = target;
    this.pos -= start;
    if (this.block >= 0) this.block = 0;
    this.end = length;
  }
}

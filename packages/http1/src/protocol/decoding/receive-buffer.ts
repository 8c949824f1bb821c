import { Buffer } from 'node:buffer';
import { Http1UsageError } from '../grammar/errors.ts';

const EMPTY = Buffer.alloc(0);

/** First size of a copy: most request heads without cookies fit, and an idle connection has none at all. */
const MIN_COPY_BYTES = 256;

/**
 * The bytes that a decoder reads: lent by the caller while one call lasts, copied only when a message is incomplete.
 *
 * The fields are public because the scanners read them once per call, into locals. Nothing outside this folder
 * sees them.
 */
export class ReceiveBuffer {
  bytes: Buffer = EMPTY;
  /** The next byte to read. */
  pos = 0;
  end = 0;
  /** Where a head or trailer section that is still incomplete starts, or -1: its bytes are needed as a whole. */
  block = -1;
  #owned = false;

  /** Bytes that are still needed: those not yet read, and those of an incomplete block. */
  get byteLength(): number {
    return this.end - this.#start();
  }

  /** Takes `bytes` on loan, or copies them behind those that are kept already. */
  receive(bytes: Buffer, start: number, end: number): void {
    if (!(start >= 0 && start <= end && end <= bytes.length)) {
      throw new Http1UsageError(
        'ERR_HTTP1_USAGE',
        `receive: ${start} to ${end} is not within ${bytes.length} bytes`,
      );
    }
    if (this.end > this.#start()) {
      if (!this.#owned) {
        throw new Http1UsageError(
          'ERR_HTTP1_USAGE',
          'receive: pull until NEED_DATA, or call hold, before lending more',
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

  /** Ends the loan: what is still needed becomes a copy of our own, everything else is let go. */
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

  /** Hands over the unread bytes as a buffer of the caller's own. */
  take(): Buffer {
    const rest = Buffer.from(this.bytes.subarray(this.#start(), this.end));
    this.block = -1;
    this.clear();
    return rest;
  }

  /** Lets all bytes go, so that an idle connection holds no memory and no reference to the caller's buffer. */
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
   * Total cost stays linear: bytes move to the front only when that frees half of the buffer, else it doubles.
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

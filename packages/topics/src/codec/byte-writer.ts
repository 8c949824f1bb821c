import { Buffer } from 'node:buffer';

const INITIAL_BYTES = 64 * 1024;
/** A larger buffer is given back when it is reset: a batch is rarely so large. */
const KEPT_BYTES = 4 * 1024 * 1024;
/** Most bytes of UTF-8 for one UTF-16 unit. */
const MAX_UNIT_BYTES = 3;
/** Longer texts are measured first: otherwise they would reserve three times what most of them need. */
const MEASURED_LENGTH = 4096;

/** A buffer that grows. Numbers are little-endian; texts and bytes are preceded by their length. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  /** Where writing has started: what is before it was taken. */
  #start = 0;
  #at = 0;

  get length(): number {
    return this.#at - this.#start;
  }

  /** What was written since the last reset. Valid until the next write or reset. */
  written(): Buffer {
    return this.#buffer.subarray(this.#start, this.#at);
  }

  /** Returns what was written since the last reset, and starts anew. It is the caller's, and is never written to again. */
  take(): Buffer {
    const taken = this.written();
    this.#start = this.#at;
    // The rest of a large buffer would be kept by small writes, and the buffer by what was taken from it.
    if (this.#buffer.length > INITIAL_BYTES) this.#replace(INITIAL_BYTES);
    return taken;
  }

  reset(): void {
    this.#at = this.#start;
    if (this.#buffer.length > KEPT_BYTES) this.#replace(INITIAL_BYTES);
  }

  /** Drops everything after the first `length` bytes. */
  cutTo(length: number): void {
    this.#at = this.#start + length;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#at] = value;
    this.#at += 1;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
  }

  f64(value: number): void {
    this.#reserve(8);
    this.#at = this.#buffer.writeDoubleLE(value, this.#at);
  }

  text(value: string): void {
    const { length } = value;
    this.#reserve(4 + (length > MEASURED_LENGTH ? Buffer.byteLength(value) : length * MAX_UNIT_BYTES));
    const bytes = this.#buffer.write(value, this.#at + 4);
    this.#buffer.writeUInt32LE(bytes, this.#at);
    this.#at += 4 + bytes;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(4 + value.byteLength);
    this.#buffer.writeUInt32LE(value.byteLength, this.#at);
    this.#buffer.set(value, this.#at + 4);
    this.#at += 4 + value.byteLength;
  }

  /** Overwrites four bytes that were written before. */
  putU32(value: number, at: number): void {
    this.#buffer.writeUInt32LE(value, this.#start + at);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const { length } = this;
    this.#replace(Math.max(length + bytes, length * 2, INITIAL_BYTES));
  }

  /** Goes on in a new buffer, with what was written and not taken. */
  #replace(bytes: number): void {
    const buffer = Buffer.allocUnsafeSlow(bytes);
    this.#at = this.#buffer.copy(buffer, 0, this.#start, this.#at);
    this.#start = 0;
    this.#buffer = buffer;
  }
}

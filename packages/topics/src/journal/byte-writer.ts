import { Buffer } from 'node:buffer';

const INITIAL_BYTES = 64 * 1024;
/** A larger buffer is given back when it is reset: a batch is rarely so large. */
const KEPT_BYTES = 4 * 1024 * 1024;
/** Most bytes of UTF-8 for one UTF-16 unit. */
const MAX_UNIT_BYTES = 3;

/** A buffer that grows. Numbers are little-endian; texts and bytes are preceded by their length. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What was written since the last reset. Valid until the next write or reset. */
  written(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  }

  /** Drops everything after the first `length` bytes. */
  cutTo(length: number): void {
    this.#length = length;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length] = value;
    this.#length += 1;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value, this.#length);
  }

  f64(value: number): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  text(value: string): void {
    this.#reserve(4 + value.length * MAX_UNIT_BYTES);
    const bytes = this.#buffer.write(value, this.#length + 4);
    this.#buffer.writeUInt32LE(bytes, this.#length);
    this.#length += 4 + bytes;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(4 + value.byteLength);
    this.#buffer.writeUInt32LE(value.byteLength, this.#length);
    this.#buffer.set(value, this.#length + 4);
    this.#length += 4 + value.byteLength;
  }

  /** Overwrites four bytes that were written before. */
  putU32(value: number, at: number): void {
    this.#buffer.writeUInt32LE(value, at);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

import type { Buffer } from 'node:buffer';

/** Reads what a {@link ByteWriter} wrote. Reading beyond the end throws a `RangeError`. */
export class ByteReader {
  readonly #buffer: Buffer;
  readonly #end: number;
  #at: number;

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer;
    this.#at = start;
    this.#end = end;
  }

  u8(): number {
    return this.#buffer[this.#take(1)] as number;
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#take(4));
  }

  f64(): number {
    return this.#buffer.readDoubleLE(this.#take(8));
  }

  text(): string {
    const length = this.u32();
    const at = this.#take(length);
    return this.#buffer.toString('utf8', at, at + length);
  }

  /** Returns a copy. */
  bytes(): Uint8Array {
    return new Uint8Array(this.view());
  }

  /** Returns a part of the buffer, which it keeps in memory as long as it is used. */
  view(): Buffer {
    const length = this.u32();
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#end)
      throw new RangeError(`the entry ends after ${this.#end - at} of ${bytes} bytes`);
    this.#at += bytes;
    return at;
  }
}

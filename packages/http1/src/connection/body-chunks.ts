import { Buffer } from 'node:buffer';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';

/** Chunks below this size are copied together. An object for each would take more memory than its bytes. */
const SMALL_BYTES = 1024;
/** The size of the first buffer for small chunks, which has room for two. After a full one, the next is twice as large. */
const MIN_BUFFER_BYTES = 2 * SMALL_BYTES;
const MAX_BUFFER_BYTES = 64 * 1024;

/**
 * The part of a body that was received and not read, as a queue of chunks. Small chunks that follow each other are
 * copied into one, so that the memory depends on the number of bytes and not on how the peer has divided them: a body
 * that is sent in chunks of one byte takes at most a few times its size. A small chunk that is alone is not copied.
 *
 * @example
 * const chunks = new BodyChunks();
 * chunks.push(first);
 * chunks.push(second);
 * chunks.takeAll(); // both, as one Uint8Array
 */
export class BodyChunks {
  #chunks: Uint8Array[] = [];
  #byteLength = 0;
  /** The buffer whose start is the last chunk, while more may be copied into it. */
  #buffer: Buffer | undefined = undefined;
  #filled = 0;
  #nextBufferBytes = MIN_BUFFER_BYTES;

  /** Adds a chunk at the end. It is then owned by this queue. */
  push(chunk: Uint8Array): void {
    const { length } = chunk;
    this.#byteLength += length;
    if (length >= SMALL_BYTES) {
      this.#seal();
      this.#nextBufferBytes = MIN_BUFFER_BYTES;
      this.#chunks.push(chunk);
    } else if (length > 0) {
      this.#pushSmall(chunk);
    }
  }

  /** Takes the first chunk, which the caller then owns; undefined if there is none. */
  shift(): Uint8Array | undefined {
    if (this.#chunks.length === 1) this.#seal();
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) this.#byteLength -= chunk.length;
    return chunk;
  }

  /** Takes all bytes as one chunk, which the caller then owns. */
  takeAll(): Uint8Array {
    this.#seal();
    const chunks = this.#chunks;
    this.clear();
    return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
  }

  /** Discards all bytes. */
  clear(): void {
    this.#chunks = [];
    this.#byteLength = 0;
    this.#buffer = undefined;
  }

  /** The number of chunks. */
  get length(): number {
    return this.#chunks.length;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  [INSPECT](): object {
    return inspection(this, ['length', 'byteLength']);
  }

  #pushSmall(chunk: Uint8Array): void {
    const chunks = this.#chunks;
    const buffer = this.#buffer;
    if (buffer !== undefined && buffer.length - this.#filled >= chunk.length) {
      buffer.set(chunk, this.#filled);
      this.#filled += chunk.length;
      return;
    }
    if (buffer !== undefined) this.#nextBufferBytes = Math.min(2 * buffer.length, MAX_BUFFER_BYTES);
    this.#seal();
    const last = chunks.at(-1);
    if (last === undefined || last.length >= SMALL_BYTES) chunks.push(chunk);
    else this.#startBuffer(last, chunk);
  }

  /** Replaces the last chunk by a buffer with that chunk and the one that follows it. */
  #startBuffer(last: Uint8Array, chunk: Uint8Array): void {
    // Not a part of the pool of Node, whose blocks have up to 64 KiB, and which one chunk would keep.
    const buffer = Buffer.allocUnsafeSlow(this.#nextBufferBytes);
    buffer.set(last);
    buffer.set(chunk, last.length);
    this.#nextBufferBytes = MIN_BUFFER_BYTES;
    this.#buffer = buffer;
    this.#filled = last.length + chunk.length;
    this.#chunks[this.#chunks.length - 1] = buffer;
  }

  /** Makes the buffer a chunk like others. */
  #seal(): void {
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    const filled = buffer.subarray(0, this.#filled);
    // The owner may keep the chunk, and must not keep a buffer that is almost empty.
    this.#chunks[this.#chunks.length - 1] = 2 * this.#filled < buffer.length ? exactCopy(filled) : filled;
    this.#buffer = undefined;
  }
}

/** A copy with memory of its own, not a part of Node's pool. */
function exactCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

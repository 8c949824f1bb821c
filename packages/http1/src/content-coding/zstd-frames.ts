import { ContentCodingProtocolError } from './content-coding.ts';

/** The part of a frame being read. All except `skip` are little-endian numbers, which may arrive byte by byte. */
type Part = 'magic' | 'descriptor' | 'skippable-size' | 'block-header' | 'skip';

/** The size of the number in each part, in bytes. */
const NUMBER_BYTES = { magic: 4, descriptor: 1, 'skippable-size': 4, 'block-header': 3 } as const;

const FRAME_MAGIC = 0xfd2fb528;
/** The first of sixteen magic numbers of skippable frames. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const CHECKSUM_BYTES = 4;
/**
 * The type of a block that contains one byte. The size of such a block is the number of times that byte is repeated.
 */
const RLE_BLOCK = 1;

/**
 * Finds the ends of the frames in a zstd body (RFC 8878 §3.1), without decompressing it.
 *
 * Versions of Node differ in how they handle bytes after a frame, and some accept a body that is truncated within a
 * frame. If each frame is passed to the engine separately, all versions behave the same, and truncation is detected
 * here.
 */
export class ZstdFrames {
  #part: Part = 'magic';
  #number = 0;
  #numberBytes = 0;
  #skipBytes = 0;
  /** The part that follows the skipped bytes. */
  #afterSkip: Part = 'magic';
  #hasChecksum = false;
  #begun = false;

  /** Whether the input so far is one or more complete frames. */
  get atEnd(): boolean {
    return this.#begun && this.#part === 'magic' && this.#numberBytes === 0;
  }

  /**
   * Reads from `start` to the end of the current frame, or to the end of `bytes`.
   *
   * @returns the position after the frame; the length of `bytes` if the frame does not end in them.
   * @throws ContentCodingProtocolError if the bytes at the expected start of a frame are not a frame.
   */
  endOfFrame(bytes: Uint8Array, start: number): number {
    let at = start;
    while (at < bytes.length) {
      if (this.#part === 'skip') {
        const skipped = Math.min(this.#skipBytes, bytes.length - at);
        this.#skipBytes -= skipped;
        at += skipped;
        if (this.#skipBytes > 0) break;
        this.#expect(this.#afterSkip);
      } else {
        this.#number += (bytes[at] as number) * 2 ** (8 * this.#numberBytes);
        this.#numberBytes += 1;
        at += 1;
        if (this.#part === 'magic' && !mayBeMagic(this.#number, this.#numberBytes)) this.#refuse();
        if (this.#numberBytes < NUMBER_BYTES[this.#part]) continue;
        this.#numberRead(this.#part, this.#number);
      }
      if (this.#part === 'magic') return at;
    }
    return at;
  }

  #numberRead(part: Exclude<Part, 'skip'>, number: number): void {
    switch (part) {
      case 'magic':
        this.#begun = true;
        this.#expect(number === FRAME_MAGIC ? 'descriptor' : 'skippable-size');
        return;
      case 'descriptor':
        this.#hasChecksum = (number & 0x04) !== 0;
        this.#skip(frameHeaderBytes(number), 'block-header');
        return;
      case 'skippable-size':
        this.#skip(number, 'magic');
        return;
      case 'block-header': {
        const last = (number & 1) !== 0;
        const bytes = ((number >> 1) & 3) === RLE_BLOCK ? 1 : number >> 3;
        if (last) this.#skip(bytes + (this.#hasChecksum ? CHECKSUM_BYTES : 0), 'magic');
        else this.#skip(bytes, 'block-header');
      }
    }
  }

  #skip(bytes: number, then: Part): void {
    this.#expect(bytes === 0 ? then : 'skip');
    this.#skipBytes = bytes;
    this.#afterSkip = then;
  }

  #expect(part: Part): void {
    this.#part = part;
    this.#number = 0;
    this.#numberBytes = 0;
  }

  #refuse(): never {
    throw this.#begun
      ? new ContentCodingProtocolError('ERR_HTTP_CODING_TRAILING', 'bytes follow the end of the zstd data')
      : new ContentCodingProtocolError('ERR_HTTP_CODING_CORRUPT', 'invalid zstd data: expected a frame');
  }
}

/** Whether a magic number can start with `byteLength` bytes whose value is `number`. */
function mayBeMagic(number: number, byteLength: number): boolean {
  const range = 2 ** (8 * byteLength);
  return number === FRAME_MAGIC % range || number - (number % 16) === SKIPPABLE_MAGIC % range;
}

/** Returns the size of a frame header without its magic number and descriptor (RFC 8878 §3.1.1.1). */
function frameHeaderBytes(descriptor: number): number {
  const singleSegment = (descriptor & 0x20) !== 0;
  const windowBytes = singleSegment ? 0 : 1;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 && singleSegment ? 1 : (CONTENT_SIZE_BYTES[sizeFlag] as number);
  return windowBytes + (DICTIONARY_ID_BYTES[descriptor & 3] as number) + sizeBytes;
}

import { ContentCodingProtocolError } from './content-coding.ts';

/** What is being read. All but `skip` are numbers in little-endian order, which may come byte by byte. */
type Part = 'magic' | 'descriptor' | 'skippable-size' | 'block-header' | 'skip';

/** How many bytes the number of a part has. */
const NUMBER_BYTES = { magic: 4, descriptor: 1, 'skippable-size': 4, 'block-header': 3 } as const;

const FRAME_MAGIC = 0xfd2fb528;
/** The first of sixteen. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const CHECKSUM_BYTES = 4;
/** A block of one byte that is repeated: its size says how often. */
const RLE_BLOCK = 1;

/**
 * Finds where the frames of a zstd body end (RFC 8878 §3.1), without decompressing anything.
 *
 * The versions of Node disagree on what follows a frame, and some take a body for whole that was cut in the middle of
 * one. With every frame given to the engine by itself they agree, and the end is known here.
 */
export class ZstdFrames {
  #part: Part = 'magic';
  #number = 0;
  #numberBytes = 0;
  #skipBytes = 0;
  /** What follows the bytes that are skipped. */
  #afterSkip: Part = 'magic';
  #hasChecksum = false;
  #begun = false;

  /** Whether what came so far is one or more whole frames. */
  get atEnd(): boolean {
    return this.#begun && this.#part === 'magic' && this.#numberBytes === 0;
  }

  /**
   * Reads on.
   *
   * @returns where in `bytes` the frame ends that `start` belongs to; the length of `bytes` when it does not end there.
   * @throws ContentCodingProtocolError where a frame should begin and none does.
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
      ? new ContentCodingProtocolError('ERR_HTTP_CODING_TRAILING', 'bytes follow the end of zstd')
      : new ContentCodingProtocolError('ERR_HTTP_CODING_CORRUPT', 'not zstd: a frame was expected');
  }
}

/** Whether a frame can begin with the bytes of a number, of which some or all have come. */
function mayBeMagic(number: number, byteLength: number): boolean {
  const range = 2 ** (8 * byteLength);
  return number === FRAME_MAGIC % range || number - (number % 16) === SKIPPABLE_MAGIC % range;
}

/** The bytes of a frame's header behind its descriptor (RFC 8878 §3.1.1.1). */
function frameHeaderBytes(descriptor: number): number {
  const singleSegment = (descriptor & 0x20) !== 0;
  const windowBytes = singleSegment ? 0 : 1;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 && singleSegment ? 1 : (CONTENT_SIZE_BYTES[sizeFlag] as number);
  return windowBytes + (DICTIONARY_ID_BYTES[descriptor & 3] as number) + sizeBytes;
}

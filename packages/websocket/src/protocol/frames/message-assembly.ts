import { Buffer } from 'node:buffer';
import { badText, decodeUtf8, endOfWholeCharacters } from '../utf8.ts';
import { isAsciiLanes, maskInto } from './mask.ts';

/**
 * A message that arrives in more than one piece. Bytes are unmasked directly into one buffer whose size is doubled when
 * it is full. The total time is therefore linear for any number of pieces, and nothing is allocated for an announced
 * length before its bytes arrive.
 */
export class MessageAssembly {
  readonly #isText: boolean;
  #bytes: Buffer;
  #length = 0;
  /** All bytes so far, ORed into four lanes; see `maskInto`. */
  #lanes = 0;
  /** The text before this index consists of complete, valid characters. */
  #checkedTo = 0;
  #fragments = 0;

  constructor(kind: 'text' | 'binary') {
    this.#isText = kind === 'text';
    this.#bytes = NO_BYTES;
  }

  get length(): number {
    return this.#length;
  }

  /** Counts one more frame of this message, and returns the count. */
  countFragment(): number {
    this.#fragments += 1;
    return this.#fragments;
  }

  /**
   * Unmasks `source[start, end)` and appends it to the message.
   *
   * @param expectedBytes - the length of the message after the current frame is complete.
   * @throws WebSocketProtocolError `ERR_WEBSOCKET_BAD_UTF8` if the text can no longer become valid.
   */
  append(source: Buffer, start: number, end: number, key: number, expectedBytes: number): void {
    if (start === end) return;
    const length = this.#length + end - start;
    if (length > this.#bytes.length) this.#grow(length, expectedBytes);
    const lanes = maskInto(source, start, end, key, this.#bytes, this.#length);
    const wasWhole = this.#checkedTo === this.#length;
    this.#length = length;
    this.#lanes |= lanes;
    if (!this.#isText) return;
    if (wasWhole && isAsciiLanes(lanes)) this.#checkedTo = length;
    else this.#checkText();
  }

  /** Returns the complete message, whose bytes the caller owns. This object must not be used afterwards. */
  finish(): string | Uint8Array {
    const bytes = this.#bytes;
    const length = this.#length;
    this.#bytes = NO_BYTES;
    if (this.#isText) {
      if (this.#checkedTo !== length) throw badText();
      return bytes.toString(isAsciiLanes(this.#lanes) ? 'latin1' : 'utf8', 0, length);
    }
    // The buffer has its own ArrayBuffer. If part of it is unused, the message is copied, so that the caller does not
    // keep the unused memory.
    if (bytes.length !== length) return new Uint8Array(bytes.subarray(0, length));
    return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
  }

  #grow(neededBytes: number, expectedBytes: number): void {
    const roomy = Math.max(neededBytes, this.#bytes.length * 2, MIN_ROOM_BYTES);
    // Growing beyond the current frame is useful only if bytes of a later frame follow. Doubling then starts from the
    // bytes received so far, so that all copies together are smaller than twice the message.
    const room = neededBytes === expectedBytes ? roomy : Math.min(roomy, expectedBytes);
    const grown = Buffer.allocUnsafeSlow(room);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  #checkText(): void {
    const end = endOfWholeCharacters(this.#bytes, this.#checkedTo, this.#length);
    if (end === -1) throw badText();
    this.#checkedTo = end;
  }
}

/** Decodes the text of one complete, unfragmented frame. Nearly every text message is such a frame. */
export function readText(source: Buffer, start: number, end: number, key: number): string {
  const length = end - start;
  if (length === 0) return '';
  const plain = length <= SCRATCH.length ? SCRATCH : Buffer.allocUnsafeSlow(length);
  const lanes = maskInto(source, start, end, key, plain, 0);
  if (isAsciiLanes(lanes)) return plain.toString('latin1', 0, length);
  return decodeUtf8(plain, 0, length);
}

const NO_BYTES = Buffer.alloc(0);

const MIN_ROOM_BYTES = 256;

/**
 * The buffer in which the text of small messages is unmasked. It is only used during one call, so all decoders share
 * it.
 */
const SCRATCH = Buffer.allocUnsafeSlow(16_384);

import { Buffer } from 'node:buffer';
import { badText, decodeUtf8, endOfWholeCharacters } from '../utf8.ts';
import { isAsciiLanes, maskInto } from './mask.ts';

/**
 * A message that arrives in more than one piece. Bytes are unmasked directly into one buffer whose size is doubled when
 * it is full. The total time is therefore linear for any number of pieces, and nothing is allocated for an announced
 * length before its bytes arrive.
 */
export class MessageAssembly {
  readonly isText: boolean;
  /** Whether the message is compressed. Its text is then checked when it is inflated, not here. */
  readonly isCompressed: boolean;
  #bytes: Buffer;
  #length = 0;
  /** All bytes so far, ORed into four lanes; see `maskInto`. */
  #lanes = 0;
  /** The text before this index consists of complete, valid characters. */
  #checkedTo = 0;
  #fragments = 0;

  constructor(kind: 'text' | 'binary', isCompressed: boolean) {
    this.isText = kind === 'text';
    this.isCompressed = isCompressed;
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
    if (!this.isText || this.isCompressed) return;
    if (wasWhole && isAsciiLanes(lanes)) this.#checkedTo = length;
    else this.#checkText();
  }

  /** Returns the complete message, whose bytes the caller owns. This object must not be used afterwards. */
  finish(): string | Uint8Array {
    if (!this.isText) return this.finishBytes();
    const bytes = this.#bytes;
    this.#bytes = NO_BYTES;
    if (this.#checkedTo !== this.#length) throw badText();
    const text = bytes.toString(isAsciiLanes(this.#lanes) ? 'latin1' : 'utf8', 0, this.#length);
    if (bytes.length <= MAX_SPARE_BYTES) spare = bytes;
    return text;
  }

  /** Like {@link finish}, but returns the bytes of text too, unchecked. */
  finishBytes(): Uint8Array {
    const bytes = this.#bytes;
    const length = this.#length;
    this.#bytes = NO_BYTES;
    // The buffer has its own ArrayBuffer. If part of it is unused, the message is copied, so that the caller does not
    // keep the unused memory.
    if (bytes.length !== length) return new Uint8Array(bytes.subarray(0, length));
    return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
  }

  #grow(neededBytes: number, expectedBytes: number): void {
    const fits = neededBytes <= spare.length && neededBytes * 2 >= spare.length;
    if (fits && this.#bytes.length === 0 && this.isText && !this.isCompressed) {
      this.#bytes = spare;
      spare = NO_BYTES;
      return;
    }
    // A peer that has sent half of a frame gets room for all of it.
    if (this.#bytes.length === 0 && expectedBytes <= neededBytes * 2) {
      this.#bytes = Buffer.allocUnsafeSlow(expectedBytes);
      return;
    }
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
 * The buffer of an earlier text, for the next one: to fill new memory takes several times as long. A text is decoded into
 * a string, so that its buffer is free again. Empty while a text has it.
 */
let spare: Buffer = NO_BYTES;
const MAX_SPARE_BYTES = 1024 * 1024;

/**
 * The buffer in which the text of messages is unmasked that arrive in one piece. It is only used during one call, so all decoders share
 * it.
 */
const SCRATCH = Buffer.allocUnsafeSlow(64 * 1024);

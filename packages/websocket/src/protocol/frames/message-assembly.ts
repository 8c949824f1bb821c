import { Buffer } from 'node:buffer';
import { badText, decodeUtf8, endOfWholeCharacters } from '../utf8.ts';
import { isAsciiLanes, maskInto } from './mask.ts';

/**
 * A message that arrives in more than one piece. Bytes are unmasked straight into one buffer that doubles, so that
 * any number of pieces costs linear time, and an announced length costs no memory before its bytes are here.
 */
export class MessageAssembly {
  readonly #isText: boolean;
  #bytes: Buffer;
  #length = 0;
  /** All bytes so far, ORed in lanes. */
  #lanes = 0;
  /** Text before this index is known to be whole, valid characters. */
  #checkedTo = 0;
  #fragments = 0;

  constructor(kind: 'text' | 'binary') {
    this.#isText = kind === 'text';
    this.#bytes = NO_BYTES;
  }

  get length(): number {
    return this.#length;
  }

  /** Counts one more frame of this message, and returns how many there are. */
  countFragment(): number {
    this.#fragments += 1;
    return this.#fragments;
  }

  /**
   * Unmasks `source[start, end)` to the end of the message.
   *
   * @param expectedBytes - how long the message will be once the current frame is complete.
   * @throws WebSocketProtocolError `ERR_WEBSOCKET_BAD_UTF8` when text can no longer become valid.
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

  /** The whole message. Its bytes belong to the receiver, and this object is spent. */
  finish(): string | Uint8Array {
    const bytes = this.#bytes;
    const length = this.#length;
    this.#bytes = NO_BYTES;
    if (this.#isText) {
      if (this.#checkedTo !== length) throw badText();
      return bytes.toString(isAsciiLanes(this.#lanes) ? 'latin1' : 'utf8', 0, length);
    }
    // The buffer has an ArrayBuffer of its own. One with room to spare is not left to the receiver.
    if (bytes.length !== length) return new Uint8Array(bytes.subarray(0, length));
    return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
  }

  #grow(neededBytes: number, expectedBytes: number): void {
    const roomy = Math.max(neededBytes, this.#bytes.length * 2, MIN_ROOM_BYTES);
    // Growing past the end of the current frame is of use only when bytes of a later one will follow; the doubling
    // then starts from what is there, so the sum of all copies stays below twice the message.
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

/** Decodes the text of a frame that is whole and unfragmented, which is what nearly every text message is. */
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

/** Where the text of small messages is unmasked. It is used within one call only, so all decoders share it. */
const SCRATCH = Buffer.allocUnsafeSlow(16_384);

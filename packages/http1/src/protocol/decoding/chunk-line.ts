import {
  BYTE_CLASS,
  byteName,
  CR,
  FIELD_VALUE,
  HEX,
  HTAB,
  hexValue,
  LF,
  SEMICOLON,
  SP,
  TOKEN,
} from '../grammar/bytes.ts';
import { Http1ProtocolError } from '../grammar/errors.ts';
import type { ReceiveBuffer } from './receive-buffer.ts';

const SIZE = 0;
const EXTENSION = 1;
const LINE_LF = 2;
const LINE_DONE = 3;

const QUOTE = 0x22;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** The states of the scan of chunk extensions. The line may end in a state above {@link LAST_OPEN}. */
const EXTENSION_START = 0;
const BEFORE_NAME = 1;
const AFTER_NAME = 2;
const BEFORE_VALUE = 3;
const QUOTED = 4;
const ESCAPED = 5;
const AFTER_BLANK = 6;
const LAST_OPEN = AFTER_BLANK;
const NAME = 7;
const VALUE = 8;
const QUOTED_END = 9;

/** More digits than the largest safe integer needs. The limit stops an endless line of leading zeros. */
const MAX_SIZE_DIGITS = 16;

/**
 * Reads `chunk-size [ chunk-ext ] CRLF` (RFC 9112 §7.1) without buffering it.
 *
 * Extensions are checked against their grammar, counted against one limit for the whole message, and discarded. The
 * white space around `;` and `=` that the grammar calls "bad" must be accepted (RFC 9110 §5.6.3), and is counted, too.
 * White space at the end of the line is not allowed.
 */
export class ChunkLineScanner {
  /** The chunk size; valid if the line is complete. */
  size = 0;
  #phase = SIZE;
  #digits = 0;
  #extension = EXTENSION_START;
  #extensionBytes = 0;

  /** Starts a new message. */
  reset(): void {
    this.#extensionBytes = 0;
    this.#nextLine();
  }

  /** Continues to read. @returns whether the line is complete: `input.pos` is then after its CRLF. */
  scan(input: ReceiveBuffer, maxExtensionBytes: number): boolean {
    const bytes = input.bytes;
    const end = input.end;
    if (this.#phase === LINE_DONE) this.#nextLine();
    let pos = input.pos;
    if (this.#phase === SIZE) pos = this.#readSize(bytes, pos, end);
    if (this.#phase === EXTENSION) pos = this.#readExtension(bytes, pos, end, maxExtensionBytes);
    input.pos = pos;
    if (this.#phase !== LINE_LF || pos === end) return false;
    if (bytes[pos] !== LF) throw badChunk(bytes[pos], 'after the CR of a chunk line');
    input.pos = pos + 1;
    this.#phase = LINE_DONE; // `size` remains valid until the next call starts the next line.
    return true;
  }

  #readSize(bytes: Uint8Array, from: number, end: number): number {
    let pos = from;
    while (pos < end && ((BYTE_CLASS[bytes[pos] as number] as number) & HEX) !== 0) {
      this.#digits += 1;
      this.size = this.size * 16 + hexValue(bytes[pos] as number);
      if (this.#digits > MAX_SIZE_DIGITS || this.size > Number.MAX_SAFE_INTEGER) {
        throw new Http1ProtocolError('ERR_HTTP1_BAD_CHUNK', 'the chunk size is out of range');
      }
      pos += 1;
    }
    if (pos === end) return pos;
    const byte = bytes[pos];
    const extended = byte === SEMICOLON || byte === SP || byte === HTAB;
    if (this.#digits === 0 || (byte !== CR && !extended)) throw badChunk(byte, 'in or after a chunk size');
    this.#extension = EXTENSION_START;
    this.#phase = byte === CR ? LINE_LF : EXTENSION;
    return byte === CR ? pos + 1 : pos;
  }

  #readExtension(bytes: Uint8Array, from: number, end: number, maxBytes: number): number {
    let pos = from;
    let state = this.#extension;
    const stop = Math.min(end, from + maxBytes - this.#extensionBytes);
    while (pos < stop && bytes[pos] !== CR) {
      state = nextExtensionState(state, bytes[pos] as number);
      if (state < 0) throw badChunk(bytes[pos], 'in a chunk extension');
      pos += 1;
    }
    this.#extension = state;
    this.#extensionBytes += pos - from;
    if (pos === end) return pos;
    if (bytes[pos] !== CR) {
      const detail = `more than ${maxBytes} bytes of chunk extensions`;
      throw new Http1ProtocolError('ERR_HTTP1_CHUNK_EXTENSIONS_TOO_LARGE', detail);
    }
    if (!extensionMayEnd(state)) throw badChunk(CR, 'in the middle of a chunk extension');
    this.#phase = LINE_LF;
    return pos + 1;
  }

  #nextLine(): void {
    this.#phase = SIZE;
    this.#digits = 0;
    this.size = 0;
  }
}

function badChunk(byte: number | undefined, where: string): Http1ProtocolError {
  return new Http1ProtocolError('ERR_HTTP1_BAD_CHUNK', `unexpected ${byteName(byte)} ${where}`);
}

/** Whether a chunk line may end in this state. */
function extensionMayEnd(state: number): boolean {
  return state > LAST_OPEN;
}

/**
 * Processes one byte of `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )` (RFC 9112 §7.1.1).
 *
 * @returns the next state, or -1 if the byte is invalid in this state.
 */
function nextExtensionState(state: number, byte: number): number {
  const isBlank = byte === SP || byte === HTAB;
  const isToken = ((BYTE_CLASS[byte] as number) & TOKEN) !== 0;
  switch (state) {
    case EXTENSION_START:
    case AFTER_BLANK:
      if (isBlank) return AFTER_BLANK;
      return byte === SEMICOLON ? BEFORE_NAME : -1;
    case BEFORE_NAME:
      if (isBlank) return BEFORE_NAME;
      return isToken ? NAME : -1;
    case NAME:
      if (isToken) return NAME;
      return afterName(byte, isBlank);
    case AFTER_NAME:
      return afterName(byte, isBlank);
    case BEFORE_VALUE:
      if (isBlank) return BEFORE_VALUE;
      if (byte === QUOTE) return QUOTED;
      return isToken ? VALUE : -1;
    case QUOTED:
      if (byte === QUOTE) return QUOTED_END;
      return byte === BACKSLASH ? ESCAPED : quoted(byte);
    case ESCAPED:
      return quoted(byte);
    case VALUE:
      if (isToken) return VALUE;
      return nextExtensionState(EXTENSION_START, byte);
    default:
      return nextExtensionState(EXTENSION_START, byte);
  }
}

function afterName(byte: number, isBlank: boolean): number {
  if (isBlank) return AFTER_NAME;
  if (byte === EQUALS) return BEFORE_VALUE;
  return byte === SEMICOLON ? BEFORE_NAME : -1;
}

/** RFC 9110 §5.6.4: a quoted-string may contain the same characters as a field value. */
function quoted(byte: number): number {
  return ((BYTE_CLASS[byte] as number) & FIELD_VALUE) !== 0 ? QUOTED : -1;
}

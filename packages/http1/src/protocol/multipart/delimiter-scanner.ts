import { Buffer } from 'node:buffer';
import type { ReceiveBuffer } from '../decoding/receive-buffer.ts';
import { CR, HYPHEN, LF } from '../grammar/bytes.ts';

const NOTHING = Buffer.alloc(0);

/** The results of {@link DelimiterScanner.scan}. */
export const MORE = 0;
export const BYTES = 1;
export const FOUND = 2;

/** The start of every delimiter. */
const DELIMITER_START = Buffer.from('\r\n--');

/** The number of bytes to compare one by one before a native search is worth the cost of its call. */
const NEAR_BYTES = 32;

/**
 * Finds the delimiter, which is CRLF, `--` and the boundary, in a stream of bytes. Keeps none of the bytes.
 *
 * A boundary contains no CR. After a mismatch, the next match can therefore only start at a later CR, so each byte is
 * compared at most a few times, even if the content is full of partial delimiters. If a partial match in an earlier
 * segment turns out to be content, its bytes are copied from the delimiter, because they are equal.
 */
export class DelimiterScanner {
  /** After BYTES: the buffer with content, from {@link dataStart} to {@link dataEnd}. */
  data: Buffer = NOTHING;
  dataStart = 0;
  dataEnd = 0;
  readonly #delimiter: Buffer;
  /** The number of bytes of the delimiter that match the end of the input so far. */
  #matched = 0;
  /** How many of these bytes were not in the input: see {@link start}. */
  #assumed = 0;

  /** @param boundary - without the two hyphens, as in the Content-Type. */
  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  }

  /**
   * Starts a new search at the beginning of a line. A delimiter at that position needs no CRLF of its own: it either
   * follows the line break after the headers of the part, or is at the start of the body.
   */
  start(): void {
    this.#matched = 2;
    this.#assumed = 2;
  }

  /** Ends the search and releases the caller's buffer. */
  reset(): void {
    this.data = NOTHING;
    this.#matched = 0;
    this.#assumed = 0;
  }

  /** The number of bytes of the input that may be the beginning of a delimiter, and so were not delivered yet. */
  get heldBytes(): number {
    return this.#matched - this.#assumed;
  }

  /**
   * Continues at `input.pos`.
   *
   * @returns FOUND if `input.pos` is now after a delimiter; BYTES if there is content; MORE if all input was read.
   */
  scan(input: ReceiveBuffer): typeof MORE | typeof BYTES | typeof FOUND {
    this.data = NOTHING;
    if (input.pos === input.end) return MORE;
    return this.#matched > 0 ? this.#resume(input) : this.#search(input);
  }

  /** Continues a match that started in earlier input. */
  #resume(input: ReceiveBuffer): typeof MORE | typeof BYTES | typeof FOUND {
    const held = this.heldBytes;
    const from = this.#assumed;
    const length = this.#matchLength(input.bytes, input.pos, input.end, this.#matched);
    const pos = input.pos + length - this.#matched;
    if (length < this.#delimiter.length && pos === input.end) {
      this.#matched = length;
      input.pos = pos;
      return MORE;
    }
    this.#matched = 0;
    this.#assumed = 0;
    if (length === this.#delimiter.length) {
      input.pos = pos;
      return FOUND;
    }
    if (held === 0) return this.#search(input);
    this.data = Buffer.from(this.#delimiter.subarray(from, from + held));
    this.dataStart = 0;
    this.dataEnd = held;
    return BYTES;
  }

  #search(input: ReceiveBuffer): typeof MORE | typeof BYTES | typeof FOUND {
    const { bytes, pos: start, end } = input;
    const readable = end === bytes.length ? bytes : bytes.subarray(0, end);
    let at = nextStart(readable, start, end);
    while (at < end) {
      const length = this.#matchLength(bytes, at, end, 0);
      if (length === this.#delimiter.length) {
        if (at > start) break;
        input.pos = at + length;
        return FOUND;
      }
      if (at + length === end) {
        this.#matched = length;
        break;
      }
      at = nextStart(readable, at + length, end);
    }
    input.pos = this.#matched > 0 ? end : at;
    if (at === start) return MORE;
    this.data = bytes;
    this.dataStart = start;
    this.dataEnd = at;
    return BYTES;
  }

  /** Returns how many bytes of the delimiter match, if `matched` of them matched before `start`. */
  #matchLength(bytes: Buffer, start: number, end: number, matched: number): number {
    const delimiter = this.#delimiter;
    let length = matched;
    let at = start;
    while (length < delimiter.length && at < end && bytes[at] === delimiter[length]) {
      length += 1;
      at += 1;
    }
    return length;
  }
}

/**
 * Returns the position of the next CRLF `--`, or of a partial one at the end of the input; `end` if there is none.
 *
 * @param readable - the input up to `end`. A native search must not read beyond `end`, because a caller may pass a long
 *   buffer in short pieces.
 */
function nextStart(readable: Buffer, start: number, end: number): number {
  // After bytes that look like the start of a delimiter, more such bytes are likely, and a native call for each would
  // be slow.
  const near = Math.min(end, start + NEAR_BYTES);
  for (let at = start; at < near; at += 1) {
    if (readable[at] === CR && isStart(readable, at, end)) return at;
  }
  const found = near === end ? -1 : readable.indexOf(DELIMITER_START, near);
  if (found !== -1) return found;
  for (let at = Math.max(near, end - 3); at < end; at += 1) {
    if (readable[at] === CR && isStart(readable, at, end)) return at;
  }
  return end;
}

/** Whether CRLF `--`, or as much of it as fits before `end`, starts with the CR at `at`. */
function isStart(bytes: Buffer, at: number, end: number): boolean {
  return (
    (at + 1 >= end || bytes[at + 1] === LF) &&
    (at + 2 >= end || bytes[at + 2] === HYPHEN) &&
    (at + 3 >= end || bytes[at + 3] === HYPHEN)
  );
}

import { Buffer } from 'node:buffer';
import type { ReceiveBuffer } from '../decoding/receive-buffer.ts';
import { CR, HYPHEN, LF } from '../grammar/bytes.ts';

const NOTHING = Buffer.alloc(0);

/** The results of {@link DelimiterScanner.scan}. */
export const MORE = 0;
export const BYTES = 1;
export const FOUND = 2;

/** What every delimiter starts with. */
const DELIMITER_START = Buffer.from('\r\n--');

/** Bytes that are compared one by one before a native search is worth its call. */
const NEAR_BYTES = 32;

/**
 * Finds the delimiter CRLF `--` boundary in a stream of bytes, and keeps none of them.
 *
 * A boundary contains no CR. So after a mismatch, the next match can only start at a CR that follows: each byte is
 * compared a few times at most, even if the content consists of beginnings of the delimiter. Bytes of an earlier segment
 * that turned out to be content are copied from the delimiter, to which they are equal.
 */
export class DelimiterScanner {
  /** After BYTES: the buffer with content, from {@link dataStart} to {@link dataEnd}. */
  data: Buffer = NOTHING;
  dataStart = 0;
  dataEnd = 0;
  readonly #delimiter: Buffer;
  /** How many bytes of the delimiter the input ends with so far. */
  #matched = 0;
  /** How many of these were not in the input: see {@link start}. */
  #assumed = 0;

  /** @param boundary - without the two hyphens, as in the Content-Type. */
  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  }

  /**
   * Starts a new search at the beginning of a line. A delimiter there needs no CRLF: the line break before it belongs to
   * the headers of the part, or the delimiter is the first of the body.
   */
  start(): void {
    this.#matched = 2;
    this.#assumed = 2;
  }

  /** Forgets the search and releases the caller's buffer. */
  reset(): void {
    this.data = NOTHING;
    this.#matched = 0;
    this.#assumed = 0;
  }

  /** Bytes of the input that may be the beginning of a delimiter, and were not delivered. */
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

  /** Returns how much of the delimiter is at `start`, where `matched` bytes of it were before. */
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
 * Returns the position of the next CRLF `--`, or of a beginning of it at the end of the input, or `end`.
 *
 * @param readable - the input up to `end`: a native search must not look beyond, as a caller may pass a long buffer in
 *   short pieces.
 */
function nextStart(readable: Buffer, start: number, end: number): number {
  // After bytes that resemble a delimiter, more of them are likely: a native call for each would be slow.
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

/** Whether the CR at `at` starts CRLF `--`, as far as the input goes. */
function isStart(bytes: Buffer, at: number, end: number): boolean {
  return (
    (at + 1 >= end || bytes[at + 1] === LF) &&
    (at + 2 >= end || bytes[at + 2] === HYPHEN) &&
    (at + 3 >= end || bytes[at + 3] === HYPHEN)
  );
}

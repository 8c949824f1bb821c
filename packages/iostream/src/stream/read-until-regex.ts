import { isRegExp } from 'node:util/types';
import type { Clock, ClockTimer } from '@landspout/ioloop';
import { requireByteLimit, streamChecks } from '../errors.ts';
import type { ByteQueue } from './byte-queue.ts';
import { NOT_YET, PASSED_LIMIT, type ReadGoal } from './read-goal.ts';

/** Up to this many buffered bytes are searched on every arrival: that costs no more than receiving them did. */
const FREE_SEARCH_BYTES = 4 * 1024;
/** How many bytes may be searched for each byte received. */
const SEARCHED_PER_BYTE = 8;
/**
 * How many bytes may be searched for each millisecond that passes: for a simple pattern, this uses a few percent of a
 * core.
 */
const SEARCHED_PER_MS = 64 * 1024;
/** Maximum length of the searched text: far below the maximum string length of every Node version that we support. */
const MAX_TEXT_BYTES = 256 * 1024 * 1024;

interface RegexSearch {
  readonly pattern: RegExp;
  readonly maxBytes: number;
  readonly maxMatchBytes: number;
  readonly clock: Clock;
  /** Makes the reader call {@link ReadUntilRegex.satisfiedBy} again although nothing has arrived. */
  readonly askAgain: () => void;
}

/**
 * Reads everything up to and including the first match of a regular expression, with a limit in bytes.
 *
 * The search for a regular expression cannot be resumed. Without a limit on the length of a match, all buffered bytes
 * must be searched again, and doing so on every arrival would take quadratic time. So the next search waits until
 * enough bytes have been received since the previous one or, if no more arrive, until enough time has passed. The total
 * time stays linear, and a match is found at most a few milliseconds late if little is buffered (a second and a half
 * for 100 MiB).
 */
export class ReadUntilRegex implements ReadGoal<Buffer> {
  readonly #search: RegexSearch;
  readonly #pattern: RegExp;
  readonly #maxBytes: number;
  #seenBytes = 0;
  #credit = 0;
  #searchedBytes = 0;
  #timer: ClockTimer | undefined;

  constructor(search: RegexSearch) {
    const { pattern, maxBytes, maxMatchBytes } = search;
    if (!isRegExp(pattern)) throw streamChecks.wrong('readUntilRegex', 'a regular expression', pattern);
    requireByteLimit('readUntilRegex', 'maxBytes', maxBytes, 0);
    requireByteLimit('readUntilRegex', 'maxMatchBytes', maxMatchBytes, 1);
    this.#search = search;
    this.#maxBytes = Math.min(maxBytes, MAX_TEXT_BYTES);
    // A copy, so that `lastIndex` of the caller's pattern is neither used nor changed; `g` reports where a match ends.
    this.#pattern = new RegExp(pattern.source, `${pattern.flags.replace(/[gyd]/g, '')}g`);
  }

  get limitMessage(): string {
    return `readUntilRegex: no match within ${this.#maxBytes} bytes`;
  }

  satisfiedBy(inbox: ByteQueue, over: boolean): number {
    const held = inbox.byteLength;
    const isLast = over || held >= this.#maxBytes;
    this.#credit += Math.max(0, held - this.#seenBytes) * SEARCHED_PER_BYTE;
    this.#seenBytes = held;
    if (held !== this.#searchedBytes || held === 0) {
      const cost = inbox.bytesToSearch(this.#search.maxMatchBytes);
      if (cost > FREE_SEARCH_BYTES && cost > this.#credit && !isLast) {
        this.#askLater(cost - this.#credit);
        return NOT_YET;
      }
      this.#forgetTimer();
      this.#credit = Math.max(0, this.#credit - cost);
      this.#searchedBytes = held;
      const end = inbox.endOfMatch(this.#pattern, this.#search.maxMatchBytes, MAX_TEXT_BYTES);
      if (end !== -1) return end > this.#maxBytes ? PASSED_LIMIT : end;
    }
    return held >= this.#maxBytes ? PASSED_LIMIT : NOT_YET;
  }

  take(inbox: ByteQueue, length: number): Buffer {
    this.#forgetTimer();
    return inbox.take(length);
  }

  abandon(): undefined {
    this.#forgetTimer();
  }

  #askLater(missing: number): void {
    this.#timer ??= this.#search.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#credit = Number.POSITIVE_INFINITY;
      this.#search.askAgain();
      this.#credit = 0;
    }, missing / SEARCHED_PER_MS);
  }

  #forgetTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

import type { ByteQueue } from './byte-queue.ts';
import type { IOStream } from './io-stream.ts';
import { type ReadGoal, ReadUntil } from './read-goal.ts';
import type { ReadingSide } from './reading-side.ts';
import { orEnd } from './stream-iteration.ts';
import type { BoundedReadOptions } from './stream-options.ts';
import { wrongArgument } from './stream-usage.ts';

export interface LinesOptions extends BoundedReadOptions {
  /** Default `utf8`, where what is no UTF-8 becomes U+FFFD. */
  readonly encoding?: 'utf8' | 'latin1';
}

type Encoding = 'utf8' | 'latin1';

const LF = 0x0a;
const CR = 0x0d;
const LINE_END = Uint8Array.of(LF);
const OVER: IteratorReturnResult<undefined> = { value: undefined, done: true };

/** A line as text, without its LF or CR LF. */
class ReadLine implements ReadGoal<string> {
  readonly #until: ReadUntil;
  readonly #encoding: Encoding;

  constructor(maxBytes: number, encoding: Encoding) {
    this.#until = new ReadUntil(LINE_END, maxBytes);
    this.#encoding = encoding;
  }

  get limitMessage(): string {
    return this.#until.limitMessage;
  }

  satisfiedBy(inbox: ByteQueue): number {
    return this.#until.satisfiedBy(inbox);
  }

  take(inbox: ByteQueue, length: number): string {
    const ending = length > 1 && inbox.byteAt(length - 2) === CR ? 2 : 1;
    return inbox.takeText(length, ending, this.#encoding);
  }
}

/**
 * Gives each line as text, without its LF or CR LF; what comes after the last LF is a line too, when the peer ends.
 *
 * Leaving the loop leaves the stream open and everything after the line unread. What waits beyond the buffer waits at
 * the peer. While a line is awaited no other read may be made. It is no generator: of many lines that are there
 * already, each costs a quarter of what a generator would make of it.
 */
export class LineIterator implements AsyncIterableIterator<string, undefined, undefined> {
  readonly #stream: IOStream;
  readonly #reading: ReadingSide;
  readonly #goal: ReadLine;
  readonly #encoding: Encoding;
  readonly #signal: AbortSignal | undefined;
  #waiting: Promise<unknown> | undefined;
  #isOver = false;

  /** @throws StreamUsageError `ERR_STREAM_USAGE` for options that cannot be. */
  constructor(stream: IOStream, reading: ReadingSide, options: LinesOptions = {}) {
    const { encoding = 'utf8', maxBytes = Number.POSITIVE_INFINITY, signal } = options;
    if (encoding !== 'utf8' && encoding !== 'latin1') {
      throw wrongArgument('lines', "an encoding of 'utf8' or 'latin1'", encoding);
    }
    this.#stream = stream;
    this.#reading = reading;
    this.#goal = new ReadLine(Math.min(maxBytes, reading.maxBytes), encoding);
    this.#encoding = encoding;
    this.#signal = signal;
  }

  /**
   * @throws StreamClosedError `ERR_STREAM_CLOSED` when the stream is closed before the peer has ended, and as
   *   {@link IOStream.readUntil} when a line passes `maxBytes`; the reason of the signal.
   */
  next(): Promise<IteratorResult<string, undefined>> {
    if (this.#waiting !== undefined) return this.#waiting.then(() => this.next());
    if (this.#isOver) return Promise.resolve(OVER);
    if (this.#signal?.aborted !== true) {
      const line = this.#reading.readNow(this.#goal);
      if (line !== undefined) return Promise.resolve({ value: line, done: false });
    }
    const waiting = this.#wait();
    const settled = (): void => {
      this.#waiting = undefined;
    };
    this.#waiting = waiting.then(settled, settled);
    return waiting;
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.#waiting;
    this.#isOver = true;
    return OVER;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #wait(): Promise<IteratorResult<string, undefined>> {
    try {
      const line = await orEnd(this.#stream, this.#reading.read(this.#goal, this.#signal));
      if (line !== undefined) return { value: line, done: false };
      if (this.#stream.bufferedBytes > 0) {
        const rest = await this.#stream.readUntilClose();
        return { value: rest.toString(this.#encoding), done: false };
      }
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
    this.#isOver = true;
    return OVER;
  }
}

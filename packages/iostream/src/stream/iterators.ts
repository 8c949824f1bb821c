import type { OptionNames } from '@landspout/ioloop/errors';
import {
  type EndedStream,
  endedInOrder,
  StreamProtocolError,
  StreamTruncatedError,
  streamChecks,
} from '../errors.ts';
import type { ByteQueue } from './byte-queue.ts';
import { NOT_YET, ReadCount, type ReadGoal, ReadUntil } from './read-goal.ts';
import type { ReadingSide } from './reading-side.ts';
import { type BoundedReadOptions, type ReadOptions, requireReadOptions } from './stream-options.ts';

type Result<Item> = IteratorResult<Item, undefined>;

const OVER: IteratorReturnResult<undefined> = { value: undefined, done: true };

/**
 * The base class of the iterators: makes one read after another, for `for await`, until the peer ends.
 *
 * Leaving the loop keeps the stream open; the bytes after the last item can still be read. If the loop is slower than
 * the peer, back-pressure makes the peer wait. No other read may be made while an item is pending; concurrent calls of
 * {@link next} are served in order.
 *
 * This class is not a generator, and it is itself the goal of its reads, so that {@link next} returns the promises of
 * the reads directly. Thousands of streams may wait in such a loop at once, and a generator would add several times the
 * cost of reading an item that is already buffered.
 */
abstract class ReadIterator<Item>
  implements AsyncIterableIterator<Item, undefined, undefined>, ReadGoal<Result<Item>>
{
  readonly #stream: EndedStream;
  readonly #reading: ReadingSide;
  readonly #goal: ReadGoal<Item>;
  readonly #signal: AbortSignal | undefined;
  /** The pending read. */
  #waiting: Promise<Result<Item>> | undefined;
  #isOver = false;

  /** @param goal - reads one item; reused for every item. */
  constructor(
    stream: EndedStream,
    reading: ReadingSide,
    goal: ReadGoal<Item>,
    signal: AbortSignal | undefined,
  ) {
    this.#stream = stream;
    this.#reading = reading;
    this.#goal = goal;
    this.#signal = signal;
  }

  /**
   * @throws StreamClosedError `ERR_STREAM_CLOSED` if the stream is closed before the peer has ended, or because a limit
   *   was exceeded; StreamTruncatedError `ERR_STREAM_TLS_TRUNCATED` if TLS ends without close_notify: there may be more
   *   items, and what remains of the last one can still be read; StreamUsageError `ERR_STREAM_BUSY` if another read is
   *   pending; the reason of the signal. Any of these ends the iteration.
   */
  next(): Promise<Result<Item>> {
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      const again = (): Promise<Result<Item>> => this.next();
      return waiting.then(again, again);
    }
    if (this.#isOver) return Promise.resolve(OVER);
    const read = this.#reading.read(this, this.#signal);
    // If the read was refused, `abandon` has ended the iteration, and the pending read is that of another caller.
    if (this.#reading.isAwaited && !this.#isOver) this.#waiting = read;
    return read;
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      const again = (): Promise<IteratorReturnResult<undefined>> => this.return();
      return waiting.then(again, again);
    }
    this.#isOver = true;
    return Promise.resolve(OVER);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * Decides what to do with bytes that remain after the peer has ended in order, and that are too few for an item. Not
   * called if the end is bare.
   *
   * @returns how many bytes form a last item; 0 if there is no last item.
   * @throws if no bytes may remain.
   */
  protected abstract lengthOfLast(byteLength: number): number;

  /** Removes and returns the last item. Override this method if the last item has a different form. */
  protected takeLast(inbox: ByteQueue, length: number): Item {
    return this.#goal.take(inbox, length);
  }

  // ---- the goal of its reads ----

  get limitMessage(): string {
    return this.#goal.limitMessage;
  }

  satisfiedBy(inbox: ByteQueue, over: boolean): number {
    const length = this.#goal.satisfiedBy(inbox, over);
    const stream = this.#stream;
    if (length !== NOT_YET || !over || !endedInOrder(stream)) return length;
    if (stream.isEndBare) throw new StreamTruncatedError(stream.bytesReceived, 'iteration');
    this.#isOver = true;
    return this.lengthOfLast(inbox.byteLength);
  }

  take(inbox: ByteQueue, length: number): Result<Item> {
    this.#waiting = undefined;
    if (!this.#isOver) return { value: this.#goal.take(inbox, length), done: false };
    return length === 0 ? OVER : { value: this.takeLast(inbox, length), done: false };
  }

  absorb(bytes: Buffer, start: number, end: number): number {
    return this.#goal.absorb?.(bytes, start, end) ?? 0;
  }

  abandon(): Uint8Array | undefined {
    this.#waiting = undefined;
    this.#isOver = true;
    return this.#goal.abandon?.();
  }
}

export interface ChunksOptions extends ReadOptions {
  /** Maximum number of bytes in one chunk. Default: 64 KiB. */
  readonly maxBytes?: number;
}

const CHUNKS_OPTIONS: OptionNames<ChunksOptions> = { maxBytes: true, signal: true };

const DEFAULT_CHUNK_BYTES = 64 * 1024;

/** Iterates over the bytes as they arrive. The chunks are owned by the caller. */
export class ChunkIterator extends ReadIterator<Buffer> {
  /** @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid. */
  constructor(stream: EndedStream, reading: ReadingSide, options: ChunksOptions = {}) {
    streamChecks.options('chunks', options, CHUNKS_OPTIONS);
    const { maxBytes = DEFAULT_CHUNK_BYTES, signal } = options;
    streamChecks.wholeNumber('chunks', 'maxBytes', maxBytes, 1);
    super(stream, reading, new ReadCount(maxBytes, true), signal);
  }

  protected override lengthOfLast(): number {
    return 0;
  }
}

export interface LinesOptions extends BoundedReadOptions {
  /** Default: `utf8`, with invalid UTF-8 replaced by U+FFFD. */
  readonly encoding?: 'utf8' | 'latin1';
}

const LINES_OPTIONS: OptionNames<LinesOptions> = { encoding: true, maxBytes: true, signal: true };

type Encoding = 'utf8' | 'latin1';

const LF = 0x0a;
const CR = 0x0d;
const LINE_END = Uint8Array.of(LF);

/** Reads a line as text, without its LF or CR LF. */
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
 * Iterates over the lines as text, without their LF or CR LF. If the peer ends, the text after the last LF is a line
 * too. A line longer than `maxBytes`, including its end, closes the stream as in `IOStream.readUntil`.
 */
export class LineIterator extends ReadIterator<string> {
  readonly #encoding: Encoding;

  /** @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid. */
  constructor(stream: EndedStream, reading: ReadingSide, options: LinesOptions = {}) {
    streamChecks.options('lines', options, LINES_OPTIONS);
    const { encoding = 'utf8', maxBytes = Number.POSITIVE_INFINITY, signal } = options;
    streamChecks.oneOf('lines', 'encoding', encoding, ['utf8', 'latin1']);
    super(stream, reading, new ReadLine(Math.min(maxBytes, reading.maxBytes), encoding), signal);
    this.#encoding = encoding;
  }

  protected override lengthOfLast(byteLength: number): number {
    return byteLength;
  }

  protected override takeLast(inbox: ByteQueue, length: number): string {
    return inbox.takeText(length, 0, this.#encoding);
  }
}

/**
 * Iterates over records of `byteLength` bytes each, which are owned by the caller. If the peer ends in the middle of a
 * record, the iteration fails with StreamProtocolError `ERR_STREAM_TRUNCATED`, and the bytes of that record can still
 * be read.
 */
export class RecordIterator extends ReadIterator<Buffer> {
  readonly #byteLength: number;

  /** @throws StreamUsageError `ERR_STREAM_USAGE` if `byteLength` is invalid or more than the stream may buffer. */
  constructor(stream: EndedStream, reading: ReadingSide, byteLength: number, options: ReadOptions = {}) {
    requireReadOptions('records', options);
    streamChecks.wholeNumber('records', 'byteLength', byteLength, 1, reading.maxBytes);
    super(stream, reading, new ReadCount(byteLength, false), options.signal);
    this.#byteLength = byteLength;
  }

  protected override lengthOfLast(byteLength: number): number {
    if (byteLength === 0) return 0;
    const problem = `the peer ended after ${byteLength} of the ${this.#byteLength} bytes of a record`;
    throw new StreamProtocolError('ERR_STREAM_TRUNCATED', `records: ${problem}`);
  }
}

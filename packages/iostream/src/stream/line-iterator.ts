import type { OptionNames } from '@landspout/ioloop/errors';
import { requireOptions, wrongArgument } from '../stream-usage.ts';
import type { ByteQueue } from './byte-queue.ts';
import type { IOStream } from './io-stream.ts';
import { type ReadGoal, ReadUntil } from './read-goal.ts';
import { ReadIterator } from './read-iterator.ts';
import type { ReadingSide } from './reading-side.ts';
import type { BoundedReadOptions } from './stream-options.ts';

export interface LinesOptions extends BoundedReadOptions {
  /** Default `utf8`, where what is no UTF-8 becomes U+FFFD. */
  readonly encoding?: 'utf8' | 'latin1';
}

const LINES_OPTIONS: OptionNames<LinesOptions> = { encoding: true, maxBytes: true, signal: true };

type Encoding = 'utf8' | 'latin1';

const LF = 0x0a;
const CR = 0x0d;
const LINE_END = Uint8Array.of(LF);

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
 * Gives each line as text, without its LF or CR LF; what comes after the last LF is a line too, when the peer ends. A
 * line that passes `maxBytes`, its end included, closes the stream as with {@link IOStream.readUntil}.
 */
export class LineIterator extends ReadIterator<string> {
  readonly #encoding: Encoding;

  /** @throws StreamUsageError `ERR_STREAM_USAGE` for options that cannot be. */
  constructor(stream: IOStream, reading: ReadingSide, options: LinesOptions = {}) {
    requireOptions('lines', options, LINES_OPTIONS);
    const { encoding = 'utf8', maxBytes = Number.POSITIVE_INFINITY, signal } = options;
    if (encoding !== 'utf8' && encoding !== 'latin1') {
      throw wrongArgument('lines', "an encoding of 'utf8' or 'latin1'", encoding);
    }
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

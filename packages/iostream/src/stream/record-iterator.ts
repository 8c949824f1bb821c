import { StreamProtocolError } from '../errors.ts';
import { requireByteCount } from '../stream-usage.ts';
import type { IOStream } from './io-stream.ts';
import { ReadCount } from './read-goal.ts';
import { ReadIterator } from './read-iterator.ts';
import type { ReadingSide } from './reading-side.ts';
import { type ReadOptions, requireReadOptions } from './stream-options.ts';

/**
 * Gives records of `byteLength` bytes each. They are yours. It fails with StreamProtocolError `ERR_STREAM_TRUNCATED` when
 * the peer ends in the middle of one, whose bytes can still be read.
 */
export class RecordIterator extends ReadIterator<Buffer> {
  readonly #byteLength: number;

  /** @throws StreamUsageError `ERR_STREAM_USAGE` for a length that cannot be, or is more than the stream may buffer. */
  constructor(stream: IOStream, reading: ReadingSide, byteLength: number, options: ReadOptions = {}) {
    requireReadOptions('records', options);
    requireByteCount('records', byteLength, 1, reading.maxBytes);
    super(stream, reading, new ReadCount(byteLength, false), options.signal);
    this.#byteLength = byteLength;
  }

  protected override lengthOfLast(byteLength: number): number {
    if (byteLength === 0) return 0;
    const problem = `the peer ended after ${byteLength} bytes of a record of ${this.#byteLength}`;
    throw new StreamProtocolError('ERR_STREAM_TRUNCATED', `records: ${problem}`);
  }
}

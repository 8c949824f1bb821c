import type { OptionNames } from '@landspout/ioloop/errors';
import { requireByteCount, requireOptions } from '../stream-usage.ts';
import type { IOStream } from './io-stream.ts';
import { ReadCount } from './read-goal.ts';
import { ReadIterator } from './read-iterator.ts';
import type { ReadingSide } from './reading-side.ts';
import type { ReadOptions } from './stream-options.ts';

export interface ChunksOptions extends ReadOptions {
  /** Most bytes of one chunk. Default 64 KiB. */
  readonly maxBytes?: number;
}

const CHUNKS_OPTIONS: OptionNames<ChunksOptions> = { maxBytes: true, signal: true };

const DEFAULT_CHUNK_BYTES = 64 * 1024;

/** Gives the bytes as they come. The chunks are yours. */
export class ChunkIterator extends ReadIterator<Buffer> {
  /** @throws StreamUsageError `ERR_STREAM_USAGE` for options that cannot be. */
  constructor(stream: IOStream, reading: ReadingSide, options: ChunksOptions = {}) {
    requireOptions('chunks', options, CHUNKS_OPTIONS);
    const { maxBytes = DEFAULT_CHUNK_BYTES, signal } = options;
    requireByteCount('chunks', maxBytes, 1, Number.MAX_SAFE_INTEGER);
    super(stream, reading, new ReadCount(maxBytes, true), signal);
  }

  protected override lengthOfLast(): number {
    return 0;
  }
}

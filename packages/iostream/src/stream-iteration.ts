import type { IOStream } from './io-stream.ts';
import { StreamClosedError, StreamLimitError, StreamProtocolError } from './stream-errors.ts';
import type { ReadOptions } from './stream-options.ts';
import { wrongArgument } from './stream-usage.ts';

export interface ChunksOptions extends ReadOptions {
  /** Most bytes of one chunk. Default 64 KiB. */
  readonly maxBytes?: number;
}

const DEFAULT_CHUNK_BYTES = 64 * 1024;

/**
 * Gives the bytes as they come, until the peer ends. The chunks are yours. Leaving the loop leaves the stream open and
 * the rest unread.
 *
 * @throws StreamClosedError `ERR_STREAM_CLOSED` when the stream is closed before the peer has ended; the reason of
 *   `signal`.
 */
export async function* readChunks(
  stream: IOStream,
  options: ChunksOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const { maxBytes = DEFAULT_CHUNK_BYTES, signal } = options;
  requirePositive('chunks', maxBytes);
  const readOptions = { partial: true, ...(signal === undefined ? {} : { signal }) };
  for (;;) {
    const chunk = await orEnd(stream, stream.readBytes(maxBytes, readOptions));
    if (chunk === undefined) return;
    yield chunk;
  }
}

/**
 * Gives records of `byteLength` bytes each, until the peer ends. They are yours. Leaving the loop leaves the stream
 * open and the rest unread.
 *
 * @throws StreamProtocolError `ERR_STREAM_TRUNCATED` when the peer ends in the middle of a record, whose bytes can
 *   still be read; StreamClosedError `ERR_STREAM_CLOSED` when the stream is closed before the peer has ended; the
 *   reason of `signal`.
 */
export async function* readRecords(
  stream: IOStream,
  byteLength: number,
  options: ReadOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  requirePositive('records', byteLength);
  for (;;) {
    const record = await orEnd(stream, stream.readBytes(byteLength, options));
    if (record !== undefined) {
      yield record;
    } else if (stream.bufferedBytes === 0) {
      return;
    } else {
      const problem = `the peer ended after ${stream.bufferedBytes} bytes of a record of ${byteLength}`;
      throw new StreamProtocolError('ERR_STREAM_TRUNCATED', `records: ${problem}`);
    }
  }
}

/** What a read gives, or `undefined` where it fails because the peer has ended, in order, and too little is left. */
export async function orEnd<Result>(stream: IOStream, read: Promise<Result>): Promise<Result | undefined> {
  try {
    return await read;
  } catch (error) {
    // Whatever closed the stream after the peer's end, all that was sent has come. A limit is another matter.
    const isEnd = error instanceof StreamClosedError && !(error.cause instanceof StreamLimitError);
    if (isEnd && stream.isEnded) return undefined;
    throw error;
  }
}

function requirePositive(operation: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw wrongArgument(operation, 'a number of at least one byte', value);
}

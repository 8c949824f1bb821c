import type { IOStream } from './io-stream.ts';
import { StreamClosedError, StreamLimitError, StreamProtocolError } from './stream-errors.ts';
import type { BoundedReadOptions, ReadOptions } from './stream-options.ts';
import { wrongArgument } from './stream-usage.ts';

export interface LinesOptions extends BoundedReadOptions {
  /** Default `utf8`, where what is no UTF-8 becomes U+FFFD. */
  readonly encoding?: 'utf8' | 'latin1';
}

export interface ChunksOptions extends ReadOptions {
  /** Most bytes of one chunk. Default 64 KiB. */
  readonly maxBytes?: number;
}

const LF = 0x0a;
const CR = 0x0d;
const LINE_END = Uint8Array.of(LF);
const DEFAULT_CHUNK_BYTES = 64 * 1024;

/**
 * Gives each line as text, without its LF or CR LF; what comes after the last LF is a line too, when the peer ends.
 *
 * Leaving the loop leaves the stream open and everything after the line unread. What waits beyond the buffer waits at
 * the peer. While a line is awaited no other read may be made.
 *
 * @param options.maxBytes - most bytes of a line, its end included.
 * @throws StreamClosedError `ERR_STREAM_CLOSED` when the stream is closed before the peer has ended, and as
 *   {@link IOStream.readUntil} when a line passes `maxBytes`; the reason of `signal`.
 */
export async function* readLines(
  stream: IOStream,
  options: LinesOptions = {},
): AsyncGenerator<string, void, undefined> {
  const { encoding = 'utf8', ...readOptions } = options;
  if (encoding !== 'utf8' && encoding !== 'latin1') {
    throw wrongArgument('lines', "an encoding of 'utf8' or 'latin1'", encoding);
  }
  for (;;) {
    const line = await orEnd(stream, stream.readUntil(LINE_END, readOptions));
    if (line !== undefined) yield withoutEnd(line).toString(encoding);
    else if (stream.bufferedBytes > 0) yield (await stream.readUntilClose()).toString(encoding);
    else return;
  }
}

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

function withoutEnd(line: Buffer): Buffer {
  const end = line.length - 1;
  return line.subarray(0, line[end - 1] === CR ? end - 1 : end);
}

function requirePositive(operation: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw wrongArgument(operation, 'a number of at least one byte', value);
}

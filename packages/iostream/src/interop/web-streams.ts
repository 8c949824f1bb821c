import { Duplex } from 'node:stream';
import {
  type ReadableByteStreamController,
  ReadableStream,
  type ReadableStreamBYOBRequest,
  WritableStream,
} from 'node:stream/web';
import {
  closedError,
  endedInOrder,
  StreamClosedError,
  StreamTruncatedError,
  StreamUsageError,
  streamChecks,
} from '../errors.ts';
import { IOStream } from '../stream/io-stream.ts';
import type { IOStreamOptions } from '../stream/stream-options.ts';
import { NodeTransport } from '../transports/node-transport.ts';

/** Two WHATWG byte streams (streams.spec.whatwg.org), one for each direction of a connection. */
export interface WebStreamPair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** The size of a chunk if the reader does not provide a buffer. */
const CHUNK_BYTES = 64 * 1024;

/**
 * Converts a stream to a pair of WHATWG streams, for code that accepts only WHATWG streams. Buffered bytes are read
 * first.
 *
 * The readable stream is a byte stream: it reads only on demand, and fills a reader's own buffer without another copy.
 * It is closed when the peer ends, and cancelling it stops reading. If the peer's TLS ends without close_notify, it fails
 * with StreamTruncatedError `ERR_STREAM_TLS_TRUNCATED` after everything received has been read. A write resolves when the bytes have reached the
 * kernel. Closing the writable stream shuts down our writing side, and aborting it resets the connection. The
 * connection is closed when neither direction is used any more.
 */
export function toWeb(stream: IOStream): WebStreamPair {
  const ends = new OpenEnds(stream);
  return { readable: toReadable(stream, ends), writable: toWritable(stream, ends) };
}

/**
 * Creates a stream over a pair of WHATWG streams. Closing the new stream cancels the readable stream and aborts the
 * writable one; a half-close closes only the writable one.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` if `pair` is not such a pair, or one of its streams is locked.
 */
export function fromWeb(pair: WebStreamPair, options?: IOStreamOptions): IOStream {
  return new IOStream(new NodeTransport(toNode(pair)), options);
}

function toNode(pair: WebStreamPair): Duplex {
  try {
    return Duplex.fromWeb(pair, { allowHalfOpen: true });
  } catch (cause) {
    const expected = 'fromWeb: an unlocked ReadableStream and WritableStream were expected';
    throw new StreamUsageError('ERR_STREAM_USAGE', expected, { cause });
  }
}

/** Closes the stream when both directions have finished. */
class OpenEnds {
  readonly #stream: IOStream;
  #count = 2;

  constructor(stream: IOStream) {
    this.#stream = stream;
  }

  finished(): void {
    this.#count -= 1;
    if (this.#count === 0) this.#stream.close();
  }
}

function toReadable(stream: IOStream, ends: OpenEnds): ReadableStream<Uint8Array> {
  const cancelling = new AbortController();
  return new ReadableStream({
    type: 'bytes',
    autoAllocateChunkSize: CHUNK_BYTES,
    async pull(controller: ReadableByteStreamController) {
      const request = controller.byobRequest as ReadableStreamBYOBRequest;
      const { buffer, byteOffset, byteLength } = request.view as Uint8Array;
      const target = new Uint8Array(buffer, byteOffset, byteLength);
      const { signal } = cancelling;
      let count: number | undefined;
      try {
        count = await orEnd(stream, stream.readInto(target, { partial: true, signal }));
      } catch (error) {
        if (!signal.aborted) ends.finished();
        throw error;
      }
      if (signal.aborted) return;
      if (count === undefined) {
        controller.close();
        ends.finished();
      }
      request.respond(count ?? 0);
    },
    cancel(reason) {
      cancelling.abort(reason);
      ends.finished();
    },
  });
}

/**
 * Returns the result of a read, or `undefined` if the read fails because the peer ended in order and too few bytes
 * remain.
 *
 * @throws StreamTruncatedError if the peer's end was not announced; otherwise the error of the read.
 */
async function orEnd<Result>(stream: IOStream, read: Promise<Result>): Promise<Result | undefined> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof StreamClosedError) || !endedInOrder(stream)) throw error;
    if (stream.isEndBare) throw new StreamTruncatedError(stream.bytesReceived, 'ReadableStream');
    return undefined;
  }
}

function toWritable(stream: IOStream, ends: OpenEnds): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    start(controller) {
      void stream.waitClosed().then(() => controller.error(closedError(stream, 'write')));
    },
    write(chunk) {
      if (!(chunk instanceof Uint8Array)) throw streamChecks.wrong('write', 'a Uint8Array', chunk);
      return stream.write(chunk);
    },
    async close() {
      stream.endWrite();
      await stream.waitDrained({ toBytes: 0 });
      ends.finished();
    },
    abort(reason) {
      stream.reset(reason instanceof Error ? reason : new Error('the writable stream was aborted'));
    },
  });
}

import { Duplex } from 'node:stream';
import {
  type ReadableByteStreamController,
  ReadableStream,
  type ReadableStreamBYOBRequest,
  WritableStream,
} from 'node:stream/web';
import { closedError, endedInOrder, StreamClosedError, StreamUsageError, streamChecks } from '../errors.ts';
import { IOStream } from '../stream/io-stream.ts';
import type { IOStreamOptions } from '../stream/stream-options.ts';
import { NodeTransport } from '../transports/node-transport.ts';

/** Two WHATWG streams of bytes (streams.spec.whatwg.org), one for each direction of a connection. */
export interface WebStreamPair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** What a reader without memory of its own is given at a time. */
const CHUNK_BYTES = 64 * 1024;

/**
 * The stream as a pair of WHATWG streams, for what only speaks to those. Bytes that are buffered come first.
 *
 * The readable one is a byte stream: nothing is read before somebody asks, and a reader's own buffer is filled without
 * another copy. The peer's end closes it; cancelling stops reading. A write settles when the bytes have reached the
 * kernel; closing the writable one shuts down our writing side, aborting it resets the connection. The connection is
 * closed when neither direction is used any more.
 */
export function toWeb(stream: IOStream): WebStreamPair {
  const ends = new OpenEnds(stream);
  return { readable: toReadable(stream, ends), writable: toWritable(stream, ends) };
}

/**
 * A stream over a pair of WHATWG streams. Closing it cancels the readable one and aborts the writable one; half-close
 * closes the writable one alone.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` for what is no such pair, or is locked by another reader or writer.
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

/** Closes the stream when both directions are done with. */
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
      const options = { partial: true, signal: cancelling.signal };
      const count = await orEnd(stream, stream.readInto(target, options));
      if (cancelling.signal.aborted) return;
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

/** What a read gives, or `undefined` where it fails because the peer has ended, in order, and too little is left. */
async function orEnd<Result>(stream: IOStream, read: Promise<Result>): Promise<Result | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof StreamClosedError && endedInOrder(stream)) return undefined;
    throw error;
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

// The interop/ folder converts a stream to a Node Duplex or a pair of web streams, and web streams to a stream.

import { Duplex } from 'node:stream';
import { StreamTruncatedError } from '../errors.ts';
import type { IOStream } from '../stream/io-stream.ts';
import type { StreamConsumer } from '../stream/stream-consumer.ts';

/**
 * Converts a stream to a Node Duplex, for code that accepts only Duplexes. The Duplex becomes the reader of the stream,
 * and receives the buffered bytes first. Limits, statistics and the connection count of a server still apply.
 * Destroying the Duplex closes the stream. If the stream closes, the Duplex is destroyed after everything received has
 * been read. If the peer has ended its side, and nothing is left to read, the Duplex is destroyed when its own side is
 * ended, even if nothing reads.
 *
 * If the peer's TLS ends without close_notify, the Duplex does not end: after everything received has been read, it is
 * destroyed with StreamTruncatedError `ERR_STREAM_TLS_TRUNCATED`, and the stream is closed.
 *
 * @param stream - must have no other reader.
 * @throws StreamUsageError `ERR_STREAM_BUSY` if a read is pending.
 */
export function toDuplex(stream: IOStream): Duplex {
  return new StreamDuplex(stream);
}

class StreamDuplex extends Duplex {
  readonly #stream: IOStream;
  #isEnded = false;
  /** The error to destroy the Duplex with after everything received has been read. */
  #truncation: StreamTruncatedError | undefined;
  #onDestroyed: (() => void) | undefined;

  // A separate object, because Node's streams already have a property `closed`.
  readonly #consumer: StreamConsumer = {
    received: (bytes, start, end) => {
      if (!this.push(Buffer.from(bytes.subarray(start, end)))) this.#stream.pause();
    },
    ended: (isBare) => (isBare ? this.#cut() : this.#end()),
    drained: () => {},
    closed: (error) => {
      if (this.#onDestroyed !== undefined) this.#onDestroyed();
      // After the peer's end, unread bytes may remain; after they have been read, Node destroys the Duplex.
      else if (error !== undefined || !this.#isEnded) this.destroy(error);
    },
  };

  constructor(stream: IOStream) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    if (stream.isClosed) void this.#giveRest();
    else stream.setConsumer(this.#consumer);
  }

  override read(size?: number): unknown {
    const chunk: unknown = super.read(size);
    // Also if the reader wants more bytes than are left: it will not get them.
    if (this.readableLength === 0 || (chunk === null && size !== 0)) this.#fail();
    return chunk;
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    try {
      this.#stream.write(chunk).then(() => callback(), callback);
    } catch (error) {
      callback(error as Error);
    }
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#stream.endWrite();
    // From now on, the end of the peer is noticed even if nothing reads. A few bytes may be buffered.
    this.read(0);
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (this.#stream.isClosed) {
      callback(error);
      return;
    }
    this.#onDestroyed = () => callback(error);
    this.#stream.close(error ?? undefined);
  }

  /** Called if the stream is already closed: delivers the bytes that arrived before. */
  async #giveRest(): Promise<void> {
    const stream = this.#stream;
    try {
      for await (const chunk of stream.chunks()) this.push(chunk);
    } catch {
      // The iteration fails after the last byte, unless the peer has ended properly.
    }
    if (!stream.isEnded) this.destroy(stream.error);
    else if (stream.isEndBare) this.#cut();
    else this.#end();
  }

  #end(): void {
    this.#isEnded = true;
    this.push(null);
    // As with `net.Socket`, `end` is emitted even if nothing reads, unless bytes are left to read.
    this.read(0);
  }

  /** TLS has ended without close_notify: nothing else arrives, but that is not the end of what the peer has sent. */
  #cut(): void {
    this.#isEnded = true;
    this.#truncation = new StreamTruncatedError(this.#stream.bytesReceived, 'Duplex');
    if (this.readableLength === 0) this.#fail();
    // A reader that waits for more bytes than are left asks again.
    else this.emit('readable');
  }

  /** Not at once: what was read last must reach the reader first. */
  #fail(): void {
    const truncation = this.#truncation;
    if (truncation !== undefined) process.nextTick(() => this.destroy(truncation));
  }
}

// This room knows how a stream becomes a Node Duplex or a pair of web streams, and how web streams become a stream. It
// does not know connections.

import { Duplex } from 'node:stream';
import type { IOStream } from '../stream/io-stream.ts';
import type { StreamConsumer } from '../stream/stream-consumer.ts';

/**
 * The stream as a Node Duplex, for what only speaks to those. It takes the place of the stream's reader, and bytes that
 * are buffered come first; limits, statistics and a server's count go on. Destroying it closes the stream, and the
 * close of the stream destroys it, when all that has come was read.
 *
 * @param stream - with nobody who reads.
 * @throws StreamUsageError `ERR_STREAM_BUSY` when a read waits.
 */
export function toDuplex(stream: IOStream): Duplex {
  return new StreamDuplex(stream);
}

class StreamDuplex extends Duplex {
  readonly #stream: IOStream;
  #isEnded = false;
  #onDestroyed: (() => void) | undefined;

  // Not methods of ours: Node's streams have a `closed` of their own.
  readonly #consumer: StreamConsumer = {
    received: (bytes, start, end) => {
      if (!this.push(Buffer.from(bytes.subarray(start, end)))) this.#stream.pause();
    },
    ended: () => this.#end(),
    drained: () => {},
    closed: (error) => {
      if (this.#onDestroyed !== undefined) this.#onDestroyed();
      // After the peer's end there may be bytes left to read; then Node destroys us when they are read.
      else if (error !== undefined || !this.#isEnded) this.destroy(error);
    },
  };

  constructor(stream: IOStream) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    if (stream.isClosed) void this.#giveRest();
    else stream.setConsumer(this.#consumer);
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

  /** What had come before the close is all that there will be. */
  async #giveRest(): Promise<void> {
    const rest = await this.#stream.readUntilClose();
    if (rest.length > 0) this.push(rest);
    if (this.#stream.isEnded) this.#end();
    else this.destroy(this.#stream.error);
  }

  #end(): void {
    this.#isEnded = true;
    this.push(null);
  }
}

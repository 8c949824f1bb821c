import { Duplex } from 'node:stream';
import type { Transport, TransportEvents } from '../transport.ts';

/** Any {@link Transport} as a Node stream, for code that accepts only Node streams, such as `node:tls`. */
export class TransportDuplex extends Duplex {
  readonly #transport: Transport;
  #unsentBytes = 0;
  #onSent: ((error?: Error | null) => void) | undefined;
  #onDestroyed: (() => void) | undefined;
  #isTransportClosed = false;
  #resets = false;

  // A separate object, because Node's streams already have a property `closed`.
  readonly #events: TransportEvents = {
    received: (bytes, start, end) => {
      if (!this.push(Buffer.from(bytes.subarray(start, end)))) this.#transport.pause();
    },
    // A bare end is like any other: TLS on top of this stream has ends of its own.
    ended: () => void this.push(null),
    sent: (byteLength) => {
      this.#unsentBytes -= byteLength;
      if (this.#unsentBytes === 0) this.#answerWrite();
    },
    closed: (error) => {
      this.#isTransportClosed = true;
      this.#answerWrite(error ?? new Error('the transport was closed'));
      if (this.#onDestroyed !== undefined) this.#onDestroyed();
      // After an orderly end, unread bytes may remain; after they have been read, Node destroys the stream.
      else if (error !== undefined) this.destroy(error);
    },
  };

  /** Takes ownership of a transport that has no events attached. */
  constructor(transport: Transport) {
    super({ allowHalfOpen: true });
    this.#transport = transport;
    transport.attach(this.#events);
  }

  override _read(): void {
    this.#transport.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (chunk.length === 0) {
      callback();
      return;
    }
    this.#unsentBytes = chunk.length;
    this.#onSent = callback;
    this.#transport.write(chunk);
    // Node's streams already collect writes, so whatever they pass on is sent immediately.
    this.#transport.flush();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#transport.endWrite();
    callback();
  }

  /** Like `destroy`, but the peer sees a reset if the transport has one. Named as on Node's sockets. */
  resetAndDestroy(): this {
    this.#resets = true;
    return this.destroy();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (this.#isTransportClosed) {
      callback(error);
      return;
    }
    this.#onDestroyed = () => callback(error);
    if (this.#resets) this.#transport.reset();
    else this.#transport.close();
  }

  #answerWrite(error?: Error): void {
    const onSent = this.#onSent;
    this.#onSent = undefined;
    onSent?.(error);
  }
}

import { Duplex } from 'node:stream';
import type { Transport, TransportEvents } from '../transport.ts';

/** Any {@link Transport} as a Node stream, for what only speaks to those, such as `node:tls`. */
export class TransportDuplex extends Duplex {
  readonly #transport: Transport;
  #unsentBytes = 0;
  #onSent: ((error?: Error | null) => void) | undefined;
  #onDestroyed: (() => void) | undefined;
  #isTransportClosed = false;
  #resets = false;

  // Not methods of ours: Node's streams have a `closed` of their own.
  readonly #events: TransportEvents = {
    received: (bytes, start, end) => {
      if (!this.push(Buffer.from(bytes.subarray(start, end)))) this.#transport.pause();
    },
    ended: () => void this.push(null),
    sent: (byteLength) => {
      this.#unsentBytes -= byteLength;
      if (this.#unsentBytes === 0) this.#answerWrite();
    },
    closed: (error) => {
      this.#isTransportClosed = true;
      this.#answerWrite(error ?? new Error('the transport was closed'));
      if (this.#onDestroyed !== undefined) this.#onDestroyed();
      // After an orderly end there may be bytes left to read; then Node destroys us when they are read.
      else if (error !== undefined) this.destroy(error);
    },
  };

  /** Takes ownership of a transport that nobody is attached to. */
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
    // Node's streams collect writes themselves: what they hand over is to leave now.
    this.#transport.flush();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#transport.endWrite();
    callback();
  }

  /** As destroy, but the peer sees a reset where the transport has such a thing; named as Node names it for sockets. */
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

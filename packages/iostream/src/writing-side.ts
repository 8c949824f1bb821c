import type { IOStream } from './io-stream.ts';
import { closedError, StreamLimitError } from './stream-errors.ts';
import { type DrainOptions, HIGH_WATER_BYTES, LOW_WATER_BYTES } from './stream-options.ts';
import { wrongArgument } from './stream-usage.ts';
import type { Transport } from './transport.ts';
import { WriteLedger } from './write-ledger.ts';

/** The half of a stream that gives bytes away: counts what is queued, holds the limit, and knows who waits. */
export class WritingSide {
  queuedBytes = 0;
  bytesSent = 0;
  /** Whether our writing side was shut down: nothing more is taken. */
  isEnded = false;

  readonly #stream: IOStream;
  readonly #transport: Transport;
  readonly #maxBytes: number;
  readonly #closesOnOverflow: boolean;
  #ledger: WriteLedger | undefined;

  constructor(stream: IOStream, transport: Transport, maxBytes: number, closesOnOverflow: boolean) {
    this.#stream = stream;
    this.#transport = transport;
    this.#maxBytes = maxBytes;
    this.#closesOnOverflow = closesOnOverflow;
  }

  write(data: Uint8Array | string): Promise<void> {
    if (this.#stream.isClosed || this.isEnded) {
      return ignorable(Promise.reject(closedError(this.#stream, 'write')));
    }
    this.send(typeof data === 'string' ? Buffer.from(data, 'utf8') : data);
    if (this.queuedBytes === 0) return Promise.resolve();
    this.#ledger ??= new WriteLedger();
    return this.#ledger.settleAfter(this.queuedBytes);
  }

  send(piece: string | Uint8Array): void {
    const length = piece.length;
    if (this.#stream.isClosed || this.isEnded || length === 0) return;
    // While little is queued, a piece of any size is taken: its memory is the caller's already, and a large answer
    // comes right behind its head. The bound is for what piles up.
    const queued = this.queuedBytes;
    if (queued > HIGH_WATER_BYTES && queued + length > this.#maxBytes) this.#overflow(length);
    this.queuedBytes += length;
    this.#transport.write(piece);
  }

  waitDrained({ toBytes, signal }: DrainOptions): Promise<void> {
    if (this.#stream.isClosed) return Promise.reject(closedError(this.#stream, 'waitDrained'));
    if (toBytes !== undefined && !(toBytes >= 0)) {
      return Promise.reject(wrongArgument('waitDrained', 'toBytes of 0 or more', toBytes));
    }
    if (this.queuedBytes <= (toBytes ?? HIGH_WATER_BYTES)) return Promise.resolve();
    this.#ledger ??= new WriteLedger();
    return this.#ledger.waitFor(this.queuedBytes - (toBytes ?? LOW_WATER_BYTES), signal);
  }

  endWrite(): void {
    this.isEnded = true;
    this.#transport.endWrite();
  }

  sent(byteLength: number): void {
    this.queuedBytes -= byteLength;
    this.bytesSent += byteLength;
    this.#ledger?.sent(byteLength);
  }

  /** The stream is closing: whoever waits learns it. */
  settle(): void {
    this.#ledger?.fail(closedError(this.#stream, 'write'));
  }

  #overflow(length: number): never {
    const error = new StreamLimitError(
      'ERR_STREAM_WRITE_BUFFER_FULL',
      `write: ${this.queuedBytes} bytes wait for a slow peer, and ${length} more would pass the limit of ${this.#maxBytes}`,
    );
    if (this.#closesOnOverflow) this.#stream.close(error);
    throw error;
  }
}

/** A promise whose rejection nobody needs to look at. */
function ignorable(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}

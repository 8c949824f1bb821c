import type { Clock } from '@landspout/ioloop';
import { StreamUsageError } from '../errors.ts';
import type { Transport, TransportEvents } from '../transport.ts';
import { CloseListeners, type CloseReason, closeReasonOf } from './closing.ts';
import { ReadingSide } from './reading-side.ts';
import { type IOStreamOptions, resolveStreamOptions } from './stream-options.ts';
import { WritingSide } from './writing-side.ts';

/** Is notified when the transport of a stream has closed. */
export interface CoreObserver {
  transportClosed(): void;
}

/**
 * The implementation of IOStream: the transport and its events, a reading and a writing side, and the states of
 * closing. The two sides implement reads and writes.
 *
 *     open ──close, reset, detachTransport──▶ closing ──closed (of the transport)──▶ closed
 *       └───────────────── closed (of the transport, by the peer or an error) ────────▲
 *
 * In `closing`, pending calls are rejected and the reason is final. In `closed`, the transport reports no more events.
 */
export class StreamCore implements TransportEvents {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly reading: ReadingSide;
  readonly writing: WritingSide;
  /** Whether the stream is closed, by either side. Bytes that arrived before can still be read. */
  isClosed = false;
  /** Whether the transport will report no more events. */
  isOver = false;
  error: Error | undefined;
  closeReason: CloseReason | undefined;
  observer: CoreObserver | undefined;
  #closeListeners: CloseListeners | undefined;

  constructor(transport: Transport, options: IOStreamOptions) {
    const { maxReadBufferBytes, maxWriteBufferBytes, writeOverflow, clock } = resolveStreamOptions(options);
    this.transport = transport;
    this.clock = clock;
    this.reading = new ReadingSide(this, transport, maxReadBufferBytes);
    this.writing = new WritingSide(this, transport, maxWriteBufferBytes, writeOverflow === 'close');
    transport.attach(this);
  }

  get isEnded(): boolean {
    return this.reading.isEnded;
  }

  get isEndBare(): boolean {
    return this.reading.isEndBare;
  }

  get bytesReceived(): number {
    return this.reading.bytesReceived;
  }

  get isWriteEnded(): boolean {
    return this.writing.isEnded;
  }

  /** The options of this stream, with defaults filled in. */
  get options(): Required<IOStreamOptions> {
    return { ...this.writing.options, maxReadBufferBytes: this.reading.maxBytes, clock: this.clock };
  }

  // ---- closing ----

  close(error?: Error): void {
    if (this.isClosed) return;
    const { isEnded, wasEndedSecond } = this.reading;
    this.#settleAll(error, isEnded && !wasEndedSecond ? 'peer-ended' : 'we-ended');
    this.transport.close();
  }

  reset(error?: Error): void {
    if (this.isClosed) return;
    this.#settleAll(error, 'we-reset');
    this.transport.reset();
  }

  /** Created when the first listener is added. */
  get closeListeners(): CloseListeners {
    this.#closeListeners ??= new CloseListeners();
    return this.#closeListeners;
  }

  /** @throws StreamUsageError `ERR_STREAM_USAGE` if bytes are buffered or queued, or a read is pending. */
  detachTransport(): Transport {
    const { reading, writing } = this;
    if (this.isClosed || reading.isAwaited || writing.queuedBytes > 0 || reading.bufferedBytes > 0) {
      throw new StreamUsageError(
        'ERR_STREAM_USAGE',
        'detachTransport: the stream must be open, with empty buffers and no pending read',
      );
    }
    reading.pause();
    this.isClosed = true;
    this.isOver = true;
    return this.transport;
  }

  /**
   * Moves the close listeners of this stream, whose transport was detached, to `successor`. Without a successor,
   * notifies them now.
   */
  passCloseListeners(successor: StreamCore | undefined): void {
    const listeners = this.#closeListeners;
    this.#closeListeners = undefined;
    if (listeners === undefined) return;
    if (successor === undefined || successor.isOver) {
      listeners.tell();
      return;
    }
    successor.#closeListeners = listeners;
    successor.reading.watchForEnd();
  }

  // ---- events of the transport ----

  received(bytes: Buffer, start: number, end: number): void {
    this.reading.received(bytes, start, end);
  }

  ended(isBare: boolean): void {
    this.reading.ended(isBare);
  }

  sent(byteLength: number): void {
    this.writing.sent(byteLength);
    if (this.writing.queuedBytes === 0) this.reading.drained();
  }

  writable(): void {
    this.writing.writable();
  }

  closed(error: Error | undefined): void {
    this.isOver = true;
    // A reset can be forged as easily as an end that was not announced.
    if (error !== undefined && this.transport.tls !== undefined && !this.isEnded)
      this.reading.isEndBare = true;
    if (!this.isClosed) this.#settleAll(error, this.reading.wasEndedSecond ? 'we-ended' : 'peer-ended');
    this.writing.queuedBytes = 0;
    this.reading.closed(this.error);
    this.#closeListeners?.tell();
    this.observer?.transportClosed();
  }

  /** Resolves the pending read if the buffered bytes satisfy it; then rejects everything else that is pending. */
  #settleAll(error: Error | undefined, orderly: CloseReason): void {
    this.isClosed = true;
    this.error = error;
    this.closeReason = closeReasonOf(error, orderly);
    this.reading.settle();
    this.writing.settle();
  }
}

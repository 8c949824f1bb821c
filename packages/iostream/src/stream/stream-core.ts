import type { Clock } from '@landspout/ioloop';
import { StreamUsageError } from '../errors.ts';
import type { Transport, TransportEvents } from '../transport.ts';
import { CloseListeners, type CloseReason, closeReasonOf } from './closing.ts';
import { ReadingSide } from './reading-side.ts';
import { type IOStreamOptions, resolveStreamOptions } from './stream-options.ts';
import { WritingSide } from './writing-side.ts';

/** Is notified when the transport of a stream has ended. */
export interface CoreObserver {
  transportClosed(): void;
}

/**
 * What a stream is made of, behind the methods of IOStream: the transport and its events, a reading and a writing
 * side, and how the stream ends. What is read and written is the business of the sides.
 *
 *     open ──close, reset, detachTransport──▶ closing ──closed (of the transport)──▶ closed
 *       └───────────────── closed (of the transport, by the peer or an error) ────────▲
 *
 * Closing, waits are rejected and the reason is settled; closed, the transport reports nothing more.
 */
export class StreamCore implements TransportEvents {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly reading: ReadingSide;
  readonly writing: WritingSide;
  /** Whether the stream was closed, by whomever. Bytes that came before can still be read. */
  isClosed = false;
  /** Whether nothing more is heard from the transport. */
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

  get isWriteEnded(): boolean {
    return this.writing.isEnded;
  }

  /** The options that this stream was made with, defaults included. */
  get options(): Required<IOStreamOptions> {
    return { ...this.writing.options, maxReadBufferBytes: this.reading.maxBytes, clock: this.clock };
  }

  // ---- the end ----

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

  /** Made when somebody wants to be notified of the close. */
  get closeListeners(): CloseListeners {
    this.#closeListeners ??= new CloseListeners();
    return this.#closeListeners;
  }

  /** @throws StreamUsageError `ERR_STREAM_USAGE` when bytes are buffered, queued or waited for. */
  detachTransport(): Transport {
    const { reading, writing } = this;
    if (this.isClosed || reading.isAwaited || writing.queuedBytes > 0 || reading.bufferedBytes > 0) {
      throw new StreamUsageError(
        'ERR_STREAM_USAGE',
        'detachTransport: an open stream with empty buffers and no waiting read was expected',
      );
    }
    reading.pause();
    this.isClosed = true;
    this.isOver = true;
    return this.transport;
  }

  /**
   * The transport was taken: who waits for the close of this stream waits for the `successor`'s, or is notified now if
   * there is none.
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

  ended(): void {
    this.reading.ended();
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
    if (!this.isClosed) this.#settleAll(error, this.reading.wasEndedSecond ? 'we-ended' : 'peer-ended');
    this.writing.queuedBytes = 0;
    this.reading.closed(this.error);
    this.#closeListeners?.tell();
    this.observer?.transportClosed();
  }

  /** Whoever waits learns that the stream is closed; a read that can be satisfied is, first. */
  #settleAll(error: Error | undefined, orderly: CloseReason): void {
    this.isClosed = true;
    this.error = error;
    this.closeReason = closeReasonOf(error, orderly);
    this.reading.settle();
    this.writing.settle();
  }
}

import type { Clock } from '@landspout/ioloop';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import { StreamUsageError } from '../errors.ts';
import { findProxied, type ProxiedConnection } from '../proxy-protocol/proxied-transport.ts';
import type { SocketAddress, TlsInfo, Transport, TransportEvents } from '../transport.ts';
import { CloseListeners, type CloseReason, closeReasonOf } from './closing.ts';
import { ReadingSide } from './reading-side.ts';
import {
  HIGH_WATER_BYTES,
  type IOStreamOptions,
  type ReadOptions,
  requireReadOptions,
  resolveStreamOptions,
} from './stream-options.ts';
import { WritingSide } from './writing-side.ts';

/**
 * The life of a stream over a {@link Transport}: what it is, how it ends and who hears of it, and how it is handed
 * over. What is read and written is the business of its two sides, and of IOStream, which is the stream of everybody.
 */
export abstract class StreamCore implements TransportEvents {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #reading: ReadingSide;
  readonly #writing: WritingSide;
  #closing = false;
  #closed = false;
  #error: Error | undefined;
  #closeReason: CloseReason | undefined;
  #closeListeners: CloseListeners | undefined;

  constructor(transport: Transport, options: IOStreamOptions) {
    const { maxReadBufferBytes, maxWriteBufferBytes, writeOverflow, clock } = resolveStreamOptions(options);
    this.#transport = transport;
    this.#clock = clock;
    this.#reading = new ReadingSide(this, transport, maxReadBufferBytes);
    this.#writing = new WritingSide(this, transport, maxWriteBufferBytes, writeOverflow === 'close');
    transport.attach(this);
  }

  // ---- what it is ----

  /** Whether the stream was closed, by whomever. Bytes that came before can still be read. */
  get isClosed(): boolean {
    return this.#closing;
  }

  /** Whether the peer has shut down its writing side. */
  get isEnded(): boolean {
    return this.#reading.isEnded;
  }

  /** Why the stream closed, where it was no orderly end. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Who closed the stream and how; `undefined` while it is open. */
  get closeReason(): CloseReason | undefined {
    return this.#closeReason;
  }

  /** Bytes that have come since the start, read or not. */
  get bytesReceived(): number {
    return this.#reading.bytesReceived;
  }

  /** Bytes written, and of files to be sent, that have not reached the kernel. */
  get queuedBytes(): number {
    return this.#writing.queuedBytes;
  }

  /** Bytes that have reached the kernel since the start. */
  get bytesSent(): number {
    return this.#writing.bytesSent;
  }

  /** Bytes that have come and wait to be read. */
  get bufferedBytes(): number {
    return this.#reading.bufferedBytes;
  }

  get localAddress(): SocketAddress {
    return this.#transport.localAddress;
  }

  get remoteAddress(): SocketAddress {
    return this.#transport.remoteAddress;
  }

  /** The proxy that has told who the client is, whose addresses {@link remoteAddress} and {@link localAddress} are then. */
  get proxied(): ProxiedConnection | undefined {
    return findProxied(this.remoteAddress);
  }

  /** What TLS agreed on; `undefined` without TLS. */
  get tls(): TlsInfo | undefined {
    return this.#transport.tls;
  }

  /** Whether a write is taken, and little enough is queued (at most 64 KiB) that it makes sense: see {@link waitDrained}. */
  get isWritable(): boolean {
    return !this.#closing && !this.#writing.isEnded && this.queuedBytes <= HIGH_WATER_BYTES;
  }

  /** Whether {@link endWrite} was called. */
  get isWriteEnded(): boolean {
    return this.#writing.isEnded;
  }

  /** Whether a read waits. */
  get isReading(): boolean {
    return this.#reading.isAwaited;
  }

  // ---- the end ----

  /** Shuts down our writing side (FIN) after all that is queued. Reading goes on. */
  endWrite(): void {
    if (!this.#closing) this.#writing.endWrite();
  }

  /**
   * Closes both directions at once; what is queued is lost. A read that the buffered bytes satisfy still gets
   * them; all else that waits fails with StreamClosedError, `error` as its cause. Idempotent.
   */
  close(error?: Error): void {
    if (this.#closing) return;
    const { isEnded, wasEndedSecond } = this.#reading;
    this.#settleAll(error, isEnded && !wasEndedSecond ? 'peer-ended' : 'we-ended');
    this.#transport.close();
  }

  /** As {@link close}, but the peer sees a reset instead of an orderly end. */
  reset(error?: Error): void {
    if (this.#closing) return;
    this.#settleAll(error, 'we-reset');
    this.#transport.reset();
  }

  /** Resolves when the stream is closed, by whomever; see {@link closeReason}. @throws the reason of `signal`. */
  waitClosed(options: ReadOptions = {}): Promise<void> {
    try {
      requireReadOptions('waitClosed', options);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#closed) return Promise.resolve();
    this.#closeListeners ??= new CloseListeners();
    return this.#closeListeners.wait(options.signal);
  }

  /** Calls `callback` one turn after the close, when all reads were answered; also for a stream that is closed. */
  setCloseCallback(callback: () => void): void {
    this.#closeListeners ??= new CloseListeners();
    this.#closeListeners.add(callback);
    if (this.#closed) this.#closeListeners.tell();
    else this.#reading.watchForEnd();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.waitClosed();
  }

  // ---- the rest ----

  /** Whether this open stream keeps the process alive. It does, until told otherwise. */
  ref(): void {
    this.#transport.ref();
  }

  unref(): void {
    this.#transport.unref();
  }

  /** TCP_NODELAY, which is on by default; without TCP nothing happens. */
  setNoDelay(on: boolean): void {
    this.#transport.setNoDelay(on);
  }

  /**
   * Gives up the transport, for TLS on top of it: an idle stream only.
   *
   * @throws StreamUsageError `ERR_STREAM_USAGE` when bytes are buffered, queued or waited for.
   */
  detachTransport(): Transport {
    if (this.#closing || this.#reading.isAwaited || this.queuedBytes > 0 || this.bufferedBytes > 0) {
      throw usage('detachTransport: an open stream with empty buffers and no waiting read was expected');
    }
    this.#reading.pause();
    this.#closing = true;
    this.#closed = true;
    return this.#transport;
  }

  /** The options that this stream was made with, defaults included. */
  get options(): Required<IOStreamOptions> {
    return { ...this.#writing.options, maxReadBufferBytes: this.#reading.maxBytes, clock: this.#clock };
  }

  /**
   * For startTls: who waits for the close of this stream, whose transport was taken, waits for the `successor`'s; or is
   * told now that there is none.
   */
  passCloseListeners(successor: StreamCore | undefined): void {
    const listeners = this.#closeListeners;
    this.#closeListeners = undefined;
    if (listeners === undefined) return;
    if (successor === undefined || successor.#closed) {
      listeners.tell();
      return;
    }
    successor.#closeListeners = listeners;
    successor.#reading.watchForEnd();
  }

  // ---- events of the transport ----

  /** For the transport. */
  received(bytes: Buffer, start: number, end: number): void {
    this.#reading.received(bytes, start, end);
  }

  /** For the transport. */
  ended(): void {
    this.#reading.ended();
  }

  /** For the transport. */
  sent(byteLength: number): void {
    this.#writing.sent(byteLength);
    if (this.#writing.queuedBytes === 0) this.#reading.drained();
  }

  /** For the transport. */
  writable(): void {
    this.#writing.writable();
  }

  /** For the transport. */
  closed(error: Error | undefined): void {
    this.#closed = true;
    if (!this.#closing) this.#settleAll(error, this.#reading.wasEndedSecond ? 'we-ended' : 'peer-ended');
    this.#writing.queuedBytes = 0;
    this.#reading.closed(this.#error);
    this.#closeListeners?.tell();
  }

  // ---- for IOStream ----

  protected get transport(): Transport {
    return this.#transport;
  }

  protected get clock(): Clock {
    return this.#clock;
  }

  protected get reading(): ReadingSide {
    return this.#reading;
  }

  protected get writing(): WritingSide {
    return this.#writing;
  }

  /** Whether nothing more is heard from the transport. */
  protected get isOver(): boolean {
    return this.#closed;
  }

  // ---- inside ----

  [INSPECT](): object {
    return inspection(
      this,
      [
        'isClosed',
        'closeReason',
        'isEnded',
        'isWriteEnded',
        'bytesReceived',
        'bytesSent',
        'bufferedBytes',
        'queuedBytes',
        'error',
      ],
      () => ({
        remoteAddress: inspectedAddress(this.remoteAddress),
        localAddress: inspectedAddress(this.localAddress),
        tls: this.tls?.protocol,
      }),
    );
  }

  /** Whoever waits learns that the stream is closed; a read that can be satisfied is, first. */
  #settleAll(error: Error | undefined, orderly: CloseReason): void {
    this.#closing = true;
    this.#error = error;
    this.#closeReason = closeReasonOf(error, orderly);
    this.#reading.settle();
    this.#writing.settle();
  }
}

function usage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', message);
}

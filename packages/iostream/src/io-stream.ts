import { type Clock, systemClock } from '@landspout/ioloop';
import { LingeringClose } from './lingering-close.ts';
import { ReadCount, ReadToEnd, ReadUntil } from './read-goal.ts';
import { ReadingSide } from './reading-side.ts';
import type { StreamConsumer } from './stream-consumer.ts';
import { StreamUsageError } from './stream-errors.ts';
import {
  type BoundedReadOptions,
  DEFAULT_MAX_READ_BUFFER_BYTES,
  DEFAULT_MAX_WRITE_BUFFER_BYTES,
  HIGH_WATER_BYTES,
  type IOStreamOptions,
  type ReadBytesOptions,
  type ReadOptions,
} from './stream-options.ts';
import type { SocketAddress, TlsInfo, Transport, TransportEvents } from './transport.ts';
import { WritingSide } from './writing-side.ts';

/**
 * A stream of bytes in both directions, over any {@link Transport}: reads that say what they want, writes that
 * are bounded, and an end that loses nothing which has come.
 *
 * Reading stops when the peer shuts down its side (FIN), and writing still works then. One read at a time; writes
 * are queued in order and leave together at the end of the turn.
 */
export class IOStream implements TransportEvents {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #reading: ReadingSide;
  readonly #writing: WritingSide;
  #closing = false;
  #closed = false;
  #error: Error | undefined;
  #closeListeners: (() => void)[] | undefined;

  constructor(transport: Transport, options: IOStreamOptions = DEFAULT_OPTIONS) {
    this.#transport = transport;
    this.#clock = options.clock ?? systemClock;
    const { maxReadBufferBytes = DEFAULT_MAX_READ_BUFFER_BYTES } = options;
    const { maxWriteBufferBytes = DEFAULT_MAX_WRITE_BUFFER_BYTES, writeOverflow = 'error' } = options;
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

  /** Bytes written that have not reached the kernel. */
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

  // ---- reading ----

  /**
   * Reads up to and including `delimiter`. Bytes after it stay buffered for the next read.
   *
   * @param delimiter - one or more bytes; a string is taken as latin1.
   * @returns the bytes, `delimiter` last. They are yours: the stream never writes to them again.
   * @throws StreamUsageError `ERR_STREAM_BUSY` when another read is waiting.
   * @throws StreamClosedError `ERR_STREAM_CLOSED` when the stream ends first, or when `maxBytes` pass first: then
   *   the `cause` is `ERR_STREAM_UNSATISFIABLE`, and the stream is closed, since nobody knows any longer where a
   *   message starts.
   */
  readUntil(delimiter: Uint8Array | string, options: BoundedReadOptions = {}): Promise<Buffer> {
    const bytes = typeof delimiter === 'string' ? Buffer.from(delimiter, 'latin1') : delimiter;
    if (bytes.length === 0)
      return Promise.reject(usage('readUntil: a delimiter of at least one byte was expected'));
    return this.#reading.read(new ReadUntil(bytes, this.#bound(options.maxBytes)), options.signal);
  }

  /**
   * Reads exactly `count` bytes, or with `partial` from 1 to `count`. 0 answers at once.
   *
   * @returns the bytes, which are yours.
   * @throws as {@link readUntil}.
   */
  readBytes(count: number, options: ReadBytesOptions = {}): Promise<Buffer> {
    if (!Number.isInteger(count) || count < 0 || count > this.#reading.maxBytes) {
      return Promise.reject(
        usage(`readBytes: 0 to ${this.#reading.maxBytes} bytes were expected, not ${count}`),
      );
    }
    return this.#reading.read(new ReadCount(count, options.partial ?? false), options.signal);
  }

  /** Reads all that comes until the peer ends or the stream closes. @throws as {@link readUntil}. */
  readUntilClose(options: BoundedReadOptions = {}): Promise<Buffer> {
    return this.#reading.read(new ReadToEnd(this.#bound(options.maxBytes)), options.signal);
  }

  /** Puts bytes back, before all that is buffered. They belong to the stream from here on. */
  unread(bytes: Uint8Array): void {
    this.#reading.unread(bytes);
  }

  /**
   * Hands all further bytes to `consumer`, those that are buffered first, once {@link resume} is called; or with
   * `undefined` returns to reads.
   */
  setConsumer(consumer: StreamConsumer | undefined): void {
    this.#reading.setConsumer(consumer);
    // Who comes too late for the end still hears of it, on a later turn as always.
    if (this.#closed && consumer !== undefined) process.nextTick(() => consumer.closed(this.#error));
  }

  /** Starts or goes on handing bytes to the consumer. */
  resume(): void {
    this.#reading.resume();
  }

  /** Stops handing bytes to the consumer. While paused neither the end nor a reset of the peer is noticed. */
  pause(): void {
    this.#reading.pause();
  }

  // ---- writing ----

  /**
   * Writes bytes, or text as UTF-8. Nothing need be awaited: the order is kept, and what cannot leave is bounded.
   *
   * @param data - bytes belong to the stream until the promise settles.
   * @returns a promise, shared by the writes of one turn, that settles when all of them have reached the kernel.
   *   Ignoring it is safe. It rejects with StreamClosedError `ERR_STREAM_CLOSED` when the stream closes first.
   * @throws StreamLimitError `ERR_STREAM_WRITE_BUFFER_FULL` at once, with nothing queued, when more than 64 KiB are
   *   queued already and `maxWriteBufferBytes` would be passed.
   */
  write(data: Uint8Array | string): Promise<void> {
    return this.#writing.write(data);
  }

  /**
   * Writes without a promise: the way of the layers above. A string is latin1, one byte per code unit. Ignored after
   * {@link endWrite}, and on a closed stream, whose end the consumer hears of.
   *
   * @throws StreamLimitError as {@link write}.
   */
  send(piece: string | Uint8Array): void {
    this.#writing.send(piece);
  }

  /** Hands what is queued to the kernel now, instead of at the end of the turn. */
  flush(): void {
    if (!this.#closing) this.#transport.flush();
  }

  /**
   * Waits until few enough bytes are queued (32 KiB) that writing more makes sense; at once below 64 KiB.
   *
   * @throws StreamClosedError when the stream closes first; the reason of `signal` when it aborts.
   */
  waitDrained(options: ReadOptions = {}): Promise<void> {
    return this.#writing.waitDrained(options.signal);
  }

  /** Shuts down our writing side (FIN) after all that is queued. Reading goes on. */
  endWrite(): void {
    if (!this.#closing) this.#writing.endWrite();
  }

  // ---- the end ----

  /**
   * Closes both directions at once; what is queued is lost. A read that the buffered bytes satisfy still gets
   * them; all else that waits fails with StreamClosedError, `error` as its cause. Idempotent.
   */
  close(error?: Error): void {
    if (this.#closing) return;
    this.#error = error;
    this.#settleAll();
    this.#transport.close();
  }

  /** As {@link close}, but the peer sees a reset instead of an orderly end. */
  reset(error?: Error): void {
    if (this.#closing) return;
    this.#error = error;
    this.#settleAll();
    this.#transport.reset();
  }

  /**
   * Closes so that the peer can still read our last words (RFC 9112 §9.6): sends what is queued and FIN, then
   * throws away what comes, until the peer ends too or `lingerMs` have passed. A close with unread bytes would
   * reset the connection and could take the answer with it. Takes the place of the consumer. How long what is
   * queued may take to leave is the caller's business.
   */
  closeGracefully(lingerMs = 2_000): void {
    if (this.#closing) return;
    this.endWrite();
    const lingering = this.#reading.replaceConsumer(
      (outer) => new LingeringClose(this, outer, this.#clock, lingerMs),
    );
    lingering.goOn();
  }

  /** Resolves when the stream is closed, by whomever; see {@link error}. */
  waitClosed(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#addCloseListener(resolve));
  }

  /** Calls `callback` one turn after the close, when all reads were answered; also for a stream that is closed. */
  setCloseCallback(callback: () => void): void {
    if (this.#closed) setImmediate(callback);
    else this.#addCloseListener(callback);
    this.#reading.watchForEnd();
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
  closed(error: Error | undefined): void {
    this.#closed = true;
    if (!this.#closing) {
      this.#error = error;
      this.#settleAll();
    }
    this.#writing.queuedBytes = 0;
    this.#reading.closed(this.#error);
    const listeners = this.#closeListeners;
    this.#closeListeners = undefined;
    if (listeners !== undefined) for (const listener of listeners) setImmediate(listener);
  }

  // ---- inside ----

  #bound(maxBytes: number | undefined): number {
    return Math.min(maxBytes ?? this.#reading.maxBytes, this.#reading.maxBytes);
  }

  /** Whoever waits learns that the stream is closed; a read that can be satisfied is, first. */
  #settleAll(): void {
    this.#closing = true;
    this.#reading.settle();
    this.#writing.settle();
  }

  #addCloseListener(listener: () => void): void {
    this.#closeListeners ??= [];
    this.#closeListeners.push(listener);
  }
}

const DEFAULT_OPTIONS: IOStreamOptions = {};

function usage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', message);
}

import { type Clock, systemClock } from '@landspout/ioloop';
import { LingeringClose } from './lingering-close.ts';
import { ReadCount, type ReadGoal, ReadToEnd, ReadUntil } from './read-goal.ts';
import { StreamClosedError, StreamLimitError, StreamUsageError } from './stream-errors.ts';
import { StreamInbox } from './stream-inbox.ts';
import type { SocketAddress, TlsInfo, Transport, TransportEvents } from './transport.ts';
import { WriteLedger } from './write-ledger.ts';

export interface IOStreamOptions {
  /** Most bytes that reads may have waiting. Default 100 MiB. */
  readonly maxReadBufferBytes?: number;
  /** Most bytes that writes may have waiting for a slow peer. Default 16 MiB. */
  readonly maxWriteBufferBytes?: number;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
}

export interface ReadOptions {
  /** Stops the wait. No byte is lost, and the stream stays open. */
  readonly signal?: AbortSignal;
}

export interface BoundedReadOptions extends ReadOptions {
  /** Most bytes to wait through. Default: the stream's `maxReadBufferBytes`. */
  readonly maxBytes?: number;
}

export interface ReadBytesOptions extends ReadOptions {
  /** Answers as soon as any byte is there. Default false. */
  readonly partial?: boolean;
}

/** A protocol that is handed the bytes as they come, in place of reads. What its methods throw closes the stream, but for `closed`, which must not throw. */
export interface StreamConsumer {
  /** Bytes `start` to `end`, lent for the length of this call only. */
  received(bytes: Buffer, start: number, end: number): void;
  /** The peer shut down its writing side; ours still works. */
  ended(): void;
  /** All that was queued for writing has reached the kernel. */
  drained(): void;
  /** The stream is closed: the last call, exactly once. */
  closed(error: Error | undefined): void;
}

export const DEFAULT_MAX_READ_BUFFER_BYTES = 100 * 1024 * 1024;
export const DEFAULT_MAX_WRITE_BUFFER_BYTES = 16 * 1024 * 1024;
/** A stream without a waiting reader reads ahead this far, so that a read costs no change of interest. */
const READ_AHEAD_BYTES = 64 * 1024;
/** Above this many queued bytes, `waitDrained` waits until half of them are gone. */
const HIGH_WATER_BYTES = 64 * 1024;

/**
 * A stream of bytes in both directions, over any {@link Transport}: reads that say what they want, writes that
 * are bounded, and an end that loses nothing which has come.
 *
 * Reading stops when the peer shuts down its side (FIN), and writing still works then. One read at a time; writes
 * are queued in order and leave together at the end of the turn.
 */
export class IOStream implements TransportEvents {
  readonly #transport: Transport;
  readonly #maxReadBufferBytes: number;
  readonly #maxWriteBufferBytes: number;
  readonly #clock: Clock;
  #inbox: StreamInbox | undefined;
  #consumer: StreamConsumer | undefined;
  #ledger: WriteLedger | undefined;
  #queuedBytes = 0;
  #bytesSent = 0;
  #reading = false;
  #ended = false;
  #writeEnded = false;
  #closing = false;
  #closed = false;
  #error: Error | undefined;
  #closeListeners: (() => void)[] | undefined;

  constructor(transport: Transport, options: IOStreamOptions = DEFAULT_OPTIONS) {
    this.#transport = transport;
    this.#maxReadBufferBytes = options.maxReadBufferBytes ?? DEFAULT_MAX_READ_BUFFER_BYTES;
    this.#maxWriteBufferBytes = options.maxWriteBufferBytes ?? DEFAULT_MAX_WRITE_BUFFER_BYTES;
    this.#clock = options.clock ?? systemClock;
    transport.attach(this);
  }

  // ---- what it is ----

  /** Whether the stream was closed, by whomever. Bytes that came before can still be read. */
  get isClosed(): boolean {
    return this.#closing;
  }

  /** Whether the peer has shut down its writing side. */
  get isEnded(): boolean {
    return this.#ended;
  }

  /** Why the stream closed, where it was no orderly end. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Bytes written that have not reached the kernel. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Bytes that have reached the kernel since the start. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** Bytes that have come and wait to be read. */
  get bufferedBytes(): number {
    return this.#inbox?.byteLength ?? 0;
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
    return this.#read(new ReadUntil(bytes, this.#bound(options.maxBytes)), options.signal);
  }

  /**
   * Reads exactly `count` bytes, or with `partial` from 1 to `count`. 0 answers at once.
   *
   * @returns the bytes, which are yours.
   * @throws as {@link readUntil}.
   */
  readBytes(count: number, options: ReadBytesOptions = {}): Promise<Buffer> {
    if (!Number.isInteger(count) || count < 0 || count > this.#maxReadBufferBytes) {
      return Promise.reject(
        usage(`readBytes: 0 to ${this.#maxReadBufferBytes} bytes were expected, not ${count}`),
      );
    }
    return this.#read(new ReadCount(count, options.partial ?? false), options.signal);
  }

  /** Reads all that comes until the peer ends or the stream closes. @throws as {@link readUntil}. */
  readUntilClose(options: BoundedReadOptions = {}): Promise<Buffer> {
    return this.#read(new ReadToEnd(this.#bound(options.maxBytes)), options.signal);
  }

  /** Puts bytes back, before all that is buffered. They belong to the stream from here on. */
  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#inbox ??= new StreamInbox();
    this.#inbox.prepend(bytes);
    if (this.#consumer !== undefined) this.#replay();
  }

  /**
   * Hands all further bytes to `consumer`, those that are buffered first, once {@link resume} is called; or with
   * `undefined` returns to reads.
   */
  setConsumer(consumer: StreamConsumer | undefined): void {
    if (this.#inbox?.isAwaited) throw busy('setConsumer');
    this.#consumer = consumer;
    if (consumer === undefined) return;
    this.#pauseTransport();
    // Who comes too late for the end still hears of it, on a later turn as always.
    if (this.#closed) process.nextTick(() => consumer.closed(this.#error));
  }

  /** Starts or goes on handing bytes to the consumer. */
  resume(): void {
    if (this.#consumer === undefined || this.#reading) return;
    if (this.#inbox !== undefined && this.#inbox.byteLength > 0) this.#replay();
    else if (this.#ended) process.nextTick(() => this.#tellEnded());
    else this.#resumeTransport();
  }

  /** Stops handing bytes to the consumer. While paused neither the end nor a reset of the peer is noticed. */
  pause(): void {
    this.#pauseTransport();
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
    if (this.#closing || this.#writeEnded) return ignorable(Promise.reject(this.#closedError('write')));
    this.send(typeof data === 'string' ? Buffer.from(data, 'utf8') : data);
    if (this.#queuedBytes === 0) return Promise.resolve();
    this.#ledger ??= new WriteLedger();
    return this.#ledger.settleAfter(this.#queuedBytes);
  }

  /**
   * Writes without a promise: the way of the layers above. A string is latin1, one byte per code unit. Ignored after
   * {@link endWrite}, and on a closed stream, whose end the consumer hears of.
   *
   * @throws StreamLimitError as {@link write}.
   */
  send(piece: string | Uint8Array): void {
    const length = piece.length;
    if (this.#closing || this.#writeEnded || length === 0) return;
    // While little is queued, a piece of any size is taken: its memory is the caller's already, and a large answer
    // comes right behind its head. The bound is for what piles up.
    const queued = this.#queuedBytes;
    if (queued > HIGH_WATER_BYTES && queued + length > this.#maxWriteBufferBytes) {
      throw new StreamLimitError(
        'ERR_STREAM_WRITE_BUFFER_FULL',
        `write: ${queued} bytes wait for a slow peer, and ${length} more would pass the limit of ${this.#maxWriteBufferBytes}`,
      );
    }
    this.#queuedBytes += length;
    this.#transport.write(piece);
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
    if (this.#closing) return Promise.reject(this.#closedError('waitDrained'));
    if (this.#queuedBytes <= HIGH_WATER_BYTES) return Promise.resolve();
    this.#ledger ??= new WriteLedger();
    return this.#ledger.waitFor(this.#queuedBytes - HIGH_WATER_BYTES / 2, options.signal);
  }

  /** Shuts down our writing side (FIN) after all that is queued. Reading goes on. */
  endWrite(): void {
    if (this.#closing) return;
    this.#writeEnded = true;
    this.#transport.endWrite();
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
    const lingering = new LingeringClose(this, this.#consumer, this.#clock, lingerMs);
    this.#inbox = undefined;
    this.#consumer = lingering;
    this.#resumeTransport();
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
    this.#watchForEnd();
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
    if (this.#closing || this.#inbox?.isAwaited || this.#queuedBytes > 0 || this.bufferedBytes > 0) {
      throw usage('detachTransport: an open stream with empty buffers and no waiting read was expected');
    }
    this.#pauseTransport();
    this.#closing = true;
    this.#closed = true;
    return this.#transport;
  }

  // ---- events of the transport ----

  /** For the transport. */
  received(bytes: Buffer, start: number, end: number): void {
    if (this.#consumer !== undefined) {
      this.#guard(bytes, start, end);
      return;
    }
    this.#inbox ??= new StreamInbox();
    this.#inbox.append(bytes, start, end);
    this.#answerRead();
    if (!this.#inbox.isAwaited) {
      if (this.#inbox.byteLength >= READ_AHEAD_BYTES) this.#pauseTransport();
    } else if (this.#inbox.byteLength > this.#maxReadBufferBytes) {
      const problem = `more than ${this.#maxReadBufferBytes} bytes are buffered`;
      this.close(new StreamLimitError('ERR_STREAM_READ_BUFFER_FULL', problem));
    }
  }

  /** For the transport. */
  ended(): void {
    this.#ended = true;
    if (this.#consumer !== undefined) this.#tellEnded();
    else this.#answerRead();
  }

  /** For the transport. */
  sent(byteLength: number): void {
    this.#queuedBytes -= byteLength;
    this.#bytesSent += byteLength;
    this.#ledger?.sent(byteLength);
    if (this.#queuedBytes === 0) this.#tellDrained();
  }

  /** For the transport. */
  closed(error: Error | undefined): void {
    this.#closed = true;
    if (!this.#closing) {
      this.#error = error;
      this.#settleAll();
    }
    this.#queuedBytes = 0;
    const consumer = this.#consumer;
    this.#consumer = undefined;
    consumer?.closed(this.#error);
    const listeners = this.#closeListeners;
    this.#closeListeners = undefined;
    if (listeners !== undefined) for (const listener of listeners) setImmediate(listener);
  }

  // ---- inside ----

  #bound(maxBytes: number | undefined): number {
    return Math.min(maxBytes ?? this.#maxReadBufferBytes, this.#maxReadBufferBytes);
  }

  #read(goal: ReadGoal, signal: AbortSignal | undefined): Promise<Buffer> {
    if (this.#consumer !== undefined) return Promise.reject(busy('read'));
    if (this.#inbox?.isAwaited)
      return Promise.reject(this.#closing ? this.#closedError('read') : busy('read'));
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.#inbox ??= new StreamInbox();
    const promise = this.#inbox.wait(goal, signal);
    this.#answerRead();
    if (this.#inbox.isAwaited) this.#resumeTransport();
    return promise;
  }

  /** Settles the waiting read, where what is buffered, the limit or the end decides it. */
  #answerRead(): void {
    const inbox = this.#inbox;
    if (inbox === undefined) return;
    const over = this.#ended || this.#closing;
    const cause = inbox.answer(over);
    if (cause !== undefined && !this.#closing) this.close(cause);
    else if (cause !== undefined) inbox.fail(new StreamClosedError(cause.message, { cause }));
    else if (over) inbox.fail(this.#closedError('read'));
  }

  /** Whoever waits learns that the stream is closed; a read that can be satisfied is, first. */
  #settleAll(): void {
    this.#closing = true;
    this.#reading = false;
    this.#answerRead();
    this.#ledger?.fail(this.#closedError('write'));
  }

  #closedError(operation: string): StreamClosedError {
    let how = 'the peer has ended the stream';
    if (this.#closing) how = 'the stream is closed';
    else if (operation === 'write') how = 'endWrite was called';
    return new StreamClosedError(
      `${operation}: ${how}${this.#error === undefined ? '' : `: ${this.#error.message}`}`,
      {
        cause: this.#error,
      },
    );
  }

  #guard(bytes: Buffer, start: number, end: number): void {
    try {
      (this.#consumer as StreamConsumer).received(bytes, start, end);
    } catch (error) {
      this.#consumerFailed(error);
    }
  }

  #tellEnded(): void {
    try {
      this.#consumer?.ended();
    } catch (error) {
      this.#consumerFailed(error);
    }
  }

  #tellDrained(): void {
    try {
      this.#consumer?.drained();
    } catch (error) {
      this.#consumerFailed(error);
    }
  }

  /** A bug of the consumer ends its stream, and nobody else's: below us stand a socket's events or the reactor. */
  #consumerFailed(error: unknown): void {
    this.close(error instanceof Error ? error : new Error(String(error)));
  }

  /** Hands buffered bytes to the consumer on a later turn, as if they came only then. */
  #replay(): void {
    this.#reading = true;
    process.nextTick(() => {
      if (!this.#reading || this.#closing || this.#consumer === undefined) return;
      const bytes = this.#inbox?.takeAll();
      this.#inbox = undefined;
      if (bytes !== undefined && bytes.length > 0) this.#guard(bytes, 0, bytes.length);
      if (!this.#reading || this.#closing || this.#consumer === undefined) return;
      if (this.#ended) this.#tellEnded();
      else this.#transport.resume();
    });
  }

  /** An idle stream notices the peer's end only while it reads; somebody wants to know. */
  #watchForEnd(): void {
    if (this.#consumer === undefined && this.bufferedBytes < READ_AHEAD_BYTES) this.#resumeTransport();
  }

  #resumeTransport(): void {
    if (this.#reading || this.#ended || this.#closing) return;
    this.#reading = true;
    this.#transport.resume();
  }

  #pauseTransport(): void {
    if (!this.#reading || this.#closing) return;
    this.#reading = false;
    this.#transport.pause();
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

function busy(operation: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_BUSY', `${operation}: another reader has the stream`);
}

/** A promise whose rejection nobody needs to look at. */
function ignorable(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}

// The stream/ folder holds reads, writes, buffer limits and the ways in which a stream closes, over any `Transport`.
// Connections and TLS are set up elsewhere.

import type { FileHandle } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import { streamChecks } from '../errors.ts';
import type { ProxiedConnection, SocketAddress, TlsInfo, Transport } from '../transport.ts';
import { type OpenFdOptions, openFd } from '../transports/fd-transport.ts';
import { memoryPair } from '../transports/memory-transport.ts';
import { nodeDuplexTransport } from '../transports/node-transport.ts';
import { type CloseReason, LingeringClose } from './closing.ts';
import {
  ChunkIterator,
  type ChunksOptions,
  LineIterator,
  type LinesOptions,
  RecordIterator,
} from './iterators.ts';
import type { SendFileOptions } from './outgoing-file.ts';
import { type PipeOptions, pipe } from './pipe.ts';
import { ReadCount, type ReadGoal, ReadInto, ReadToEnd, ReadUntil } from './read-goal.ts';
import { ReadUntilRegex } from './read-until-regex.ts';
import type { StreamConsumer } from './stream-consumer.ts';
import { StreamCore } from './stream-core.ts';
import {
  type BoundedReadOptions,
  DEFAULT_STREAM_OPTIONS,
  type DrainOptions,
  HIGH_WATER_BYTES,
  type IOStreamOptions,
  type ReadBytesOptions,
  type ReadOptions,
  type ReadUntilRegexOptions,
  requireBoundedReadOptions,
  requireDrainOptions,
  requireReadBytesOptions,
  requireReadOptions,
  requireRegexOptions,
  resolveStreamOptions,
  STREAM_OPTIONS,
} from './stream-options.ts';

const FROM_FD_OPTIONS: OptionNames<IOStreamOptions & OpenFdOptions> = { ...STREAM_OPTIONS, direction: true };

/** Gives other folders of this package access to the core of a stream; users of a stream see only its methods. */
export let coreOf: (stream: IOStream) => StreamCore;

/**
 * A stream of bytes in both directions, over any {@link Transport}. Each read states which bytes it waits for, the
 * write queue is limited, and bytes that have arrived can still be read after the stream has ended.
 *
 * Reading ends when the peer shuts down its writing side (FIN); writing still works then. One read may be pending at a
 * time. Writes are queued in order and sent together: at the end of the reactor's batch of events or, outside a batch,
 * in `process.nextTick`.
 */
export class IOStream {
  readonly #core: StreamCore;

  /** @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid. */
  constructor(transport: Transport, options: IOStreamOptions = DEFAULT_STREAM_OPTIONS) {
    this.#core = new StreamCore(transport, options);
  }

  static {
    coreOf = (stream) => stream.#core;
  }

  // ---- streams that are not connections ----

  /**
   * Creates a stream over an open file descriptor: an end of a pipe, a FIFO, a connected stream socket or a terminal.
   * The stream owns the descriptor from now on and closes it; nothing else may read, write or close it. The descriptor
   * is made non-blocking. This affects every process that shares the same open file description, which is common for
   * standard input, terminals and pipes.
   *
   * In a one-way stream, the unused direction has ended from the start: see {@link isWriteEnded} and {@link isEnded}.
   * Ending the writing side of a pipe closes the stream. If the reader of a pipe has closed its end, the next write
   * fails with `EPIPE`; on the native backend, a close callback is called as soon as the reader closes, without a
   * write.
   *
   * @param options.direction - `'read'`, `'write'` or `'both'`. Default: both; required for a pipe or FIFO.
   * @throws StreamUsageError `ERR_STREAM_USAGE` if the descriptor is a file, a directory or a device that is always
   *   ready, or an option is invalid; SystemError `EBADF` if it is not open. After an error, the caller still owns the
   *   descriptor.
   */
  static fromFd(fd: number, options: IOStreamOptions & OpenFdOptions = {}): IOStream {
    streamChecks.options('fromFd', options, FROM_FD_OPTIONS);
    const { direction, ...ofStream } = options;
    resolveStreamOptions(ofStream);
    return new IOStream(openFd(fd, { direction }), ofStream);
  }

  /**
   * Creates a stream over any Node Duplex, which it owns from now on: closing the stream destroys the Duplex. Create
   * the Duplex with `allowHalfOpen: true`; otherwise Node ends our side when the peer ends its own.
   */
  static fromDuplex(duplex: Duplex, options?: IOStreamOptions): IOStream {
    return new IOStream(nodeDuplexTransport(duplex), options);
  }

  /** Creates two streams joined in memory, with up to 64 KiB in flight each way; see {@link memoryPair}. */
  static pair(options?: IOStreamOptions): [IOStream, IOStream] {
    const [a, b] = memoryPair();
    return [new IOStream(a, options), new IOStream(b, options)];
  }

  // ---- state ----

  /** Whether the stream is closed, by either side. Bytes that arrived before can still be read. */
  get isClosed(): boolean {
    return this.#core.isClosed;
  }

  /** Whether the peer has shut down its writing side. True from the start for a stream that can only be written. */
  get isEnded(): boolean {
    return this.#core.isEnded;
  }

  /**
   * Whether the connection ended, or broke off, without close_notify, with which TLS announces its end (RFC 8446 §6.1).
   * The end may then be forged, and bytes may be missing. Reads that the end completes fail; a protocol whose messages have
   * a length or an end of their own need not care. Always false without TLS; node:tls tells only a connection that broke
   * off.
   */
  get isEndBare(): boolean {
    return this.#core.isEndBare;
  }

  /** Why the stream was closed; `undefined` if it is open or the close was orderly. */
  get error(): Error | undefined {
    return this.#core.error;
  }

  /** Which side closed the stream and how; `undefined` while it is open. */
  get closeReason(): CloseReason | undefined {
    return this.#core.closeReason;
  }

  /** Bytes received since the start, read or not. */
  get bytesReceived(): number {
    return this.#core.reading.bytesReceived;
  }

  /** Bytes, written or to be sent from files, that have not reached the kernel yet. */
  get queuedBytes(): number {
    return this.#core.writing.queuedBytes;
  }

  /** Bytes that have reached the kernel since the start. */
  get bytesSent(): number {
    return this.#core.writing.bytesSent;
  }

  /**
   * Those of {@link queuedBytes} of which some may have reached the kernel or the peer: they are being written, or were
   * when the stream was closed. If it is 0 as well as {@link bytesSent}, the peer has received nothing.
   */
  get bytesInFlight(): number {
    return this.#core.transport.bytesInFlight ?? 0;
  }

  /** Bytes received that have not been read. */
  get bufferedBytes(): number {
    return this.#core.reading.bufferedBytes;
  }

  get localAddress(): SocketAddress {
    return this.#core.transport.localAddress;
  }

  get remoteAddress(): SocketAddress {
    return this.#core.transport.remoteAddress;
  }

  /**
   * The proxy that announced the client; `undefined` without a proxy. With a proxy, {@link remoteAddress} and
   * {@link localAddress} are the addresses that it announced.
   */
  get proxied(): ProxiedConnection | undefined {
    return this.#core.transport.proxied;
  }

  /** What the TLS handshake negotiated; `undefined` without TLS. */
  get tls(): TlsInfo | undefined {
    return this.#core.transport.tls;
  }

  /**
   * Whether a write would be accepted and at most 64 KiB are queued. If more are queued, wait with {@link waitDrained}
   * before writing.
   */
  get isWritable(): boolean {
    return !this.isClosed && !this.#core.writing.isEnded && this.queuedBytes <= HIGH_WATER_BYTES;
  }

  /** Whether {@link endWrite} was called. True from the start for a stream that can only be read. */
  get isWriteEnded(): boolean {
    return this.#core.writing.isEnded;
  }

  /** Whether a read is pending. */
  get isReading(): boolean {
    return this.#core.reading.isAwaited;
  }

  // ---- reading ----

  /**
   * Reads up to and including `delimiter`. Bytes after it stay buffered for the next read.
   *
   * @param delimiter - at least one byte; a string is encoded as latin1.
   * @returns the bytes, with `delimiter` at the end. They are owned by the caller: the stream never writes to them
   *   again.
   * @throws StreamUsageError `ERR_STREAM_BUSY` if another read is pending, `ERR_STREAM_USAGE` if an argument is
   *   invalid.
   * @throws StreamClosedError `ERR_STREAM_CLOSED` if the stream ends first, or if `maxBytes` arrive without a
   *   `delimiter`. In the second case the `cause` is `ERR_STREAM_UNSATISFIABLE` and the stream is closed, since it is
   *   unknown where the next message starts. If TLS ends without close_notify, the `cause` is
   *   `ERR_STREAM_TLS_TRUNCATED`.
   */
  readUntil(delimiter: Uint8Array | string, options?: BoundedReadOptions): Promise<Buffer> {
    const bytes = typeof delimiter === 'string' ? Buffer.from(delimiter, 'latin1') : delimiter;
    return this.#read(options, (maxBytes) => {
      if (options !== undefined) requireBoundedReadOptions('readUntil', options);
      return new ReadUntil(bytes, maxBytes);
    });
  }

  /**
   * Reads up to and including the first match of `pattern`, decoding the bytes as latin1. With the option
   * `maxMatchBytes`, a match is found as soon as it has arrived; without that option, it may be found a little later
   * (milliseconds if little is buffered, up to 1.5 s for 100 MiB). The flags `g` and `y` are ignored, and `$` matches
   * at the end of what has arrived. The read resolves at the first match. If the pattern can match an incomplete
   * message, the read returns only that part, so end the pattern with the message's terminator.
   *
   * Searches are repeated rarely enough that their total time is linear in the bytes received. A single search can
   * still be slow if the pattern backtracks: do not use a pattern with unlimited backtracking on untrusted bytes.
   *
   * @throws as {@link readUntil}.
   */
  readUntilRegex(pattern: RegExp, options: ReadUntilRegexOptions = {}): Promise<Buffer> {
    return this.#read(options, (maxBytes) => {
      requireRegexOptions('readUntilRegex', options);
      const { maxMatchBytes = Number.POSITIVE_INFINITY } = options;
      const askAgain = () => this.#core.reading.answerRead();
      return new ReadUntilRegex({ pattern, maxMatchBytes, maxBytes, clock: this.#core.clock, askAgain });
    });
  }

  /**
   * Reads exactly `count` bytes or, with the option `partial`, from 1 to `count` bytes. A `count` of 0 resolves
   * immediately.
   *
   * @returns the bytes, owned by the caller.
   * @throws as {@link readUntil}.
   */
  readBytes(count: number, options?: ReadBytesOptions): Promise<Buffer> {
    return this.#read(options, (maxBytes) => {
      if (options !== undefined) requireReadBytesOptions('readBytes', options);
      return new ReadCount(
        streamChecks.wholeNumber('readBytes', 'count', count, 0, maxBytes),
        options?.partial ?? false,
      );
    });
  }

  /**
   * Fills `target`. With the option `partial`, the read resolves as soon as `target` contains at least one byte. With
   * an empty `target`, it resolves immediately. Until the promise settles, the stream owns `target` and copies arriving
   * bytes directly into it.
   *
   * @returns the number of bytes read. If the read fails, the bytes already in `target` can still be read from the
   *   stream.
   * @throws as {@link readUntil}.
   */
  readInto(target: Uint8Array, options?: ReadBytesOptions): Promise<number> {
    return this.#read(options, (maxBytes) => {
      if (options !== undefined) requireReadBytesOptions('readInto', options);
      return new ReadInto(target, options?.partial ?? false, maxBytes);
    });
  }

  /**
   * Reads everything until the peer ends its side or the stream closes. If the stream closes first, {@link error} says
   * why: the bytes may not be complete.
   *
   * @throws StreamTruncatedError `ERR_STREAM_TLS_TRUNCATED` if TLS ends, or breaks off, without close_notify. The bytes that arrived can
   *   still be read, for example with {@link readBytes}, and the stream can still be written.
   * @throws as {@link readUntil}.
   */
  readUntilClose(options?: BoundedReadOptions): Promise<Buffer> {
    return this.#read(options, (maxBytes) => {
      if (options !== undefined) requireBoundedReadOptions('readUntilClose', options);
      return new ReadToEnd(this, maxBytes);
    });
  }

  /**
   * Iterates over the lines as text, without line ends; see {@link LineIterator}.
   *
   * @throws StreamUsageError `ERR_STREAM_USAGE` immediately, before the iteration, if an option is invalid.
   */
  lines(options?: LinesOptions): AsyncIterableIterator<string, undefined, undefined> {
    return new LineIterator(this, this.#core.reading, options);
  }

  /**
   * Iterates over the bytes as they arrive; see {@link ChunkIterator}.
   *
   * @throws StreamUsageError `ERR_STREAM_USAGE` immediately, before the iteration, if an option is invalid.
   */
  chunks(options?: ChunksOptions): AsyncIterableIterator<Buffer, undefined, undefined> {
    return new ChunkIterator(this, this.#core.reading, options);
  }

  /**
   * Iterates over records of `byteLength` bytes each; see {@link RecordIterator}.
   *
   * @throws StreamUsageError `ERR_STREAM_USAGE` immediately, before the iteration, if an argument is invalid.
   */
  records(byteLength: number, options?: ReadOptions): AsyncIterableIterator<Buffer, undefined, undefined> {
    return new RecordIterator(this, this.#core.reading, byteLength, options);
  }

  /** Same as {@link chunks}. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer, undefined, undefined> {
    return new ChunkIterator(this, this.#core.reading);
  }

  /** Writes everything received to `target`, as fast as `target` can send it; see {@link pipe}. */
  pipeTo(target: IOStream, options?: PipeOptions): Promise<number> {
    return pipe(this, target, options);
  }

  /** Puts bytes back in front of everything buffered. The stream owns them from now on. */
  unread(bytes: Uint8Array): void {
    this.#core.reading.unread(bytes);
  }

  /**
   * Sets a consumer, which then receives all further bytes. While it is set, reads are refused; pass `undefined` to use
   * reads again. After {@link resume} the consumer receives the buffered bytes first.
   */
  setConsumer(consumer: StreamConsumer | undefined): void {
    this.#core.reading.setConsumer(consumer);
    // A consumer that is set after the stream was closed is still notified of the close, on the next tick.
    if (this.#core.isOver && consumer !== undefined) process.nextTick(() => consumer.closed(this.error));
  }

  /** Starts or resumes passing bytes to the consumer. */
  resume(): void {
    this.#core.reading.resume();
  }

  /**
   * Stops passing bytes to the consumer. While the stream is paused, it notices neither a FIN nor a reset by the peer.
   */
  pause(): void {
    this.#core.reading.pause();
  }

  // ---- writing ----

  /**
   * Writes bytes, or text as UTF-8. The promise need not be awaited: writes keep their order, and the queue is limited.
   *
   * In one loop iteration, at most about 1 MiB is sent for one stream and 4 MiB for all streams together. The rest is
   * sent in later iterations, after other descriptors and timers have been served, and streams with queued bytes take
   * turns. So a program that writes and awaits in an endless loop does not block other work, however fast its peer
   * reads.
   *
   * @param data - bytes or text. The stream owns the bytes until the promise settles; they must not be modified before.
   * @returns a promise that resolves when `data`, and all writes sent together with it, have reached the kernel; these
   *   writes share one promise. It is safe to ignore. It rejects with StreamClosedError `ERR_STREAM_CLOSED` if the
   *   stream is closed or closes first, or if {@link endWrite} was called.
   * @throws StreamLimitError `ERR_STREAM_WRITE_BUFFER_FULL` synchronously, without queuing anything, if more than 64
   *   KiB are queued and the queue together with `data` would exceed `maxWriteBufferBytes`. If at most 64 KiB are
   *   queued, a write of any size is accepted. With `writeOverflow: 'close'`, the stream is closed as well.
   */
  write(data: Uint8Array | string): Promise<void> {
    return this.#core.writing.write(data);
  }

  /**
   * Writes without creating a promise, for the layers above. A string is encoded as latin1: one byte per code unit. The
   * call is ignored after {@link endWrite} and on a closed stream; the consumer is notified of the close.
   *
   * @throws StreamLimitError as {@link write}.
   */
  send(piece: string | Uint8Array): void {
    this.#core.writing.send(piece);
  }

  /**
   * Sends bytes `start` to `end` of a file, after everything written before and before everything written later.
   *
   * On the native backend, except over TLS, the bytes go straight from the page cache (sendfile(2)), at most 512 KiB
   * in one loop iteration. Otherwise, and for parts that are not in memory, the file is read in libuv's threads, 128
   * KiB at a time, and written. The loop never waits for the disk. {@link queuedBytes} and everything based on it
   * include the bytes of the file. The bytes of the file do not count towards `maxWriteBufferBytes`; data written
   * after the file does.
   *
   * @param file - an open `FileHandle` or descriptor, owned by the caller. The stream no longer uses it after the
   *   promise has settled, and neither uses nor changes its current position. The bytes are read from the file when
   *   they are about to be sent, not during this call.
   * @param options.signal - an abort before the first byte removes the file from the queue, and the stream continues. A
   *   later abort resets the stream, because the peer expects the rest of the file.
   * @returns the number of bytes sent; resolves when all of them have reached the kernel. The promise is safe to
   *   ignore, except that a StreamUsageError is then reported as an unhandled rejection.
   * @throws StreamFileError `ERR_STREAM_FILE_CHANGED` if the file ends before `end`. The stream is reset with
   *   that error.
   * @throws StreamFileError `ERR_STREAM_FILE_UNREADABLE` if the file cannot be read. The stream is reset with that
   *   error. If the size of the file cannot be read, nothing is queued and the stream stays open.
   * @throws StreamClosedError `ERR_STREAM_CLOSED` if the stream closes first or our side has ended.
   * @throws the reason of `signal` if it aborts.
   * @throws StreamLimitError as {@link write} (for the limit, a waiting file adds 1 KiB to the queue), and
   *   StreamUsageError `ERR_STREAM_USAGE` if an argument is invalid. Both reject the promise, and nothing is queued.
   */
  sendFile(file: FileHandle | number, options: SendFileOptions = {}): Promise<number> {
    return this.#core.writing.sendFile(file, options, () => this.#core.reading.drained());
  }

  /**
   * Passes everything queued to the kernel now, instead of at the end of the reactor's batch or in `process.nextTick`.
   * Bytes beyond the write budget of this iteration (see {@link write}) are sent in a later one.
   */
  flush(): void {
    if (this.isClosed) return;
    this.#core.transport.flush();
    this.#core.writing.writable();
  }

  /**
   * Waits until the queue has room for more. If more than 64 KiB are queued, resolves when at most 32 KiB are left;
   * otherwise immediately. If bytes are queued, and this method has resolved immediately 1,024 times without any being
   * sent, it waits until some are sent, so that a loop of tiny writes does not block the event loop.
   *
   * @throws StreamClosedError if the stream closes first; the reason of `signal` if it aborts.
   */
  waitDrained(options?: DrainOptions): Promise<void> {
    if (options === undefined) return this.#core.writing.waitDrained({});
    try {
      requireDrainOptions('waitDrained', options);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#core.writing.waitDrained(options);
  }

  /**
   * Closes in a way that lets the peer read our last response (RFC 9112 §9.6). Sends everything queued and then FIN.
   * Received bytes are discarded from now on, until the peer ends its side too or `lingerMs` have passed: closing with
   * unread bytes would reset the connection, and the peer could lose the response. The consumer receives nothing more,
   * but is still notified of the close. Sending the queued bytes has no timeout: set one if the peer might not read.
   *
   * @param lingerMs - counted from the moment at which everything queued has been sent. Default: 2 s.
   */
  closeGracefully(lingerMs = 2_000): void {
    if (this.isClosed) return;
    this.endWrite();
    const lingering = this.#core.reading.replaceConsumer(
      (outer) => new LingeringClose(this, outer, this.#core.clock, lingerMs),
    );
    lingering.goOn();
  }

  // ---- closing ----

  /** Shuts down our writing side (FIN) after everything queued has been sent. Reading continues. */
  endWrite(): void {
    if (!this.isClosed) this.#core.writing.endWrite();
  }

  /**
   * Closes both directions at once and discards everything queued. A pending read that the buffered bytes can satisfy
   * still resolves with them; everything else that is pending rejects with StreamClosedError, with `error` as its
   * cause. Idempotent.
   */
  close(error?: Error): void {
    this.#core.close(error);
  }

  /** Like {@link close}, but the peer sees a reset instead of an orderly end. */
  reset(error?: Error): void {
    this.#core.reset(error);
  }

  /** Resolves when the stream is closed, by either side; see {@link closeReason}. @throws the reason of `signal`. */
  waitClosed(options: ReadOptions = {}): Promise<void> {
    try {
      requireReadOptions('waitClosed', options);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#core.isOver) return Promise.resolve();
    return this.#core.closeListeners.wait(options.signal);
  }

  /**
   * Calls `callback` in a later loop iteration, once the stream is closed and all reads have settled. If the stream is
   * already closed, `callback` is still called.
   */
  setCloseCallback(callback: () => void): void {
    const { closeListeners, isOver, reading } = this.#core;
    closeListeners.add(callback);
    if (isOver) closeListeners.tell();
    else reading.watchForEnd();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.waitClosed();
  }

  // ---- other ----

  /** Makes this stream keep the process alive while it is open, which is the default; {@link unref} undoes it. */
  ref(): void {
    this.#core.transport.ref();
  }

  unref(): void {
    this.#core.transport.unref();
  }

  /** Sets TCP_NODELAY, which is on by default; does nothing without TCP. */
  setNoDelay(on: boolean): void {
    this.#core.transport.setNoDelay(on);
  }

  /**
   * Releases the transport of an idle stream, for example to run TLS over that transport.
   *
   * @throws StreamUsageError `ERR_STREAM_USAGE` if bytes are buffered or queued, or a read is pending.
   */
  detachTransport(): Transport {
    return this.#core.detachTransport();
  }

  /** The options of this stream, with defaults filled in. */
  get options(): Required<IOStreamOptions> {
    return this.#core.options;
  }

  // ---- private ----

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

  /** @param makeGoal - receives the limit of the read in bytes; throws if an argument or option is invalid. */
  #read<Result>(
    options: BoundedReadOptions | undefined,
    makeGoal: (maxBytes: number) => ReadGoal<Result>,
  ): Promise<Result> {
    try {
      const maxBytes = options?.maxBytes ?? Number.POSITIVE_INFINITY;
      return this.#core.reading.read(
        makeGoal(Math.min(maxBytes, this.#core.reading.maxBytes)),
        options?.signal,
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

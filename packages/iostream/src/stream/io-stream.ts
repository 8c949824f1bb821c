// This room knows reads, writes, buffer limits and how a stream closes, over any `Transport`. It does not know how a
// connection is made, or TLS.

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

/** For the rooms above: what a stream is made of. Its users see methods alone. */
export let coreOf: (stream: IOStream) => StreamCore;

/**
 * A stream of bytes in both directions, over any {@link Transport}: reads that say what they want, writes that
 * are bounded, and an end that loses nothing which has come.
 *
 * Reading stops when the peer shuts down its side (FIN), and writing still works then. One read at a time; writes
 * are queued in order and leave together at the end of the turn.
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

  // ---- streams over other things than connections ----

  /**
   * A stream over an open descriptor: one end of a pipe, a FIFO, a connected stream socket, a terminal. The stream
   * owns it from here on and closes it; nobody else may read, write or close it. It is made non-blocking, which all
   * see who share its description: a terminal or pipe that other processes hold too, as standard input may be.
   *
   * A one-way stream is ended from the start in the other direction: {@link isWriteEnded}, {@link isEnded}. To end
   * writing into a pipe closes it. That its reader has gone shows in the next write, as `EPIPE`; on the native backend
   * also at once to who waits with {@link setCloseCallback}.
   *
   * @param options.direction - `'read'`, `'write'` or `'both'`; default both, but has to be named for a pipe or FIFO.
   * @throws StreamUsageError `ERR_STREAM_USAGE` for a file, a directory or a device that is always ready, and for
   *   options that cannot be; SystemError `EBADF` for what is not open. The descriptor is still yours then.
   */
  static fromFd(fd: number, options: IOStreamOptions & OpenFdOptions = {}): IOStream {
    streamChecks.options('fromFd', options, FROM_FD_OPTIONS);
    const { direction, ...ofStream } = options;
    resolveStreamOptions(ofStream);
    return new IOStream(openFd(fd, { direction }), ofStream);
  }

  /**
   * A stream over any Node Duplex, which it owns from here on: closing the stream destroys it. It should have been
   * made with `allowHalfOpen`, or Node ends our side when the peer ends its own.
   */
  static fromDuplex(duplex: Duplex, options?: IOStreamOptions): IOStream {
    return new IOStream(nodeDuplexTransport(duplex), options);
  }

  /** Two streams joined in memory, with 64 KiB in flight each way; see {@link memoryPair}. */
  static pair(options?: IOStreamOptions): [IOStream, IOStream] {
    const [a, b] = memoryPair();
    return [new IOStream(a, options), new IOStream(b, options)];
  }

  // ---- what it is ----

  /** Whether the stream was closed, by whomever. Bytes that came before can still be read. */
  get isClosed(): boolean {
    return this.#core.isClosed;
  }

  /** Whether the peer has shut down its writing side. */
  get isEnded(): boolean {
    return this.#core.isEnded;
  }

  /** Why the stream closed, where it was no orderly end. */
  get error(): Error | undefined {
    return this.#core.error;
  }

  /** Who closed the stream and how; `undefined` while it is open. */
  get closeReason(): CloseReason | undefined {
    return this.#core.closeReason;
  }

  /** Bytes that have come since the start, read or not. */
  get bytesReceived(): number {
    return this.#core.reading.bytesReceived;
  }

  /** Bytes written, and of files to be sent, that have not reached the kernel. */
  get queuedBytes(): number {
    return this.#core.writing.queuedBytes;
  }

  /** Bytes that have reached the kernel since the start. */
  get bytesSent(): number {
    return this.#core.writing.bytesSent;
  }

  /** Bytes that have come and wait to be read. */
  get bufferedBytes(): number {
    return this.#core.reading.bufferedBytes;
  }

  get localAddress(): SocketAddress {
    return this.#core.transport.localAddress;
  }

  get remoteAddress(): SocketAddress {
    return this.#core.transport.remoteAddress;
  }

  /** The proxy that has told who the client is, whose addresses {@link remoteAddress} and {@link localAddress} are then. */
  get proxied(): ProxiedConnection | undefined {
    return this.#core.transport.proxied;
  }

  /** What TLS agreed on; `undefined` without TLS. */
  get tls(): TlsInfo | undefined {
    return this.#core.transport.tls;
  }

  /** Whether a write is taken, and little enough is queued (at most 64 KiB) that it makes sense: see {@link waitDrained}. */
  get isWritable(): boolean {
    return !this.isClosed && !this.#core.writing.isEnded && this.queuedBytes <= HIGH_WATER_BYTES;
  }

  /** Whether {@link endWrite} was called. */
  get isWriteEnded(): boolean {
    return this.#core.writing.isEnded;
  }

  /** Whether a read waits. */
  get isReading(): boolean {
    return this.#core.reading.isAwaited;
  }

  // ---- reading ----

  /**
   * Reads up to and including `delimiter`. Bytes after it stay buffered for the next read.
   *
   * @param delimiter - one or more bytes; a string is taken as latin1.
   * @returns the bytes, `delimiter` last. They are yours: the stream never writes to them again.
   * @throws StreamUsageError `ERR_STREAM_BUSY` when another read is waiting, `ERR_STREAM_USAGE` for arguments that
   *   cannot be.
   * @throws StreamClosedError `ERR_STREAM_CLOSED` when the stream ends first, or when `maxBytes` pass first: then
   *   the `cause` is `ERR_STREAM_UNSATISFIABLE`, and the stream is closed, since nobody knows any longer where a
   *   message starts.
   */
  readUntil(delimiter: Uint8Array | string, options?: BoundedReadOptions): Promise<Buffer> {
    const bytes = typeof delimiter === 'string' ? Buffer.from(delimiter, 'latin1') : delimiter;
    return this.#read(options, (maxBytes) => {
      if (options !== undefined) requireBoundedReadOptions('readUntil', options);
      return new ReadUntil(bytes, maxBytes);
    });
  }

  /**
   * Reads up to and including the first match of `pattern` in the bytes as latin1; where `maxMatchBytes` bounds the
   * match, at once, else a few milliseconds late at the worst. A pattern that matches the half of what is sent gets
   * that: end it with what ends the message. `$` is the end of what has come. The flags `g` and `y` play no part.
   *
   * Searching is linear in the bytes that come. What one search costs is the pattern's affair: one that backtracks
   * without end is not for bytes of strangers.
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
   * Reads exactly `count` bytes, or with `partial` from 1 to `count`. 0 answers at once.
   *
   * @returns the bytes, which are yours.
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
   * Fills `target`, or with `partial` some of it; an empty one answers at once. It belongs to the stream until then:
   * bytes that come meanwhile are copied nowhere else.
   *
   * @returns the number of bytes. When the read fails, what `target` holds is still to be read.
   * @throws as {@link readUntil}.
   */
  readInto(target: Uint8Array, options?: ReadBytesOptions): Promise<number> {
    return this.#read(options, (maxBytes) => {
      if (options !== undefined) requireReadBytesOptions('readInto', options);
      return new ReadInto(target, options?.partial ?? false, maxBytes);
    });
  }

  /** Reads all that comes until the peer ends or the stream closes. @throws as {@link readUntil}. */
  readUntilClose(options?: BoundedReadOptions): Promise<Buffer> {
    return this.#read(options, (maxBytes) => {
      if (options !== undefined) requireBoundedReadOptions('readUntilClose', options);
      return new ReadToEnd(maxBytes);
    });
  }

  /** Each line as text, without its line end. @throws StreamUsageError `ERR_STREAM_USAGE` at once; see {@link LineIterator}. */
  lines(options?: LinesOptions): AsyncIterableIterator<string, undefined, undefined> {
    return new LineIterator(this, this.#core.reading, options);
  }

  /** The bytes as they come. @throws StreamUsageError `ERR_STREAM_USAGE` at once; see {@link ChunkIterator}. */
  chunks(options?: ChunksOptions): AsyncIterableIterator<Buffer, undefined, undefined> {
    return new ChunkIterator(this, this.#core.reading, options);
  }

  /** Records of `byteLength` bytes each. @throws StreamUsageError `ERR_STREAM_USAGE` at once; see {@link RecordIterator}. */
  records(byteLength: number, options?: ReadOptions): AsyncIterableIterator<Buffer, undefined, undefined> {
    return new RecordIterator(this, this.#core.reading, byteLength, options);
  }

  /** As {@link chunks}. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer, undefined, undefined> {
    return new ChunkIterator(this, this.#core.reading);
  }

  /** Writes all that comes to `target`, no faster than it takes it; see {@link pipe}. */
  pipeTo(target: IOStream, options?: PipeOptions): Promise<number> {
    return pipe(this, target, options);
  }

  /** Puts bytes back, before all that is buffered. They belong to the stream from here on. */
  unread(bytes: Uint8Array): void {
    this.#core.reading.unread(bytes);
  }

  /**
   * Hands all further bytes to `consumer`, those that are buffered first, once {@link resume} is called; or with
   * `undefined` returns to reads.
   */
  setConsumer(consumer: StreamConsumer | undefined): void {
    this.#core.reading.setConsumer(consumer);
    // Who comes too late for the end still hears of it, on a later turn as always.
    if (this.#core.isOver && consumer !== undefined) process.nextTick(() => consumer.closed(this.error));
  }

  /** Starts or goes on handing bytes to the consumer. */
  resume(): void {
    this.#core.reading.resume();
  }

  /** Stops handing bytes to the consumer. While paused neither the end nor a reset of the peer is noticed. */
  pause(): void {
    this.#core.reading.pause();
  }

  // ---- writing ----

  /**
   * Writes bytes, or text as UTF-8. Nothing need be awaited: the order is kept, and what cannot leave is bounded.
   *
   * One turn of the loop sends at most about 1 MiB of a stream and 4 MiB in all. The rest leaves in later turns, after
   * other descriptors and timers had theirs, and streams that wait take turns. Thus a program that writes and awaits
   * without end holds nobody up, however fast its peer reads.
   *
   * @param data - bytes belong to the stream until the promise settles.
   * @returns a promise, shared by the writes of one turn, that settles when all of them have reached the kernel.
   *   Ignoring it is safe. It rejects with StreamClosedError `ERR_STREAM_CLOSED` when the stream closes first.
   * @throws StreamLimitError `ERR_STREAM_WRITE_BUFFER_FULL` at once, with nothing queued, when more than 64 KiB are
   *   queued already and `maxWriteBufferBytes` would be passed.
   */
  write(data: Uint8Array | string): Promise<void> {
    return this.#core.writing.write(data);
  }

  /**
   * Writes without a promise: the way of the layers above. A string is latin1, one byte per code unit. Ignored after
   * {@link endWrite}, and on a closed stream, whose end the consumer hears of.
   *
   * @throws StreamLimitError as {@link write}.
   */
  send(piece: string | Uint8Array): void {
    this.#core.writing.send(piece);
  }

  /**
   * Sends bytes `start` to `end` of a file: after all that was written before, and before all that is written later.
   *
   * On the native backend, for all but TLS, straight from the page cache (sendfile(2)), at most 512 KiB in one turn;
   * what is not in memory, or elsewhere, is read in libuv's threads, 128 KiB at a time, and written. The loop waits for
   * no disk. {@link queuedBytes} and all that go by it count the bytes of the file as well; `maxWriteBufferBytes` does
   * not, but bounds what is written behind it.
   *
   * @param file - an open `FileHandle` or descriptor, which stays yours, and is no longer used when the promise has
   *   settled. Its own position is neither used nor moved. The bytes that are sent are those that the file has when
   *   their turn comes.
   * @param options.signal - before the first byte takes the file out of the queue, and the stream goes on; later the
   *   peer cannot get what it was promised, and the stream is reset.
   * @returns the number of bytes, when all of them have reached the kernel. Ignoring the promise is safe.
   * @throws StreamFileError `ERR_STREAM_FILE_CHANGED` when the file ends before `end`, `ERR_STREAM_FILE_UNREADABLE`
   *   when it cannot be read (or its size, then with nothing queued): the stream is reset with the same error.
   *   StreamClosedError `ERR_STREAM_CLOSED` when the stream closes first or our side was ended, the reason of `signal`.
   * @throws StreamLimitError as {@link write} (a waiting file counts for 1 KiB) and StreamUsageError `ERR_STREAM_USAGE`
   *   for arguments that cannot be, both as a rejection, with nothing queued.
   */
  sendFile(file: FileHandle | number, options: SendFileOptions = {}): Promise<number> {
    return this.#core.writing.sendFile(file, options, () => this.#core.reading.drained());
  }

  /**
   * Hands what is queued to the kernel now, instead of at the end of the turn. What the write budget of this turn does
   * not allow (see {@link write}) leaves in a later one.
   */
  flush(): void {
    if (this.isClosed) return;
    this.#core.transport.flush();
    this.#core.writing.writable();
  }

  /**
   * Waits until few enough bytes are queued (32 KiB) that writing more makes sense; at once below 64 KiB, except that
   * after 1,024 tiny writes it waits until some have been sent.
   *
   * @throws StreamClosedError when the stream closes first; the reason of `signal` when it aborts.
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
   * Closes so that the peer can still read our last words (RFC 9112 §9.6): sends what is queued and FIN, then
   * throws away what comes, until the peer ends too or `lingerMs` have passed. A close with unread bytes would
   * reset the connection and could take the answer with it. Takes the place of the consumer. How long what is
   * queued may take to leave is the caller's business.
   */
  closeGracefully(lingerMs = 2_000): void {
    if (this.isClosed) return;
    this.endWrite();
    const lingering = this.#core.reading.replaceConsumer(
      (outer) => new LingeringClose(this, outer, this.#core.clock, lingerMs),
    );
    lingering.goOn();
  }

  // ---- the end ----

  /** Shuts down our writing side (FIN) after all that is queued. Reading goes on. */
  endWrite(): void {
    if (!this.isClosed) this.#core.writing.endWrite();
  }

  /**
   * Closes both directions at once; what is queued is lost. A read that the buffered bytes satisfy still gets
   * them; all else that waits fails with StreamClosedError, `error` as its cause. Idempotent.
   */
  close(error?: Error): void {
    this.#core.close(error);
  }

  /** As {@link close}, but the peer sees a reset instead of an orderly end. */
  reset(error?: Error): void {
    this.#core.reset(error);
  }

  /** Resolves when the stream is closed, by whomever; see {@link closeReason}. @throws the reason of `signal`. */
  waitClosed(options: ReadOptions = {}): Promise<void> {
    try {
      requireReadOptions('waitClosed', options);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#core.isOver) return Promise.resolve();
    return this.#core.closeListeners.wait(options.signal);
  }

  /** Calls `callback` one turn after the close, when all reads were answered; also for a stream that is closed. */
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

  // ---- the rest ----

  /** Whether this open stream keeps the process alive. It does, until told otherwise. */
  ref(): void {
    this.#core.transport.ref();
  }

  unref(): void {
    this.#core.transport.unref();
  }

  /** TCP_NODELAY, which is on by default; without TCP nothing happens. */
  setNoDelay(on: boolean): void {
    this.#core.transport.setNoDelay(on);
  }

  /**
   * Gives up the transport, for TLS on top of it: an idle stream only.
   *
   * @throws StreamUsageError `ERR_STREAM_USAGE` when bytes are buffered, queued or waited for.
   */
  detachTransport(): Transport {
    return this.#core.detachTransport();
  }

  /** The options that this stream was made with, defaults included. */
  get options(): Required<IOStreamOptions> {
    return this.#core.options;
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

  /** @param makeGoal - is given the most bytes to wait through; throws for invalid arguments and options. */
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

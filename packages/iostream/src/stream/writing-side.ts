import type { FileHandle } from 'node:fs/promises';
import { onAbort } from '@landspout/ioloop/reactor';
import {
  closedError,
  type EndedStream,
  StreamLimitError,
  StreamUsageError,
  streamChecks,
} from '../errors.ts';
import type { Transport } from '../transport.ts';
import { OutgoingFile, SEND_FILE_OPTIONS, type SendFileOptions } from './outgoing-file.ts';
import { OutgoingFiles } from './outgoing-files.ts';
import { type DrainOptions, HIGH_WATER_BYTES, LOW_WATER_BYTES } from './stream-options.ts';
import { WriteWaiters } from './write-waiters.ts';

/**
 * After this many calls of `waitDrained` that resolved immediately, the next call waits until bytes are sent. Without
 * this limit, a loop that awaits tiny writes would block the event loop.
 */
const MOST_DRAINED_AT_ONCE = 1024;

/**
 * How many bytes a waiting file adds to the size of the write buffer. The bytes of the file itself are not in memory.
 */
const WAITING_FILE_COST_BYTES = 1024;

/** The stream that a {@link WritingSide} belongs to. */
interface WrittenStream extends EndedStream {
  close(error: Error): void;
  reset(error: Error): void;
}

/** The sending half of a stream: counts the queued bytes, enforces the limit and settles pending writes. */
export class WritingSide {
  queuedBytes = 0;
  bytesSent = 0;
  /** Whether our writing side has ended, so that nothing more is accepted. */
  isEnded: boolean;

  readonly #stream: WrittenStream;
  readonly #transport: Transport;
  readonly #maxBytes: number;
  readonly #closesOnOverflow: boolean;
  /** How often {@link waitDrained} has resolved immediately since bytes were last sent. */
  #drainedAtOnce = 0;
  /** Exists only while a write or `waitDrained` is pending. */
  #waiters: WriteWaiters | undefined;
  /** Exists only while files wait to be sent. */
  #files: OutgoingFiles | undefined;

  constructor(stream: WrittenStream, transport: Transport, maxBytes: number, closesOnOverflow: boolean) {
    this.#stream = stream;
    this.#transport = transport;
    this.#maxBytes = maxBytes;
    this.#closesOnOverflow = closesOnOverflow;
    this.isEnded = transport.direction === 'read';
  }

  get options(): { readonly maxWriteBufferBytes: number; readonly writeOverflow: 'error' | 'close' } {
    return {
      maxWriteBufferBytes: this.#maxBytes,
      writeOverflow: this.#closesOnOverflow ? 'close' : 'error',
    };
  }

  write(data: Uint8Array | string): Promise<void> {
    if (this.#stream.isClosed || this.isEnded) {
      return ignorable(Promise.reject(closedError(this.#stream, 'write')));
    }
    this.send(typeof data === 'string' ? Buffer.from(data, 'utf8') : data);
    if (this.queuedBytes === 0) return Promise.resolve();
    this.#waiters ??= new WriteWaiters();
    return this.#waiters.settleAfter(this.queuedBytes);
  }

  send(piece: string | Uint8Array): void {
    const length = piece.length;
    if (this.#stream.isClosed || this.isEnded || length === 0) return;
    // While little is queued, a piece of any size is accepted: its memory is already allocated, and a large response
    // directly follows its headers. The limit stops writes from accumulating.
    this.#requireRoom('write', length);
    this.queuedBytes += length;
    if (this.#files === undefined) this.#transport.write(piece);
    else this.#files.write(piece);
  }

  /** @param onDrained - called when nothing is queued any more, as after {@link sent}. */
  sendFile(file: number | FileHandle, options: SendFileOptions, onDrained: () => void): Promise<number> {
    if (this.#stream.isClosed || this.isEnded) {
      return ignorable(Promise.reject(closedError(this.#stream, 'sendFile')));
    }
    let outgoing: OutgoingFile;
    try {
      streamChecks.options('sendFile', options, SEND_FILE_OPTIONS);
      options.signal?.throwIfAborted();
      outgoing = new OutgoingFile(file, options);
      this.#requireRoom('sendFile', WAITING_FILE_COST_BYTES);
    } catch (error) {
      const promise = Promise.reject(error);
      return error instanceof StreamUsageError ? promise : ignorable(promise);
    }
    if (outgoing.left === 0) return Promise.resolve(0);
    this.#files ??= new OutgoingFiles(this.#transport, this.queuedBytes, {
      moved: (byteLength, isSent) => {
        this.#left(byteLength, isSent);
        if (this.queuedBytes === 0) onDrained();
      },
      failed: (error) => this.#stream.reset(asError(error)),
    });
    this.queuedBytes += outgoing.left;
    this.#files.add(outgoing);
    this.#heed(options.signal, outgoing);
    return outgoing.promise;
  }

  waitDrained({ toBytes, signal }: DrainOptions): Promise<void> {
    if (this.#stream.isClosed) return Promise.reject(closedError(this.#stream, 'waitDrained'));
    if (toBytes !== undefined && !(toBytes >= 0)) {
      return Promise.reject(streamChecks.wrong('waitDrained', 'toBytes of 0 or more', toBytes));
    }
    const { queuedBytes } = this;
    if (queuedBytes <= (toBytes ?? HIGH_WATER_BYTES)) {
      this.#drainedAtOnce += 1;
      if (queuedBytes === 0 || this.#drainedAtOnce <= MOST_DRAINED_AT_ONCE) return Promise.resolve();
    }
    this.#waiters ??= new WriteWaiters();
    return this.#waiters.waitFor(Math.max(queuedBytes - (toBytes ?? LOW_WATER_BYTES), 1), signal);
  }

  endWrite(): void {
    this.isEnded = true;
    if (this.#files === undefined) this.#transport.endWrite();
    else this.#files.endWrite();
  }

  sent(byteLength: number): void {
    this.#left(byteLength, true);
    this.#files?.sent(byteLength);
    if (this.#files?.count === 0) this.#files = undefined;
  }

  /** The transport can send more of a file. */
  writable(): void {
    this.#files?.goOn();
  }

  /** The stream is closing: rejects everything that is pending. */
  settle(): void {
    this.#waiters?.fail(closedError(this.#stream, 'write'));
    this.#files?.fail(closedError(this.#stream, 'sendFile'));
  }

  #left(byteLength: number, isSent: boolean): void {
    this.queuedBytes -= byteLength;
    this.#drainedAtOnce = 0;
    if (isSent) this.bytesSent += byteLength;
    if (this.#waiters === undefined) return;
    this.#waiters.sent(byteLength);
    if (!this.#waiters.isAwaited) this.#waiters = undefined;
  }

  #heed(signal: AbortSignal | undefined, file: OutgoingFile): void {
    if (signal === undefined) return;
    const stopListening = onAbort(signal, (reason) => {
      file.fail(reason);
      if (file.isStarted) this.#stream.reset(asError(reason));
      else file.isDropped = true;
    });
    file.promise.then(stopListening, stopListening);
  }

  /** Throws if `length` more bytes in memory would exceed the limit. */
  #requireRoom(operation: string, length: number): void {
    const { fileBytes, count } = this.#files ?? NO_FILES;
    const queued = this.queuedBytes - fileBytes + count * WAITING_FILE_COST_BYTES;
    if (queued > HIGH_WATER_BYTES && queued + length > this.#maxBytes)
      this.#overflow(operation, queued, length);
  }

  #overflow(operation: string, queued: number, length: number): never {
    const error = new StreamLimitError(
      'ERR_STREAM_WRITE_BUFFER_FULL',
      `${operation}: ${queued} bytes are queued; ${length} more would exceed maxWriteBufferBytes (${this.#maxBytes})`,
    );
    if (this.#closesOnOverflow) this.#stream.close(error);
    throw error;
  }
}

const NO_FILES = { fileBytes: 0, count: 0 };

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** Returns `promise`, and prevents its rejection from being reported as unhandled. */
function ignorable<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}

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

/** So many tiny writes may be awaited before any is sent, and no more: nothing else runs meanwhile. */
const MOST_DRAINED_AT_ONCE = 1024;

/** What a file that waits counts for under the limit, since it is not its bytes that wait in memory. */
const WAITING_FILE_COST_BYTES = 1024;

/** The stream that a {@link WritingSide} belongs to. */
interface WrittenStream extends EndedStream {
  close(error: Error): void;
  reset(error: Error): void;
}

/** The half of a stream that gives bytes away: counts what is queued, holds the limit, and knows who waits. */
export class WritingSide {
  queuedBytes = 0;
  bytesSent = 0;
  /** Whether our writing side was shut down: nothing more is taken. */
  isEnded: boolean;

  readonly #stream: WrittenStream;
  readonly #transport: Transport;
  readonly #maxBytes: number;
  readonly #closesOnOverflow: boolean;
  /** How often {@link waitDrained} did not wait since bytes were last sent. */
  #drainedAtOnce = 0;
  /** Only while somebody waits. */
  #waiters: WriteWaiters | undefined;
  /** Only while files wait to be sent. */
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
    // While little is queued, a piece of any size is taken: its memory is the caller's already, and a large answer
    // comes right behind its head. The bound is for what piles up.
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

  /** The transport takes more of a file. */
  writable(): void {
    this.#files?.goOn();
  }

  /** The stream is closing: whoever waits learns it. */
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

  /** Throws where `length` bytes more in memory would be too many. */
  #requireRoom(operation: string, length: number): void {
    const { fileBytes, count } = this.#files ?? NO_FILES;
    const queued = this.queuedBytes - fileBytes + count * WAITING_FILE_COST_BYTES;
    if (queued > HIGH_WATER_BYTES && queued + length > this.#maxBytes)
      this.#overflow(operation, queued, length);
  }

  #overflow(operation: string, queued: number, length: number): never {
    const error = new StreamLimitError(
      'ERR_STREAM_WRITE_BUFFER_FULL',
      `${operation}: ${queued} bytes wait for a slow peer, and ${length} more would pass the limit of ${this.#maxBytes}`,
    );
    if (this.#closesOnOverflow) this.#stream.close(error);
    throw error;
  }
}

const NO_FILES = { fileBytes: 0, count: 0 };

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** A promise whose rejection nobody needs to look at. */
function ignorable<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}

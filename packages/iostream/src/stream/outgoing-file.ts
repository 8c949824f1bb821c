import { fstatSync, read } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { OptionNames } from '@landspout/ioloop/errors';
import { StreamFileError, streamChecks } from '../errors.ts';
import { PieceList } from '../transports/piece-list.ts';

export interface SendFileOptions {
  /** Offset of the first byte. Default: 0. */
  readonly start?: number;
  /**
   * Offset after the last byte. Default: the current size of the file, which is read synchronously; set it if the file
   * system is slow.
   */
  readonly end?: number;
  /** An abort removes the file from the queue or, if its first byte was already sent, resets the stream. */
  readonly signal?: AbortSignal | undefined;
}

export const SEND_FILE_OPTIONS: OptionNames<SendFileOptions> = { start: true, end: true, signal: true };

/** A part of a file to be sent, and the pieces written after it. */
export class OutgoingFile {
  readonly promise: Promise<number>;
  /** The pieces written after this file and before the next. */
  readonly behind = new PieceList();
  /** The offset of the next byte, and the number of bytes not yet passed to the transport. */
  position: number;
  left: number;
  /** Whether a thread is reading from this file now. */
  isReading = false;
  /** Whether the file was aborted before its first byte was sent. It is then skipped. */
  isDropped = false;

  readonly #file: number | FileHandle;
  readonly #byteLength: number;
  #settle!: (outcome: { readonly error: unknown } | undefined) => void;
  #failure: { readonly error: unknown } | undefined;

  /** @throws StreamUsageError `ERR_STREAM_USAGE`, StreamFileError `ERR_STREAM_FILE_UNREADABLE`. */
  constructor(file: number | FileHandle, { start = 0, end }: SendFileOptions) {
    this.#file = requireFile(file);
    streamChecks.wholeNumber('sendFile', 'start', start);
    this.position = start;
    const behind = end === undefined ? sizeOf(this.fd) : end;
    this.#byteLength = streamChecks.wholeNumber('sendFile', 'end', behind, start) - start;
    this.left = this.#byteLength;
    this.promise = new Promise((resolve, reject) => {
      this.#settle = (failure) =>
        failure === undefined ? resolve(this.#byteLength) : reject(failure.error as Error);
    });
    // The promise may be ignored, as for a write.
    this.promise.catch(() => {});
  }

  /** The file descriptor; -1 if the handle is closed. */
  get fd(): number {
    return typeof this.#file === 'number' ? this.#file : this.#file.fd;
  }

  get isStarted(): boolean {
    return this.left < this.#byteLength;
  }

  /**
   * Reads at `position` in one of libuv's threads. @throws StreamFileError if reading fails or the file has no more
   * bytes.
   */
  async read(target: Buffer): Promise<number> {
    this.isReading = true;
    try {
      const count = await readAt(this.#file, target, this.position);
      if (count > 0) return count;
    } catch (error) {
      const problem = `sendFile: the file cannot be read at byte ${this.position}`;
      throw new StreamFileError('ERR_STREAM_FILE_UNREADABLE', problem, { cause: error });
    } finally {
      this.isReading = false;
    }
    const problem = `sendFile: the file ends at byte ${this.position}, but ${this.left} more bytes were expected`;
    throw new StreamFileError('ERR_STREAM_FILE_CHANGED', problem);
  }

  advance(byteLength: number): void {
    this.position += byteLength;
    this.left -= byteLength;
  }

  finish(): void {
    this.#settle(this.#failure);
  }

  /**
   * Rejects the promise with the error of the first call. If a thread is reading from the file, rejects only after it
   * has finished, so that the file is no longer used.
   */
  fail(error: unknown): void {
    this.#failure ??= { error };
    if (!this.isReading) this.finish();
  }
}

function readAt(file: number | FileHandle, target: Buffer, position: number): Promise<number> {
  if (typeof file !== 'number') {
    // Do not read through the descriptor: closing a handle waits only for the reads made through the handle.
    return file.read(target, 0, target.length, position).then(({ bytesRead }) => bytesRead);
  }
  return new Promise((resolve, reject) => {
    read(file, target, 0, target.length, position, (error, count) =>
      error === null ? resolve(count) : reject(error),
    );
  });
}

function requireFile(file: unknown): number | FileHandle {
  if (typeof file === 'number' && Number.isInteger(file) && file >= 0 && file < 2 ** 31) return file;
  if (typeof file === 'object' && file !== null) {
    const { fd, read } = file as Partial<FileHandle>;
    if (typeof fd === 'number' && fd >= 0 && typeof read === 'function') return file as FileHandle;
  }
  throw streamChecks.wrong('sendFile', 'an open FileHandle or descriptor', file);
}

function sizeOf(fd: number): number {
  try {
    return fstatSync(fd).size;
  } catch (error) {
    const problem = 'sendFile: the size of the file cannot be read';
    throw new StreamFileError('ERR_STREAM_FILE_UNREADABLE', problem, { cause: error });
  }
}

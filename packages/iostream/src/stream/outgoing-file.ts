import { fstatSync, read } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { OptionNames } from '@landspout/ioloop/errors';
import { StreamFileError, streamChecks } from '../errors.ts';
import { PieceList } from '../transports/piece-list.ts';

export interface SendFileOptions {
  /** The first byte. Default 0. */
  readonly start?: number;
  /**
   * The byte behind the last. Default: the size of the file now, which is asked for synchronously: where the file
   * system is a slow one, name it.
   */
  readonly end?: number;
  /** Takes the file out of the queue, or in the middle of it resets the stream. */
  readonly signal?: AbortSignal | undefined;
}

export const SEND_FILE_OPTIONS: OptionNames<SendFileOptions> = { start: true, end: true, signal: true };

/** A part of a file on its way out, and what was written behind it. */
export class OutgoingFile {
  readonly promise: Promise<number>;
  /** What was written behind this file, and before the next. */
  readonly behind = new PieceList();
  /** Where the next byte is, and how many are still to be handed over. */
  position: number;
  left: number;
  /** Whether a thread reads for us at this moment. */
  isReading = false;
  /** Whether it was aborted before its first byte: passed over when its turn comes. */
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
    // As for a write: whoever does not look is not asked to.
    this.promise.catch(() => {});
  }

  /** -1 where the handle was closed. */
  get fd(): number {
    return typeof this.#file === 'number' ? this.#file : this.#file.fd;
  }

  get isStarted(): boolean {
    return this.left < this.#byteLength;
  }

  /** Reads at the position in a thread of libuv's. @throws StreamFileError; also when there is nothing more. */
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
    const problem = `sendFile: the file ends at byte ${this.position}, and ${this.left} more were expected`;
    throw new StreamFileError('ERR_STREAM_FILE_CHANGED', problem);
  }

  advance(byteLength: number): void {
    this.position += byteLength;
    this.left -= byteLength;
  }

  finish(): void {
    this.#settle(this.#failure);
  }

  /** The first reason counts. Told when nobody reads any longer, so that the file is the caller's alone again. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    if (!this.isReading) this.finish();
  }
}

function readAt(file: number | FileHandle, target: Buffer, position: number): Promise<number> {
  if (typeof file !== 'number') {
    // Not by its descriptor: a handle waits with its close for the reads that it knows of.
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
    const problem = 'sendFile: the size of the file cannot be found out';
    throw new StreamFileError('ERR_STREAM_FILE_UNREADABLE', problem, { cause: error });
  }
}

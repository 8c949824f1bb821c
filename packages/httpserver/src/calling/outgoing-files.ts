import { read } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { FilePart, HTTPHeaders } from '@landspout/http1';
import { errorOf } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { StreamFileError } from '@landspout/iostream';
import type { ResponseSink } from './response-sink.ts';

/** Where the bytes of files are written, and what comes after them. */
export type FileSink = Pick<ResponseSink, 'write' | 'end' | 'isDrained' | 'whenDrained'>;

/** How many bytes of a file are read at once. */
const READ_BYTES = 64 * 1024;

type Piece =
  | {
      readonly kind: 'file';
      readonly file: FileHandle | number;
      readonly part: Required<FilePart>;
      settle: Settle;
    }
  | { readonly kind: 'bytes'; readonly bytes: string | Uint8Array }
  | { readonly kind: 'end'; readonly trailers: HTTPHeaders | undefined };

interface Settle {
  resolve(): void;
  reject(error: Error): void;
}

/** Is notified of what the caller of a method cannot be, because it has returned. Does not throw. */
export interface FilesOwner {
  /** A file cannot be sent completely: the response must not look complete. The promise for the file was rejected. */
  fileFailed(error: Error): void;
  /** The sink threw while it wrote what came after a file. The response must not look complete. */
  sinkFailed(error: unknown): void;
}

/**
 * Reads parts of files and writes them as the body of a response, in order with what is written after them. Exists
 * only for responses that have such parts.
 */
export class OutgoingFiles {
  readonly #sink: FileSink;
  readonly #owner: FilesOwner;
  readonly #pieces: Piece[] = [];
  #isRunning = false;
  #stopReason: Error | undefined = undefined;
  /** Ends a wait for the client. */
  #wake: (() => void) | undefined = undefined;
  #idle: (() => void)[] = [];

  constructor(sink: FileSink, owner: FilesOwner) {
    this.#sink = sink;
    this.#owner = owner;
  }

  /** Whether something waits here, so that what is written next must wait too. */
  get isBusy(): boolean {
    return this.#isRunning;
  }

  /** @returns a promise that resolves when the part was written. */
  add(file: FileHandle | number, part: Required<FilePart>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#push({ kind: 'file', file, part, settle: { resolve, reject } });
    });
  }

  write(bytes: string | Uint8Array): void {
    this.#push({ kind: 'bytes', bytes });
  }

  end(trailers: HTTPHeaders | undefined): void {
    this.#push({ kind: 'end', trailers });
  }

  /** Calls `idle` when everything was written, and immediately if nothing waits. */
  whenIdle(idle: () => void): void {
    if (this.#isRunning) this.#idle.push(idle);
    else idle();
  }

  /** Discards everything. Promises of files are rejected with `reason`. */
  stop(reason: Error): void {
    if (this.#stopReason !== undefined) return;
    this.#stopReason = reason;
    for (const piece of this.#pieces.splice(0)) if (piece.kind === 'file') piece.settle.reject(reason);
    this.#wake?.();
  }

  [INSPECT](): object {
    return inspection(this, ['isBusy'], () => ({ waiting: this.#pieces.length }));
  }

  #push(piece: Piece): void {
    if (this.#stopReason !== undefined) {
      if (piece.kind === 'file') piece.settle.reject(this.#stopReason);
      return;
    }
    this.#pieces.push(piece);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let piece = this.#pieces.shift(); piece !== undefined; piece = this.#pieces.shift()) {
      if (piece.kind === 'file') await this.#send(piece);
      else this.#write(piece);
    }
    this.#isRunning = false;
    for (const idle of this.#idle.splice(0)) this.#guarded(idle);
  }

  #write(piece: Exclude<Piece, { kind: 'file' }>): void {
    this.#guarded(() => {
      if (piece.kind === 'bytes') this.#sink.write(piece.bytes);
      else this.#sink.end(piece.trailers);
    });
  }

  /** Calls the sink, whose methods middleware may have replaced. There is no caller to which an error could go. */
  #guarded(call: () => void): void {
    try {
      call();
    } catch (thrown) {
      this.stop(errorOf(thrown));
      this.#owner.sinkFailed(thrown);
    }
  }

  async #send({ file, part, settle }: Extract<Piece, { kind: 'file' }>): Promise<void> {
    try {
      await this.#copy(file, part);
      settle.resolve();
    } catch (thrown) {
      const error = errorOf(thrown);
      settle.reject(error);
      if (this.#stopReason !== undefined) return;
      this.stop(error);
      this.#owner.fileFailed(error);
    }
  }

  async #copy(file: FileHandle | number, { start, end }: Required<FilePart>): Promise<void> {
    for (let at = start; at < end; ) {
      const bytes = await readPart(file, at, Math.min(READ_BYTES, end - at));
      if (this.#stopReason !== undefined) throw this.#stopReason;
      if (bytes.length === 0) {
        const detail = `the file ended at byte ${at}, but its bytes up to ${end} were to be sent`;
        throw new StreamFileError('ERR_STREAM_FILE_CHANGED', detail);
      }
      at += bytes.length;
      this.#sink.write(bytes);
      if (!this.#sink.isDrained) await this.#drained();
      if (this.#stopReason !== undefined) throw this.#stopReason;
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#sink.whenDrained(resolve);
    });
  }
}

/** Reads into new memory, which the receiver then owns. */
async function readPart(file: FileHandle | number, position: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(length);
  try {
    const bytesRead =
      typeof file === 'number'
        ? await readDescriptor(file, buffer, position)
        : (await file.read(buffer, 0, length, position)).bytesRead;
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    const detail = 'the file cannot be read';
    throw new StreamFileError('ERR_STREAM_FILE_UNREADABLE', detail, { cause: error });
  }
}

function readDescriptor(fd: number, buffer: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, position, (error, bytesRead) => {
      if (error) reject(error);
      else resolve(bytesRead);
    });
  });
}

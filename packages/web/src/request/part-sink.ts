import { type FileHandle, open, unlink } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type OptionNames, shownText } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { HTTPError, WebUsageError, webChecks } from '../errors.ts';

/** Receives the body of one part. All calls come from one `MultipartReader`, one after another. */
export interface PartSink {
  /**
   * Called with each piece of the body, which the sink then owns. If it returns a promise, nothing more is read from
   * the client until the promise settles. An error makes the form fail.
   */
  write(chunk: Uint8Array): void | PromiseLike<void>;

  /**
   * Called after the last piece. The next part starts after the returned promise has settled. An error makes the form
   * fail.
   */
  close?(): void | PromiseLike<void>;

  /**
   * Called if the form failed: it is malformed, a limit was exceeded, a sink failed, or the client disconnected. Undo
   * what was written, even if `close` was already called, because the handler will never receive the form. May be
   * called while a promise of `write` or `close` is pending. What it throws is ignored.
   */
  abort?(reason: unknown): void | PromiseLike<void>;
}

export interface SaveOptions {
  /**
   * Maximum number of bytes of the file; {@link HTTPError} 413 if exceeded. Default: only the request body is limited.
   */
  readonly maxBytes?: number;
}

const SAVE_OPTIONS: OptionNames<SaveOptions> = { maxBytes: true };

/**
 * Creates a sink that saves a part in a file.
 *
 * A file at a path is created exclusively: if something already exists there, even a dangling symbolic link, the form
 * fails with the system's error `EEXIST`. If the form fails later, the file is removed. Build the path from a name of
 * your own, or from the part's `safeName` in a directory that contains nothing else; never from `filename`.
 *
 * A `FileHandle` is written to at its current position. It stays open and is owned by the caller, even if the form
 * fails.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if an argument is invalid.
 *
 * @example
 * onPart: (part) => (part.filename === undefined ? undefined : saveTo(`/srv/uploads/${randomUUID()}`))
 */
export function saveTo(target: string | URL | FileHandle, options: SaveOptions = {}): FileSink {
  webChecks.options('saveTo', options, SAVE_OPTIONS);
  const maxBytes = webChecks.wholeNumber('saveTo', 'maxBytes', options.maxBytes ?? Number.MAX_SAFE_INTEGER);
  if (typeof target === 'string' || target instanceof URL) {
    const path = typeof target === 'string' ? target : fileURLToPath(target);
    if (path === '' || path.includes('\0')) {
      throw webChecks.wrong('saveTo', 'a path that is not empty and has no NUL', path);
    }
    return new FileSink(path, undefined, maxBytes);
  }
  webChecks.withMethods('saveTo', 'a path, a file URL or a FileHandle', target, 'write', 'close');
  return new FileSink(undefined, target, maxBytes);
}

/** Saves one part in a file. Created by {@link saveTo}, for one part only. */
export class FileSink implements PartSink {
  /** The path of the file; `undefined` for a `FileHandle`. */
  readonly path: string | undefined;
  readonly #maxBytes: number;
  #handle: FileHandle | undefined;
  #bytesWritten = 0;
  /** The last step that was started; an abort must wait for it. */
  #step: Promise<void> = Promise.resolve();
  #wasCreated = false;

  /** @internal */
  constructor(path: string | undefined, handle: FileHandle | undefined, maxBytes: number) {
    this.path = path;
    this.#handle = handle;
    this.#maxBytes = maxBytes;
  }

  /** Bytes that were written to the file so far. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  write(chunk: Uint8Array): Promise<void> {
    this.#step = this.#write(chunk);
    return this.#step;
  }

  close(): Promise<void> {
    this.#step = this.#close();
    return this.#step;
  }

  /** Waits for a pending write, and removes the file if this sink has created it. */
  async abort(): Promise<void> {
    await this.#step.catch(() => {});
    if (this.path === undefined || !this.#wasCreated) return;
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => {});
    await unlink(this.path);
  }

  [INSPECT](): object {
    return inspection(this, ['path', 'bytesWritten']);
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (chunk.length > this.#maxBytes - this.#bytesWritten) {
      throw new HTTPError(413, `an uploaded file has more than ${this.#maxBytes} bytes`);
    }
    const handle = await this.#open();
    for (let from = 0; from < chunk.length; ) {
      const { bytesWritten } = await handle.write(chunk, from, chunk.length - from);
      from += bytesWritten;
      this.#bytesWritten += bytesWritten;
    }
  }

  async #close(): Promise<void> {
    // An empty part still creates a file.
    const handle = await this.#open();
    if (this.path === undefined) return;
    this.#handle = undefined;
    await handle.close();
  }

  async #open(): Promise<FileHandle> {
    if (this.#handle !== undefined) return this.#handle;
    const path = this.path as string;
    if (this.#wasCreated) {
      throw new WebUsageError(
        'ERR_WEB_USAGE',
        `saveTo: each part needs a sink of its own, got two for ${shownText(path)}`,
      );
    }
    this.#handle = await open(path, 'wx');
    this.#wasCreated = true;
    return this.#handle;
  }
}

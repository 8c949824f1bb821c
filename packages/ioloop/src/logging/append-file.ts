import { close, constants, fstatSync, open as openCallback, type Stats, write, writeSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { promisify } from 'node:util';

const open = promisify(openCallback);
const writeBytes = promisify(write);

/**
 * Appends, so that several processes may write to one file and another program may cut it. Does not follow a symbolic
 * link, which someone could replace to let the program write elsewhere; and does not wait for the reader of a pipe.
 */
const FLAGS =
  constants.O_WRONLY |
  constants.O_APPEND |
  constants.O_CREAT |
  (constants.O_NOFOLLOW ?? 0) |
  (constants.O_NONBLOCK ?? 0);

/**
 * How long an exiting process waits for a write that a thread was given. A machine under load may not have begun it; a
 * disk that hangs for longer would keep the process from ending.
 */
const EXIT_WAIT_MS = 2_000;

/** Bytes that were handed to the system, or are to be. */
interface Pending {
  readonly bytes: Buffer;
  /** How many of them are in the file. */
  written: number;
  /** The size of the file before the write in progress; `undefined` if there is none. */
  sizeBefore: number | undefined;
}

/** A pipe, device or socket is at the path. */
export class NotAFileError extends Error {
  override readonly name = 'NotAFileError';
}

/** A regular file that is open for appending. */
export class AppendFile {
  readonly #fd: number;
  readonly #device: number;
  readonly #inode: number;
  #size: number;
  #pending: Pending | undefined;
  /** When it was last written to, in milliseconds since the Unix epoch. */
  readonly modifiedMs: number;

  private constructor(fd: number, { dev, ino, size, mtimeMs }: Stats) {
    this.#fd = fd;
    this.#device = dev;
    this.#inode = ino;
    this.#size = size;
    this.modifiedMs = mtimeMs;
  }

  /** @param mode - of a file that is created. @throws the system's error, or a NotAFileError. */
  static async open(path: string, mode: number): Promise<AppendFile> {
    const fd = await open(path, FLAGS, mode);
    const stats = fstatSync(fd);
    if (stats.isFile()) return new AppendFile(fd, stats);
    close(fd);
    throw new NotAFileError(`${path} is no regular file`);
  }

  get size(): number {
    return this.#size;
  }

  /** Whether bytes of an earlier {@link append} are not in the file yet. */
  get hasRest(): boolean {
    return this.#pending !== undefined;
  }

  /** Takes what another file could not write. */
  takeRest(other: AppendFile): void {
    this.#pending = other.#pending;
    other.#pending = undefined;
  }

  /**
   * Appends the bytes. If that fails, the rest of them is written by the next call of {@link finish}.
   *
   * @throws the system's error
   */
  async append(bytes: Buffer): Promise<void> {
    this.#pending = { bytes, written: 0, sizeBefore: undefined };
    await this.finish();
  }

  /** Writes the rest of what is pending. @throws the system's error */
  async finish(): Promise<void> {
    const pending = this.#pending;
    if (pending === undefined) return;
    while (pending.written < pending.bytes.length) {
      pending.sizeBefore = fstatSync(this.#fd).size;
      try {
        const { bytesWritten } = await writeBytes(this.#fd, pending.bytes, pending.written);
        pending.written += bytesWritten;
        this.#size = pending.sizeBefore + bytesWritten;
      } finally {
        pending.sizeBefore = undefined;
      }
    }
    this.#pending = undefined;
  }

  /**
   * Whether `path` is still this file. Also notices that the file was cut.
   *
   * @throws the system's error, unless the path does not exist.
   */
  async isAt(path: string): Promise<boolean> {
    const stats = await lstat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (stats === undefined || stats.dev !== this.#device || stats.ino !== this.#inode) return false;
    this.#size = stats.size;
    return true;
  }

  /** Appends what is pending and `bytes`, at the exit of the process. @throws the system's error */
  appendSync(bytes: Buffer): void {
    const pending = this.#pending;
    if (pending !== undefined) {
      if (this.#isInProgress(pending)) awaitSize(this.#fd, this.#expectedSize(pending), pending);
      this.#writeSync(pending.bytes.subarray(pending.written));
      this.#pending = undefined;
    }
    this.#writeSync(bytes);
  }

  close(): void {
    close(this.#fd, () => {});
  }

  #isInProgress({ sizeBefore }: Pending): boolean {
    return sizeBefore !== undefined;
  }

  #expectedSize({ sizeBefore = 0, bytes, written }: Pending): number {
    return sizeBefore + bytes.length - written;
  }

  #writeSync(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
  }
}

/**
 * Waits until a thread has written what it was given. The loop does not run any more, so only the size of the file says
 * so. If the thread has not even begun in time, the caller writes the bytes: twice is better than never.
 */
function awaitSize(fd: number, size: number, pending: Pending): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const end = performance.now() + EXIT_WAIT_MS;
  while (fstatSync(fd).size < size && performance.now() < end) Atomics.wait(sleeper, 0, 0, 1);
  if (fstatSync(fd).size >= size) pending.written = pending.bytes.length;
}

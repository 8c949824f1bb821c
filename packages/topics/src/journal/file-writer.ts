import type { Buffer } from 'node:buffer';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { FILE_MODE } from './journal-folder.ts';

/** Appends to one file. Only whole pieces count: what a failed write left behind is cut off. */
export class FileWriter {
  readonly name: string;
  readonly #handle: FileHandle;
  #size: number;
  /** Whether the file may be longer than what counts. */
  #hasRest = false;

  private constructor(name: string, handle: FileHandle, size: number) {
    this.name = name;
    this.#handle = handle;
    this.#size = size;
  }

  /** Makes a file, or empties it. */
  static async create(path: string, name: string): Promise<FileWriter> {
    return new FileWriter(name, await open(path, 'w', FILE_MODE), 0);
  }

  /** Opens a file that exists. @param size - what follows is cut off. */
  static async continue(path: string, name: string, size: number): Promise<FileWriter> {
    const writer = new FileWriter(name, await open(path, constants.O_WRONLY), size);
    await writer.cutTo(size);
    return writer;
  }

  get size(): number {
    return this.#size;
  }

  /** Appends all of the bytes or none. One call at a time. @throws the error of the system. */
  async append(bytes: Buffer): Promise<void> {
    await this.settle();
    try {
      await this.#writeAll(bytes);
    } catch (error) {
      this.#hasRest = true;
      // If this fails too, it is tried again before the next append.
      await this.settle().catch(() => {});
      throw error;
    }
    this.#size += bytes.length;
  }

  /** Takes back everything after the first `size` bytes. */
  async cutTo(size: number): Promise<void> {
    this.#size = size;
    this.#hasRest = true;
    await this.settle();
  }

  /** Cuts off what does not count. */
  async settle(): Promise<void> {
    if (!this.#hasRest) return;
    await this.#handle.truncate(this.#size);
    this.#hasRest = false;
  }

  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  [INSPECT](): object {
    return inspection(this, ['name', 'size']);
  }

  async #writeAll(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, this.#size + done);
      if (bytesWritten === 0) throw new Error('the system wrote no byte and gave no reason');
      done += bytesWritten;
    }
  }
}

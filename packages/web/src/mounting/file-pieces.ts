import { Buffer } from 'node:buffer';
import { read } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { FilePart } from '@landspout/http1';
import { StreamFileError } from '@landspout/iostream';

const PIECE_BYTES = 64 * 1024;

const readAt = promisify(read);

/**
 * Writes bytes of files to a body that cannot take a file as it is, in the order of the calls with what is written after
 * them.
 */
export class FileWrites {
  readonly #write: (piece: Uint8Array) => unknown;
  #order: Promise<void> | undefined = undefined;

  /** @param write - called with each piece, which it owns; what it returns is awaited. */
  constructor(write: (piece: Uint8Array) => unknown) {
    this.#write = write;
  }

  /**
   * Writes bytes of a file. The file stays open.
   *
   * @throws StreamFileError `ERR_STREAM_FILE_CHANGED` if the file is shorter than `end`; the errors of reading and of
   *   writing.
   */
  add(file: FileHandle | number, part: FilePart): Promise<void> {
    return this.after(() => readFilePart(file, part, this.#write));
  }

  /** Calls `step` after all files are written. Rejects with what it throws. */
  after(step: () => unknown): Promise<void> {
    const done = (this.#order ?? Promise.resolve()).then(async () => {
      await step();
    });
    this.#order = done.catch(() => {});
    return done;
  }
}

async function readFilePart(
  file: FileHandle | number,
  { start = 0, end }: FilePart,
  take: (piece: Uint8Array) => unknown,
): Promise<void> {
  const descriptor = typeof file === 'number' ? file : file.fd;
  for (let at = start; at < end; ) {
    const length = Math.min(PIECE_BYTES, end - at);
    const { bytesRead, buffer } = await readAt(descriptor, Buffer.allocUnsafe(length), 0, length, at);
    if (bytesRead === 0) {
      const problem = `writeFile: the file ends at ${at} bytes, and ${end} were announced`;
      throw new StreamFileError('ERR_STREAM_FILE_CHANGED', problem);
    }
    at += bytesRead;
    await take(buffer.subarray(0, bytesRead));
  }
}

import { Buffer } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import { decodeHeader, type FileHeader, HEADER_BYTES } from './file-header.ts';
import { type Frame, hasFrameAfter, readFrame } from './frame.ts';

/** Most that is read at once, unless an entry is larger: between two pieces, the loop does other work. */
const PIECE_BYTES = 1024 * 1024;

/** Where the frames of a file end, and why. */
export interface FileEnd {
  /** Number of bytes up to the end of the last frame. */
  readonly offset: number;
  /** `whole`: the file ends there. `torn`: no frame follows. `damaged`: a frame follows that is newer. */
  readonly kind: 'whole' | 'torn' | 'damaged';
}

/** Reads one file of a journal. */
export class FileReader {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #size: number;

  private constructor(path: string, handle: FileHandle, size: number) {
    this.path = path;
    this.#handle = handle;
    this.#size = size;
  }

  static async open(path: string): Promise<FileReader> {
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      return new FileReader(path, handle, size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Whether the file contains more than a header. */
  get hasFrames(): boolean {
    return this.#size > HEADER_BYTES;
  }

  /** @returns undefined if the file does not begin with one. */
  async header(): Promise<FileHeader | undefined> {
    return decodeHeader(await this.#read(0, HEADER_BYTES));
  }

  /**
   * Reads all frames.
   *
   * @param sequence - the sequence number before the first frame, for finding one after a damage.
   * @param visit - called with each, and with where it starts; returns its sequence number, or false to end there.
   */
  async frames(
    seed: number,
    sequence: number,
    visit: (frame: Frame, offset: number) => boolean,
  ): Promise<FileEnd> {
    let last = sequence;
    let offset = HEADER_BYTES;
    let wanted = PIECE_BYTES;
    while (offset < this.#size) {
      const piece = await this.#read(offset, wanted);
      let at = 0;
      let missing = 0;
      while (at < piece.length && missing === 0) {
        const frame = readFrame(piece, at, piece.length, seed);
        if (!('kind' in frame)) {
          if (!visit(frame, offset + at)) return { offset: offset + at, kind: 'damaged' };
          last = frame.sequence;
          at = frame.end;
        } else if (frame.kind === 'incomplete' && offset + at + frame.bytes <= this.#size) {
          missing = frame.bytes;
        } else {
          return { offset: offset + at, kind: await this.#kindOfDamage(offset + at, last, seed) };
        }
      }
      offset += at;
      wanted = Math.max(PIECE_BYTES, missing);
    }
    return { offset, kind: 'whole' };
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #kindOfDamage(offset: number, sequence: number, seed: number): Promise<FileEnd['kind']> {
    const rest = await this.#read(offset + 1, this.#size - offset - 1);
    return hasFrameAfter(rest, sequence, seed) ? 'damaged' : 'torn';
  }

  async #read(offset: number, most: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(most, this.#size - offset)));
    let done = 0;
    while (done < buffer.length) {
      const { bytesRead } = await this.#handle.read(buffer, done, buffer.length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return buffer.subarray(0, done);
  }
}

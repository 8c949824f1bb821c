import { Buffer } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import { decodeHeader, type FileHeader, HEADER_BYTES } from './file-header.ts';
import { type Frame, findHead, MIN_FRAME_BYTES, readFrame } from './frame.ts';

/** Most that is read at once, unless an entry is larger: between two pieces, the loop does other work. */
const PIECE_BYTES = 256 * 1024;

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

  /** Looks for a frame that is newer, piece by piece. */
  async #kindOfDamage(offset: number, sequence: number, seed: number): Promise<FileEnd['kind']> {
    const most = sequence + (this.#size - offset) / MIN_FRAME_BYTES + 1;
    // A head may start in one piece and end in the next.
    const step = PIECE_BYTES - MIN_FRAME_BYTES + 1;
    for (let from = offset + 1; from + MIN_FRAME_BYTES <= this.#size; from += step) {
      const piece = await this.#read(from, PIECE_BYTES);
      for (let at = -1; ; ) {
        at = findHead(piece, at + 1, sequence, most, seed);
        if (at === -1) break;
        if (await this.#hasFrame(from + at, seed)) return 'damaged';
      }
    }
    return 'torn';
  }

  async #hasFrame(offset: number, seed: number): Promise<boolean> {
    const head = await this.#read(offset, MIN_FRAME_BYTES);
    const found = readFrame(head, 0, head.length, seed);
    if (!('kind' in found)) return true;
    if (found.kind === 'invalid' || offset + found.bytes > this.#size) return false;
    const whole = await this.#read(offset, found.bytes);
    return !('kind' in readFrame(whole, 0, whole.length, seed));
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

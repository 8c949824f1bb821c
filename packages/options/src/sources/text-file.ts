import { closeSync, openSync, readSync } from 'node:fs';
import { SystemError } from '@landspout/ioloop';

/** Bytes that are read at once. */
const PIECE = 64 * 1024;

/** A file that cannot be read as text. */
export class TextFileProblem {
  /** Follows the name of the file. */
  readonly message: string;
  readonly isMissing: boolean;
  readonly cause: unknown;

  constructor(message: string, cause?: unknown) {
    this.message = message;
    this.cause = cause;
    this.isMissing = (cause as { code?: unknown } | undefined)?.code === 'ENOENT';
  }
}

/**
 * Reads a file, which may be a pipe such as `/dev/fd/63`, as UTF-8 without a byte order mark. Blocks: options are read
 * once, before anything else.
 *
 * @param maxBytes - a larger file is refused without being read to its end.
 */
export function readTextFile(path: string, maxBytes: number): string | TextFileProblem {
  let bytes: Buffer;
  try {
    bytes = readBytes(path, maxBytes);
  } catch (error) {
    const cause = SystemError.from(error, 'open', path);
    return new TextFileProblem(`cannot be read: ${cause.message}`, cause);
  }
  if (bytes.length > maxBytes) return new TextFileProblem(`has more than ${maxBytes} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextFileProblem('is not text in UTF-8');
  }
}

/** Reads at most one byte more than `maxBytes`. */
function readBytes(path: string, maxBytes: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const pieces: Buffer[] = [];
    for (let total = 0; total <= maxBytes; ) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE, maxBytes + 1 - total));
      const count = readSync(file, piece);
      if (count === 0) break;
      pieces.push(piece.subarray(0, count));
      total += count;
    }
    return Buffer.concat(pieces);
  } finally {
    closeSync(file);
  }
}

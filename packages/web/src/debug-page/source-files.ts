import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** Larger files are not read for an excerpt. */
const MAX_SOURCE_BYTES = 1_048_576;
/** Larger compiled files and source maps are not read. A map of 8 MiB takes about half a second. */
const MAX_MAP_BYTES = 8 * 1_048_576;
/** The largest number of files that are read for one page. */
const MAX_FILES = 40;

/** The files that may be read because a stack names them. The text of a stack can come from a message. */
const SOURCE_NAME = /\.[cm]?[jt]sx?$/i;

/** The text of a file, and whether it is newer than the process. */
export interface SourceFile {
  readonly text: string;
  /** Whether it was changed after the process started, so that the process may run an older text. */
  readonly isNewer: boolean;
}

/**
 * Reads the files of one page, each once. Only regular files are read. What cannot be read is undefined; nothing throws.
 */
export class SourceFiles {
  readonly #read = new Map<string, SourceFile | undefined>();

  /** A file of source text that a stack or a source map names, of less than 1 MiB. */
  source(path: string): SourceFile | undefined {
    return SOURCE_NAME.test(path) ? this.#file(path, MAX_SOURCE_BYTES) : undefined;
  }

  /** The file of a template, of less than 1 MiB. Its name may have any extension. */
  template(path: string): SourceFile | undefined {
    return this.#file(path, MAX_SOURCE_BYTES);
  }

  /** A file that may have a source map, of at most 8 MiB. */
  compiled(path: string): SourceFile | undefined {
    return SOURCE_NAME.test(path) ? this.#file(path, MAX_MAP_BYTES) : undefined;
  }

  /** A source map, of at most 8 MiB. */
  sourceMap(path: string): SourceFile | undefined {
    return path.endsWith('.map') ? this.#file(path, MAX_MAP_BYTES) : undefined;
  }

  #file(path: string, maxBytes: number): SourceFile | undefined {
    if (!this.#read.has(path)) {
      if (this.#read.size >= MAX_FILES) return undefined;
      this.#read.set(path, readFile(path));
    }
    const file = this.#read.get(path);
    return file !== undefined && file.text.length <= maxBytes ? file : undefined;
  }
}

function readFile(path: string): SourceFile | undefined {
  let descriptor: number | undefined;
  try {
    // Without O_NONBLOCK, opening a named pipe would block the process.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = fstatSync(descriptor);
    if (!stats.isFile() || stats.size > MAX_MAP_BYTES) return undefined;
    const bytes = Buffer.allocUnsafe(stats.size);
    let length = 0;
    while (length < bytes.length) {
      const count = readSync(descriptor, bytes, length, bytes.length - length, length);
      if (count === 0) break; // it was truncated meanwhile
      length += count;
    }
    const text = bytes.toString('utf8', 0, length);
    return { text, isNewer: stats.mtimeMs > performance.timeOrigin };
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

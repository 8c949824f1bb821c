import { linkSync, lstatSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SystemError } from '@landspout/ioloop';
import { longestSocketPath } from './unix-socket-file.ts';

/**
 * A folder that only its owner can enter, in which a Unix socket is prepared before it is published under its final
 * name.
 *
 * Needed on Node for two reasons: Node binds and listens in one step, so any process could connect before the mode is
 * set; and on close Node removes the path that it bound, even if another process has since replaced the file. So Node
 * binds a path in this folder, the mode is set, and only then is the socket linked to its final name, which Node does
 * not know.
 */
export class PrivateSocketFolder {
  /** The path to bind. */
  readonly socketPath: string;
  readonly #folder: string;
  readonly #path: string;

  /**
   * @param path - the final name of the socket.
   * @throws SystemError as `bind` would throw for the folder of `path`; `ENAMETOOLONG` if the path inside this folder,
   *   which is longer than `path`, exceeds the limit.
   */
  constructor(path: string) {
    this.#path = path;
    const parent = dirname(path);
    // mkdtemp appends six characters.
    const longest = join(parent, '.123456', 's');
    if (Buffer.byteLength(longest) > longestSocketPath()) throw new SystemError('ENAMETOOLONG', 'bind', path);
    try {
      this.#folder = mkdtempSync(join(parent, '.'));
    } catch (error) {
      throw SystemError.from(error, 'bind', path);
    }
    this.socketPath = join(this.#folder, 's');
  }

  /** Gives the socket its final name. @throws SystemError `EADDRINUSE` if a file with that name exists. */
  publish(): void {
    try {
      linkSync(this.socketPath, this.#path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') throw this.#inUse(error);
      // The file system has no hard links: rename instead. Unlike linking, renaming would replace a file that was
      // created just now.
      if (lstatSync(this.#path, { throwIfNoEntry: false }) !== undefined) throw this.#inUse(error);
      this.#rename();
    }
  }

  /** Removes the folder. The socket keeps its final name. */
  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #rename(): void {
    try {
      renameSync(this.socketPath, this.#path);
    } catch (error) {
      throw SystemError.from(error, 'bind', this.#path);
    }
  }

  #inUse(cause: unknown): SystemError {
    return new SystemError('EADDRINUSE', 'bind', this.#path, { cause });
  }
}

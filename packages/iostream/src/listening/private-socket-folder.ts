import { linkSync, lstatSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SystemError } from '@landspout/ioloop';
import { longestSocketPath } from './unix-socket-file.ts';

/**
 * A folder that nobody else may enter, where a Unix socket comes into being before it gets its name.
 *
 * For Node, which binds and listens in one step, so that anybody could connect before the mode is set, and which
 * removes the path that it bound at the close, whoever has it by then. The socket is bound in here, is given its mode,
 * and then gets the name that was asked for; Node only ever knows the one in here.
 */
export class PrivateSocketFolder {
  /** Where to bind. */
  readonly socketPath: string;
  readonly #folder: string;
  readonly #path: string;

  /**
   * @param path - what the socket shall be called in the end.
   * @throws SystemError what `bind` would say of its folder; `ENAMETOOLONG` when there is no room for a longer path.
   */
  constructor(path: string) {
    this.#path = path;
    const parent = dirname(path);
    // mkdtemp adds six characters.
    const longest = join(parent, '.123456', 's');
    if (Buffer.byteLength(longest) > longestSocketPath()) throw new SystemError('ENAMETOOLONG', 'bind', path);
    try {
      this.#folder = mkdtempSync(join(parent, '.'));
    } catch (error) {
      throw SystemError.from(error, 'bind', path);
    }
    this.socketPath = join(this.#folder, 's');
  }

  /** Gives the socket its name. @throws SystemError `EADDRINUSE` when something else has it. */
  publish(): void {
    try {
      linkSync(this.socketPath, this.#path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') throw this.#inUse(error);
      // Where the file system has no second names, the first one is changed; there it could hit what came just now.
      if (lstatSync(this.#path, { throwIfNoEntry: false }) !== undefined) throw this.#inUse(error);
      this.#rename();
    }
  }

  /** Removes the folder. The socket keeps its new name. */
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

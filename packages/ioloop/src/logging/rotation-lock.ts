import { unlinkSync } from 'node:fs';
import { open, stat, unlink } from 'node:fs/promises';

/** A rotation takes milliseconds: an older lock is of a process that died. */
const STALE_MS = 60_000;

/**
 * Lets one process at a time rotate a file, by a second file that exists meanwhile. Several processes may append to one
 * file for a while, for example during a rolling restart, and two of them could otherwise rotate it twice.
 */
export class RotationLock {
  readonly #path: string;
  #isHeld = false;

  /** @param path - of the log file. */
  constructor(path: string) {
    this.#path = `${path}.rotating`;
  }

  /** Calls `rotate` unless another process rotates now. @returns whether it was called. */
  async hold(rotate: () => Promise<void>): Promise<boolean> {
    if (!(await this.#take())) return false;
    try {
      await rotate();
    } finally {
      this.#isHeld = false;
      await unlink(this.#path).catch(() => {});
    }
    return true;
  }

  /** Gives the lock up at the exit of the process. */
  releaseSync(): void {
    if (!this.#isHeld) return;
    try {
      unlinkSync(this.#path);
    } catch {
      // It becomes stale.
    }
  }

  async #take(): Promise<boolean> {
    try {
      const file = await open(this.#path, 'wx', 0o600);
      this.#isHeld = true;
      await file.close();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      await this.#removeStale();
      return false;
    }
  }

  async #removeStale(): Promise<void> {
    try {
      const { mtimeMs } = await stat(this.#path);
      if (Date.now() - mtimeMs > STALE_MS) await unlink(this.#path);
    } catch {
      // Its owner was faster.
    }
  }
}

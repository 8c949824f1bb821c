import { existsSync } from 'node:fs';
import path from 'node:path';
import { FileRecords } from './file-records.ts';
import { FolderWatches } from './folder-watches.ts';

/** Changes that follow each other faster than this are reported together. */
const QUIET_MS = 80;
/** Changes are reported after this time even if they go on. */
const MAX_WAIT_MS = 1_000;
/** How often files are compared if the system cannot watch them. */
const POLL_MS = 1_000;

export interface ChangeDetectorEvents {
  /** Called with the paths of files that have changed, and have then been left alone for a moment. */
  onChange(files: readonly string[]): void;
  /** Called with a line for the user. */
  onNotice(line: string): void;
}

/**
 * Detects changes of the files of a program. An event of the system only says that it is time to compare the records
 * with the disk, so that no change is lost, whatever events there are.
 */
export class ChangeDetector {
  readonly #events: ChangeDetectorEvents;
  readonly #records: FileRecords;
  readonly #watches: FolderWatches;
  /** The files that the program has used since it was started. */
  #used = new Set<string>();
  /** Files that had already changed when they were added. */
  #changedBefore = new Set<string>();
  readonly #tooLarge = new Set<string>();
  #quiet: NodeJS.Timeout | undefined = undefined;
  /** When the first of the changes happened that are to be reported. */
  #firstAt = 0;
  #polling: NodeJS.Timeout | undefined = undefined;

  constructor(events: ChangeDetectorEvents) {
    this.#events = events;
    this.#records = new FileRecords((root, limit) => this.#noteTooLarge(root, limit));
    this.#watches = new FolderWatches({
      onEvent: (folder, name) => {
        if (name === undefined || this.#records.concerns(folder, name)) this.#compareSoon();
      },
      onUnavailable: (error) => this.#poll(error),
    });
  }

  /** Adds a path of `--watch`. */
  watch(root: string): void {
    if (!existsSync(root)) this.#events.onNotice(`--watch ${shownPath(root)}: does not exist yet`);
    this.#watches.add(path.dirname(root));
    this.#records.addTree(root);
    this.#watches.setFolders(this.#records.folders());
  }

  /**
   * Adds a file that a program uses, or has looked for. If it is new here and was changed after the program had started,
   * this counts as a change, since the program may have read it before.
   */
  use(file: string, programStartedAtMs: number): void {
    this.#used.add(file);
    if (this.#records.has(file)) return;
    // Watched first, so that nothing happens unnoticed after the file was read.
    this.#watches.add(path.dirname(file));
    const changedAtMs = this.#records.add(file);
    if (changedAtMs === 0) this.#watches.setFolders(this.#records.folders());
    if (changedAtMs <= programStartedAtMs) return;
    this.#changedBefore.add(file);
    this.#compareSoon();
  }

  /** Called immediately before the program is started: forgets the changes so far. */
  starting(): void {
    this.#cancel();
    this.#compare();
    this.#used = new Set();
  }

  /** Called when the program has loaded all that it needs: forgets files that only earlier runs have used. */
  started(): void {
    this.#records.keepOnly(this.#used);
  }

  close(): void {
    this.#cancel();
    clearInterval(this.#polling);
    this.#watches.close();
  }

  #compareSoon(): void {
    const now = performance.now();
    if (this.#quiet === undefined) this.#firstAt = now;
    clearTimeout(this.#quiet);
    const waitMs = Math.max(0, Math.min(QUIET_MS, this.#firstAt + MAX_WAIT_MS - now));
    this.#quiet = setTimeout(() => this.#report(), waitMs);
  }

  #report(): void {
    this.#cancel();
    const files = this.#compare();
    if (files.length > 0) this.#events.onChange(files);
  }

  /** @returns the files that have changed. */
  #compare(): string[] {
    // Watched first, see above.
    this.#watches.setFolders(this.#records.folders());
    const files = new Set([...this.#changedBefore, ...this.#records.changes()]);
    this.#changedBefore = new Set();
    // A folder of --watch may have new folders.
    this.#watches.setFolders(this.#records.folders());
    return [...files];
  }

  #cancel(): void {
    clearTimeout(this.#quiet);
    this.#quiet = undefined;
  }

  #poll(error: Error): void {
    if (this.#polling !== undefined) return;
    const { code } = error as NodeJS.ErrnoException;
    this.#events.onNotice(`the system cannot watch more files (${code}); they are compared every second`);
    this.#polling = setInterval(() => this.#report(), POLL_MS);
  }

  #noteTooLarge(root: string, limit: number): void {
    if (this.#tooLarge.has(root)) return;
    this.#tooLarge.add(root);
    this.#events.onNotice(
      `--watch ${shownPath(root)}: has more than ${limit} files; the others are not watched`,
    );
  }
}

/** Shows a path relative to the current folder if it is inside. */
export function shownPath(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative === '' || relative.startsWith('..') ? file : relative;
}

import { type FSWatcher, type Stats, statSync, watch } from 'node:fs';
import path from 'node:path';

interface Watch {
  readonly watcher: FSWatcher;
  /** Identifies the folder, which may be replaced by another one of the same name. */
  readonly identity: string;
}

export interface FolderWatchesEvents {
  /** Something has happened to a name in a folder, or to the folder itself: then the name is undefined. */
  onEvent(folder: string, name: string | undefined): void;
  /** The system allows no more watches. */
  onUnavailable(error: Error): void;
}

/**
 * Watches folders, not files: editors save a file by renaming another one over it. Instead of a folder that does not
 * exist, the closest one above it is watched, in which it may appear.
 */
export class FolderWatches {
  readonly #watches = new Map<string, Watch>();
  readonly #events: FolderWatchesEvents;

  constructor(events: FolderWatchesEvents) {
    this.#events = events;
  }

  /** Watches these folders, and no others. A folder that was replaced is watched anew. */
  setFolders(folders: Iterable<string>): void {
    const wanted = new Set<string>();
    for (const folder of folders) wanted.add(this.#watchExisting(folder));
    for (const [folder, { watcher }] of this.#watches) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watches.delete(folder);
    }
  }

  /** Watches one more folder. */
  add(folder: string): void {
    this.#watchExisting(folder);
  }

  close(): void {
    this.setFolders([]);
  }

  /** @returns the folder that is watched: this one, or the closest one above it. */
  #watchExisting(folder: string): string {
    for (let at = folder; ; at = path.dirname(at)) {
      const info = folderAt(at);
      if (info !== undefined) {
        this.#watch(at, `${info.dev}:${info.ino}`);
        return at;
      }
      if (at === path.dirname(at)) return at;
    }
  }

  #watch(folder: string, identity: string): void {
    const present = this.#watches.get(folder);
    if (present?.identity === identity) return;
    present?.watcher.close();
    this.#watches.delete(folder);
    try {
      const watcher = watch(folder, (_, name) => {
        // Linux reports what happens to the folder itself by its own name.
        const isOwn = name === null || name === path.basename(folder);
        this.#events.onEvent(folder, isOwn ? undefined : name);
      });
      watcher.on('error', () => this.#forget(folder, watcher));
      this.#watches.set(folder, { watcher, identity });
    } catch (error) {
      // The folder may have been removed in the meantime; its removal is an event of the folder above.
      if (folderAt(folder) !== undefined) this.#events.onUnavailable(error as Error);
    }
  }

  #forget(folder: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watches.get(folder)?.watcher === watcher) this.#watches.delete(folder);
    this.#events.onEvent(folder, undefined);
  }
}

function folderAt(folder: string): Stats | undefined {
  try {
    const info = statSync(folder, { throwIfNoEntry: false });
    return info?.isDirectory() === true ? info : undefined;
  } catch {
    return undefined;
  }
}

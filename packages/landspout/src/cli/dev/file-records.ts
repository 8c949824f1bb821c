import { createHash } from 'node:crypto';
import { type Dirent, readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';

/** A larger file is compared by its size and time only. */
const MAX_COMPARED_BYTES = 8 * 1024 * 1024;
const MAX_WATCHED_FILES = 10_000;
const MAX_DEPTH = 32;
const IGNORED_NAMES = /^\.|~$|^node_modules$/;

/** What was found at a path. */
interface FileState {
  /** Describes the path without its content; differs after each write. */
  readonly stat: string;
  /** A hash; undefined if the path is not a file, or the file is large. */
  readonly content: string | undefined;
  /** When the file was last changed in any way, in milliseconds since 1970; 0 if there is none. */
  readonly changedAtMs: number;
}

/** What was found below a path of `--watch`, by path. */
type TreeState = ReadonlyMap<string, string>;

/**
 * The files that a program depends on, and what they contained when they were last looked at. A file that does not exist
 * is found when it appears, also with another extension or as a folder with an index file.
 *
 * Files that a program has loaded are compared by their content, so that saving a file without a change is none.
 */
export class FileRecords {
  readonly #files = new Map<string, FileState>();
  readonly #trees = new Map<string, TreeState>();
  readonly #onTooMany: (root: string, limit: number) => void;

  /** @param onTooMany - called if a folder of `--watch` has more files than are watched. */
  constructor(onTooMany: (root: string, limit: number) => void) {
    this.#onTooMany = onTooMany;
  }

  has(file: string): boolean {
    return this.#files.has(file);
  }

  /** Adds a file that a program uses. @returns when it was last changed, in milliseconds since 1970. */
  add(file: string): number {
    const state = fileState(file);
    this.#files.set(file, state);
    return state.changedAtMs;
  }

  /** Forgets the files that a program does not use any more. */
  keepOnly(files: ReadonlySet<string>): void {
    for (const file of this.#files.keys()) if (!files.has(file)) this.#files.delete(file);
  }

  /** Adds a path of `--watch`: a file, or a folder with all files below it. It need not exist. */
  addTree(root: string): void {
    this.#trees.set(root, this.#treeState(root));
  }

  /** The folders in which something may happen that concerns a record. They may not exist. */
  folders(): Set<string> {
    const folders = new Set<string>();
    for (const [file, { stat }] of this.#files) {
      folders.add(path.dirname(file));
      if (stat.startsWith(MISSING) && isFolder(file)) folders.add(file);
    }
    for (const [root, state] of this.#trees) {
      folders.add(path.dirname(root));
      if (isFolder(root)) folders.add(root);
      for (const [file, stat] of state) if (stat === FOLDER) folders.add(file);
    }
    return folders;
  }

  /** Whether a name in a folder may belong to a record. */
  concerns(folder: string, name: string): boolean {
    const changed = path.join(folder, name);
    for (const root of this.#trees.keys()) {
      if (isAtOrBelow(changed, root) || isAtOrBelow(root, changed)) return true;
    }
    if (this.#files.has(changed)) return true;
    for (const [file, { stat }] of this.#files) {
      if (isAtOrBelow(file, changed)) return true;
      if (stat.startsWith(MISSING) && (isAtOrBelow(changed, file) || isCandidate(changed, file))) return true;
    }
    return false;
  }

  /** Compares all records with the disk, and updates them. @returns the paths that have changed. */
  changes(): string[] {
    const changed = new Set<string>();
    for (const [file, before] of this.#files) {
      const now = fileState(file, before);
      if (now === before) continue;
      this.#files.set(file, now);
      if (isDifferent(before, now)) changed.add(file);
    }
    for (const [root, before] of this.#trees) {
      const now = this.#treeState(root);
      this.#trees.set(root, now);
      for (const [file, stat] of now) {
        if (stat !== FOLDER && before.get(file) !== stat) changed.add(file);
      }
      for (const [file, stat] of before) if (stat !== FOLDER && !now.has(file)) changed.add(file);
    }
    return [...changed];
  }

  #treeState(root: string): TreeState {
    const found = new Map<string, string>();
    const info = statOf(root);
    if (info?.isDirectory() === true) {
      if (!scan(root, 0, found)) this.#onTooMany(root, MAX_WATCHED_FILES);
    } else if (info !== undefined) {
      const { stat, content } = fileState(root);
      found.set(root, content ?? stat);
    }
    return found;
  }
}

const MISSING = 'missing';
const FOLDER = 'folder';

/** @param before - returned if nothing has changed, not even the time. */
function fileState(file: string, before?: FileState): FileState {
  const info = statOf(file);
  const stat = info?.isFile() === true ? describe(info) : missingState(file);
  if (stat === before?.stat) return before;
  if (info?.isFile() !== true) return { stat, content: undefined, changedAtMs: 0 };
  return { stat, content: hashOf(file, info.size), changedAtMs: Math.max(info.mtimeMs, info.ctimeMs) };
}

function isDifferent(before: FileState, now: FileState): boolean {
  if (before.content === undefined || now.content === undefined) return before.stat !== now.stat;
  return before.content !== now.content;
}

/** Describes what could be meant by a file that does not exist: those beside it with an extension, or in its folder. */
function missingState(file: string): string {
  const beside = namesIn(path.dirname(file)).filter((name) => isCandidate(name, file));
  return [MISSING, ...beside, FOLDER, ...namesIn(file)].join('/');
}

/** Whether a file may be what an import of `file` is resolved to, which may lack an extension or have that of the output. */
function isCandidate(found: string, file: string): boolean {
  const wanted = path.basename(file);
  const stem = wanted.replace(/\.[cm]?jsx?$/, '');
  const name = path.basename(found);
  return name === wanted || name === stem || name.startsWith(`${stem}.`);
}

/** @returns false if there are too many files. */
function scan(folder: string, depth: number, found: Map<string, string>): boolean {
  found.set(folder, FOLDER);
  for (const entry of entriesIn(folder)) {
    if (IGNORED_NAMES.test(entry.name)) continue;
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (depth < MAX_DEPTH && !scan(file, depth + 1, found)) return false;
      continue;
    }
    if (found.size >= MAX_WATCHED_FILES) return false;
    const info = statOf(file);
    if (info?.isFile() === true) found.set(file, describe(info));
  }
  return true;
}

function describe({ size, mtimeMs, ino }: Stats): string {
  return `${size}:${mtimeMs}:${ino}`;
}

function hashOf(file: string, bytes: number): string | undefined {
  if (bytes > MAX_COMPARED_BYTES) return undefined;
  try {
    return createHash('sha256').update(readFileSync(file)).digest('base64');
  } catch {
    return undefined;
  }
}

function isAtOrBelow(file: string, folder: string): boolean {
  return file === folder || file.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep);
}

function isFolder(file: string): boolean {
  return statOf(file)?.isDirectory() === true;
}

/** Undefined if there is nothing, or it cannot be read. */
function statOf(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  return entriesIn(folder).map(({ name }) => name);
}

function entriesIn(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return [];
  }
}

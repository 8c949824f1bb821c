import path from 'node:path';
import { Semaphore } from '@landspout/ioloop';
import { HTTPError } from '../errors.ts';
import {
  hashFile,
  hashOf,
  type OpenFile,
  openRegular,
  openUnchecked,
  readWhole,
  resolvePlace,
  statsOf,
} from './open-file.ts';
import { ALL_CODINGS, CODING_SUFFIXES, isCompressedName, type PrecompressedCoding } from './precompressed.ts';
import { FileEntry, refusal, type StaticPlace } from './static-file.ts';

/** What a path leads to. */
export type Found =
  /** `content` is the whole file if it was just read or is kept in memory; otherwise undefined. */
  | { readonly kind: 'file'; readonly file: FileEntry; readonly content: Buffer | undefined }
  | { readonly kind: 'directory'; readonly place: StaticPlace };

/** Maximum number of files that a root remembers. If there are more, it forgets the least recently requested one. */
const MAX_FILES = 10_000;

/** Files of up to this size are read as a whole, and kept in memory if there is room. */
const SMALL_BYTES = 64 * 1024;

/** Larger files are hashed only if they have not changed in the last two seconds. */
const HASH_AT_ONCE_BYTES = 1024 * 1024;

/** Larger files are not hashed: the first client would wait too long. */
const MAX_HASH_BYTES = 64 * 1024 * 1024;

/** Maximum number of files that are hashed at the same time. Each needs a block of memory and threads of the pool. */
const MAX_HASHING = 4;

/** How long a new compressed file beside a plain one may remain unnoticed. */
const CODINGS_RECHECK_MS = 1_000;

/**
 * Cached data about the files below one folder: sizes, times, hashes, and the content of small files. All handlers for
 * the folder share it.
 *
 * Each look-up asks the file system for the size, times and identity of the file, so the next request notices a change.
 * Simultaneous look-ups of the same path share one operation. The event loop never waits for the file system.
 */
export class StaticRoot {
  readonly path: string;
  /** The known files by path relative to the root; the most recently requested is the last. */
  readonly #files = new Map<string, FileEntry>();
  readonly #contents = new Map<FileEntry, Buffer>();
  #contentBytes = 0;
  readonly #lookups = new Map<string, Promise<Found>>();
  readonly #hashing = new Semaphore(MAX_HASHING);
  readonly #now: () => number;

  /** @param now - returns the current time in milliseconds since 1970. */
  constructor(folder: string, now: () => number = () => Date.now()) {
    this.path = folder;
    this.#now = now;
  }

  /**
   * Finds what a path leads to. A file that is not known yet or has changed is hashed; a small file is read as a whole.
   *
   * @param segments - names below the root, already checked. The caller checks where links lead; see `requireServed`.
   * @param cacheBytes - maximum number of bytes of content that are kept in memory.
   * @throws HTTPError 404 if there is neither a file nor a directory; 403 if it is not readable.
   */
  lookUp(segments: readonly string[], cacheBytes: number): Promise<Found> {
    const key = segments.join('/');
    let lookup = this.#lookups.get(key);
    if (lookup === undefined) {
      lookup = this.#look(key, segments, cacheBytes);
      this.#lookups.set(key, lookup);
    }
    return lookup;
  }

  /** Returns the entry that the last look-up found, without asking the file system. */
  known(segments: readonly string[]): FileEntry | undefined {
    return this.#files.get(segments.join('/'));
  }

  /**
   * Opens a file to send it.
   *
   * @returns the open file; its `file` is the same entry, or a new one if the file has changed since it was looked up.
   * @throws HTTPError like {@link lookUp}.
   */
  async open(file: FileEntry): Promise<OpenFile & { readonly file: FileEntry }> {
    try {
      const opened = await openUnchecked(file.absolutePath);
      // The place of the file was checked when it was looked up.
      if (file.matches(opened.stats)) return { ...opened, file };
      await opened.handle.close();
      const changed = await openRegular(file.absolutePath);
      return { ...changed, file: file.changedTo(changed.stats, this.#now()) };
    } catch (error) {
      throw refusal(error);
    }
  }

  /**
   * Returns the codings of the compressed files beside a file, except those that are older than the file. New
   * compressed files are noticed within a second. A compressed file may have been removed since: only its own look-up
   * tells.
   */
  codings(
    segments: readonly string[],
    file: FileEntry,
  ): readonly PrecompressedCoding[] | Promise<readonly PrecompressedCoding[]> {
    if (this.#now() - file.codingsCheckedMs < CODINGS_RECHECK_MS) return file.codings;
    file.codingsLookup ??= this.#findCodings(segments, file);
    return file.codingsLookup;
  }

  async #look(key: string, segments: readonly string[], cacheBytes: number): Promise<Found> {
    try {
      const stats = await statsOf(path.join(this.path, ...segments));
      const known = this.#files.get(key);
      if (known?.isSettled === true && known.matches(stats)) {
        const content = this.#contents.get(known);
        // If the content of a small file was evicted, the file is read again. Files that are never kept need no content
        // here.
        const isKept = content !== undefined || known.size > Math.min(SMALL_BYTES, cacheBytes);
        if (isKept) return this.#recall(key, known, content);
      }
      this.#forget(key);
      if (stats.isDirectory()) return { kind: 'directory', place: await resolvePlace(this.path, segments) };
      if (!stats.isFile()) throw new HTTPError(404);
      return await this.#read(key, segments, cacheBytes);
    } catch (error) {
      this.#forget(key);
      throw refusal(error);
    } finally {
      this.#lookups.delete(key);
    }
  }

  #recall(key: string, file: FileEntry, content: Buffer | undefined): Found {
    file.checkedMs = performance.now();
    this.#files.delete(key);
    this.#files.set(key, file);
    if (content !== undefined) {
      this.#contents.delete(file);
      this.#contents.set(file, content);
    }
    return { kind: 'file', file, content };
  }

  async #read(key: string, segments: readonly string[], cacheBytes: number): Promise<Found> {
    const place = await resolvePlace(this.path, segments);
    const opened = await openRegular(place.absolutePath);
    try {
      const { handle, stats } = opened;
      const nowMs = this.#now();
      const content = stats.size <= SMALL_BYTES ? await readWhole(handle, stats.size) : undefined;
      // If the file has become shorter since it was opened, this size matches no later look-up, so the file is read
      // again.
      if (content !== undefined) stats.size = content.length;
      const file = new FileEntry(place, stats, nowMs);
      if (content !== undefined) file.contentHash = hashOf(content);
      else if (file.size <= (file.isSettled ? MAX_HASH_BYTES : HASH_AT_ONCE_BYTES)) {
        file.contentHash = await this.#hashing.run(() => hashFile(opened));
      }
      this.#remember(key, file, content, cacheBytes);
      return { kind: 'file', file, content };
    } finally {
      await opened.handle.close();
    }
  }

  #remember(key: string, file: FileEntry, content: Buffer | undefined, cacheBytes: number): void {
    this.#files.set(key, file);
    if (this.#files.size > MAX_FILES) this.#forget(this.#files.keys().next().value as string);
    if (content === undefined || !file.isSettled || content.length > cacheBytes) return;
    this.#contents.set(file, content);
    this.#contentBytes += content.length;
    for (const oldest of this.#contents.keys()) {
      if (this.#contentBytes <= cacheBytes) return;
      this.#forgetContent(oldest);
    }
  }

  #forget(key: string): void {
    const file = this.#files.get(key);
    if (file === undefined) return;
    this.#files.delete(key);
    this.#forgetContent(file);
  }

  #forgetContent(file: FileEntry): void {
    this.#contentBytes -= this.#contents.get(file)?.length ?? 0;
    this.#contents.delete(file);
  }

  async #findCodings(segments: readonly string[], file: FileEntry): Promise<readonly PrecompressedCoding[]> {
    const base = path.join(this.path, ...segments);
    const checkedMs = this.#now();
    const isThere = isCompressedName(base)
      ? []
      : await Promise.all(ALL_CODINGS.map((coding) => isCurrent(base + CODING_SUFFIXES[coding], file)));
    file.codings = ALL_CODINGS.filter((_, at) => isThere[at] === true);
    file.codingsCheckedMs = checkedMs;
    file.codingsLookup = undefined;
    return file.codings;
  }
}

/** Whether a compressed file is recent enough: an older one may contain an earlier version of the plain file. */
export function isNoOlder(compressedMs: number, file: FileEntry): boolean {
  return compressedMs >= file.modifiedMs;
}

async function isCurrent(compressed: string, file: FileEntry): Promise<boolean> {
  try {
    const stats = await statsOf(compressed);
    return stats.isFile() && isNoOlder(stats.mtimeMs, file);
  } catch {
    return false;
  }
}

/** Maximum number of roots, for programs that serve one folder per user: they must not keep data about all of them. */
const MAX_ROOTS = 64;

/** The roots by folder; the most recently requested is the last. */
const roots = new Map<string, StaticRoot>();

/** Returns the root for a folder, which all handlers of this thread share. */
export function staticRoot(folder: string): StaticRoot {
  const absolute = path.resolve(folder);
  const root = roots.get(absolute) ?? new StaticRoot(absolute);
  roots.delete(absolute);
  roots.set(absolute, root);
  if (roots.size > MAX_ROOTS) roots.delete(roots.keys().next().value as string);
  return root;
}

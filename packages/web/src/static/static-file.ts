import type { Stats } from 'node:fs';
import path from 'node:path';
import { formatHttpDate } from '@landspout/http1';
import { shownValue } from '@landspout/ioloop/errors';
import { HTTPError, WebUsageError } from '../errors.ts';
import { isEntityTag } from '../response/conditional.ts';
import type { PrecompressedCoding } from './precompressed.ts';

// The static room serves the files of folders. StaticRoot keeps what is known of the files below a folder;
// StaticFileHandler handles one request for one of them.

/** A regular file below a root, as it was when it was last read. */
export interface StaticFile {
  /** Its path, after all links were followed. */
  readonly absolutePath: string;
  /** In bytes. */
  readonly size: number;
  /** Milliseconds since 1970, in whole seconds, as in `Last-Modified`. */
  readonly modifiedMs: number;
  /**
   * Identifies the content: 32 hex digits, computed with SHA-256. Undefined if it was not computed: the file is larger
   * than 64 MiB, or is larger than 1 MiB and changed in the last two seconds.
   */
  readonly contentHash: string | undefined;
}

/** Where a path below a root leads. */
export interface StaticPlace {
  readonly absolutePath: string;
  /** Whether it is below the root, after all links were followed. */
  readonly isInside: boolean;
  /** Whether a name below the root starts with a dot, after all links were followed. */
  readonly isHidden: boolean;
}

export interface StaticRootRules {
  /** Whether names that start with a dot are served. */
  readonly dotfiles: boolean;
  /** Whether a symbolic link may lead out of the root, or to names that start with a dot. */
  readonly followSymlinks: boolean;
}

/**
 * A file whose last change is more recent may change again without a different time: the clocks of file systems advance
 * in steps of up to two seconds (FAT). What was read of it is not used for a later request.
 */
const SETTLED_MS = 2_000;

/** What is known of a file, until its size, times or identity change. */
export class FileEntry implements StaticFile {
  readonly absolutePath: string;
  readonly isInside: boolean;
  readonly isHidden: boolean;
  readonly size: number;
  readonly modifiedMs: number;
  /** {@link modifiedMs} as an HTTP-date. */
  readonly lastModified: string;
  /** Whether an unchanged time proves that the content is unchanged. */
  readonly isSettled: boolean;
  contentHash: string | undefined = undefined;
  /** When the file system was last asked whether it has changed, by `performance.now()`. */
  checkedMs: number = performance.now();
  /** The compressed files beside it; see `StaticRoot.codings`. */
  codings: readonly PrecompressedCoding[] = [];
  codingsLookup: Promise<readonly PrecompressedCoding[]> | undefined = undefined;
  codingsCheckedMs = Number.NEGATIVE_INFINITY;
  readonly #stats: Stats;

  /** @param nowMs - milliseconds since 1970, before the content was read. */
  constructor(place: StaticPlace, stats: Stats, nowMs: number) {
    this.absolutePath = place.absolutePath;
    this.isInside = place.isInside;
    this.isHidden = place.isHidden;
    this.size = stats.size;
    // Last-Modified must not be in the future (RFC 9110 §8.8.2.1).
    this.modifiedMs = Math.floor(Math.min(stats.mtimeMs, nowMs) / 1000) * 1000;
    this.lastModified = formatHttpDate(this.modifiedMs);
    this.isSettled = Math.abs(nowMs - stats.ctimeMs) >= SETTLED_MS;
    this.#stats = stats;
  }

  /** Whether these are the properties of the same file, unchanged. */
  matches(stats: Stats): boolean {
    const { ino, dev, size, mtimeMs, ctimeMs } = this.#stats;
    return (
      stats.ino === ino &&
      stats.size === size &&
      stats.mtimeMs === mtimeMs &&
      // A program can set the time of modification back, but not this one.
      stats.ctimeMs === ctimeMs &&
      stats.dev === dev
    );
  }

  /** The same place after it has changed to `stats`. Without a hash, so its tag is weak. */
  changedTo(stats: Stats, nowMs: number): FileEntry {
    return new FileEntry(this, stats, nowMs);
  }

  /**
   * The ETag of a version. Each coding has its own tag (RFC 9110 §8.8.3.3), even if the version is that of a release.
   * Without a version the tag is weak, because the file may change twice within one step of its clock.
   *
   * @throws WebUsageError `ERR_WEB_USAGE` if the version has characters that a tag must not have.
   */
  tag(version: string | undefined, coding: PrecompressedCoding | undefined): string {
    if (version === undefined) {
      return `W/"${this.size.toString(16)}-${Math.floor(this.#stats.mtimeMs * 1000).toString(16)}"`;
    }
    const tag = coding === undefined ? `"${version}"` : `"${version}-${coding}"`;
    if (isEntityTag(tag)) return tag;
    const problem = 'getContentVersion must return text without quotes';
    throw new WebUsageError('ERR_WEB_USAGE', `StaticFileHandler: ${problem}, got ${shownValue(version)}`);
  }
}

/** @param realRoot - the root, after all links were followed; `absolutePath` likewise. */
export function placeOf(realRoot: string, absolutePath: string): StaticPlace {
  if (absolutePath === realRoot) return { absolutePath, isInside: true, isHidden: false };
  // A sibling of the root may have a name that starts like that of the root, so the separator is compared too.
  const base = realRoot.endsWith(path.sep) ? realRoot : realRoot + path.sep;
  if (!absolutePath.startsWith(base)) return { absolutePath, isInside: false, isHidden: false };
  const names = absolutePath.slice(base.length).split(path.sep);
  return { absolutePath, isInside: true, isHidden: names.some((name) => name.startsWith('.')) };
}

/** @throws HTTPError 403 if a link leads to a place from which nothing may be served. */
export function requireServed({ isInside, isHidden }: StaticPlace, rules: StaticRootRules): void {
  if (rules.followSymlinks) return;
  if (!isInside) throw new HTTPError(403, 'a symbolic link leads out of the static root');
  if (isHidden && !rules.dotfiles) throw new HTTPError(403, 'a symbolic link leads to a hidden file');
}

/** Turns an error of the file system into a response, if it is not a fault of the program. */
export function refusal(error: unknown): unknown {
  switch ((error as { code?: unknown }).code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENAMETOOLONG':
    case 'ELOOP':
    case 'ENXIO':
      return new HTTPError(404, undefined, { cause: error });
    case 'EACCES':
    case 'EPERM':
      return new HTTPError(403, 'the file is not readable', { cause: error });
    case 'EMFILE':
    case 'ENFILE':
      return new HTTPError(503, 'too many open files', { cause: error });
    default:
      return error;
  }
}

import type { Stats } from 'node:fs';
import path from 'node:path';
import { formatHttpDate } from '@landspout/http1';
import { shownValue } from '@landspout/ioloop/errors';
import { HTTPError, WebUsageError } from '../errors.ts';
import { isEntityTag } from '../response/conditional.ts';
import type { PrecompressedCoding } from './precompressed.ts';

// This folder serves static files. StaticRoot caches data about the files below a folder; StaticFileHandler handles one
// request for a file.

/** A regular file below a root, as of the last look-up. */
export interface StaticFile {
  /** The path of the file, after all links were followed. */
  readonly absolutePath: string;
  /** The size in bytes. */
  readonly size: number;
  /** The modification time in milliseconds since 1970, rounded down to whole seconds, as in `Last-Modified`. */
  readonly modifiedMs: number;
  /**
   * Identifies the content: 32 hex digits, computed with SHA-256. Undefined if it was not computed, because the file is
   * larger than 64 MiB, or is larger than 1 MiB and changed in the last two seconds.
   */
  readonly contentHash: string | undefined;
}

/** Where a path below a root leads. */
export interface StaticPlace {
  readonly absolutePath: string;
  /** Whether the place is below the root, after all links were followed. */
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
 * If the last change of a file is more recent than this, the file may change again without getting a different time:
 * the clocks of file systems advance in steps of up to two seconds (FAT). Data read from such a file is not reused for
 * later requests.
 */
const SETTLED_MS = 2_000;

/** Cached data about a file, valid until the size, times or identity of the file change. */
export class FileEntry implements StaticFile {
  readonly absolutePath: string;
  readonly isInside: boolean;
  readonly isHidden: boolean;
  readonly size: number;
  readonly modifiedMs: number;
  /** {@link modifiedMs} as an HTTP-date. */
  readonly lastModified: string;
  /** Whether unchanged times prove that the content is unchanged. */
  readonly isSettled: boolean;
  contentHash: string | undefined = undefined;
  /** The time, by `performance.now()`, when the file system was last asked whether the file has changed. */
  checkedMs: number = performance.now();
  /** The codings of the compressed files beside this file; see `StaticRoot.codings`. */
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

  /** Whether `stats` describe the same file, unchanged. */
  matches(stats: Stats): boolean {
    const { ino, dev, size, mtimeMs, ctimeMs } = this.#stats;
    return (
      stats.ino === ino &&
      stats.size === size &&
      stats.mtimeMs === mtimeMs &&
      // A program can set the modification time back, but not the change time.
      stats.ctimeMs === ctimeMs &&
      stats.dev === dev
    );
  }

  /** Returns an entry for the same place after the file has changed to `stats`. It has no hash, so its tag is weak. */
  changedTo(stats: Stats, nowMs: number): FileEntry {
    return new FileEntry(this, stats, nowMs);
  }

  /**
   * Returns the ETag for a version. Each coding has its own tag (RFC 9110 §8.8.3.3), even if the version is that of a
   * release. Without a version, the tag is weak, because the file may change twice within one step of the file system's
   * clock.
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

/** @param realRoot - the root, after all links were followed. They were also followed for `absolutePath`. */
export function placeOf(realRoot: string, absolutePath: string): StaticPlace {
  if (absolutePath === realRoot) return { absolutePath, isInside: true, isHidden: false };
  // The separator is compared too, because the name of a sibling may start with the name of the root.
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

/** Converts an error of the file system to an HTTPError, if it is not a fault of the program. */
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

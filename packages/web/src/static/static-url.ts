import { opendir } from 'node:fs/promises';
import path from 'node:path';
import { shownValue } from '@landspout/ioloop/errors';
import { HTTPError, WebUsageError } from '../errors.ts';
import { percentEncodePath } from '../request/url-encoding.ts';
import type { StaticFile } from './static-file.ts';
import { DEFAULT_CACHE_BYTES, isFilePath } from './static-options.ts';
import { judgeStaticPath, pathBelow } from './static-path.ts';
import { type StaticRoot, staticRoot } from './static-root.ts';

/** The settings that determine the URLs of an application's static files. */
export interface StaticUrlSettings {
  /**
   * The folder of the static files. They are served at {@link staticUrlPrefix}, before all other routes; `favicon.ico`
   * and `robots.txt` also at the root, unless the application has its own routes for them. `this.staticUrl(path)` makes
   * their URLs. Default: none.
   */
  readonly staticPath?: string;
  /**
   * The prefix of the URLs of static files: a path that ends with a slash, or the URL of a CDN that ends with a slash.
   * The CDN must get the files from the same path of this application. Default: `/static/`.
   */
  readonly staticUrlPrefix?: string;
}

/** How a handler class locates its files and determines their versions; see the methods of `StaticFileHandler`. */
export interface StaticFileSource {
  getAbsolutePath(root: string, path: string): string;
  getContentVersion(file: StaticFile): string | undefined;
}

/** How old a known version may be before it is looked up again. */
const RECHECK_MS = 1_000;

/** Maximum number of files to load: a root does not remember more. */
const MAX_LOADED = 10_000;

/** Makes the URL of a file. @throws WebUsageError `ERR_WEB_USAGE` if `file` is not the path of a file. */
export function staticUrl(settings: StaticUrlSettings, file: string, version: string | undefined): string {
  const { staticUrlPrefix = '/static/' } = settings;
  const url = staticUrlPrefix + percentEncodePath(requireFilePath(file));
  return version === undefined ? url : `${url}?v=${encodeURIComponent(version)}`;
}

/**
 * Returns the version of a file if it is known. If the file was not checked recently, also starts a look-up, whose
 * result is for the next call: a page is rendered synchronously and must not wait for the file system.
 */
export function knownVersion(
  settings: StaticUrlSettings,
  file: string,
  source: StaticFileSource,
): string | undefined {
  const root = staticRoot(requireFolder(settings));
  const segments = segmentsOf(root, file, source);
  if (segments === undefined) return undefined;
  const known = root.known(segments);
  if (known === undefined || performance.now() - known.checkedMs >= RECHECK_MS) {
    // A file that does not exist has no version, and its URL results in a 404.
    root.lookUp(segments, DEFAULT_CACHE_BYTES).catch(() => {});
  }
  return known === undefined ? undefined : source.getContentVersion(known);
}

/** Returns the current version of a file; undefined if there is no such file. */
export async function currentVersion(
  settings: StaticUrlSettings,
  file: string,
  source: StaticFileSource,
): Promise<string | undefined> {
  const root = staticRoot(requireFolder(settings));
  const segments = segmentsOf(root, file, source);
  if (segments === undefined) return undefined;
  try {
    const found = await root.lookUp(segments, DEFAULT_CACHE_BYTES);
    return found.kind === 'file' ? source.getContentVersion(found.file) : undefined;
  } catch (error) {
    if (error instanceof HTTPError) return undefined;
    throw error;
  }
}

/**
 * Looks up all files that are not hidden, one after the other.
 *
 * @returns the number of files. Rejects if the folder does not exist.
 */
export async function loadFolder(settings: StaticUrlSettings): Promise<number> {
  const root = staticRoot(requireFolder(settings));
  const folders: string[][] = [[]];
  let count = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const isRoot = folder.length === 0;
    const entries = await opendir(path.join(root.path, ...folder)).catch((error: unknown) => {
      if (isRoot) throw error;
      return [];
    });
    for await (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      const segments = [...folder, entry.name];
      if (entry.isDirectory()) folders.push(segments);
      if (!entry.isFile()) continue;
      if (count === MAX_LOADED) return count;
      // The file may have been removed, or may not be readable.
      const found = await root.lookUp(segments, DEFAULT_CACHE_BYTES).catch(() => undefined);
      if (found !== undefined) count += 1;
    }
  }
  return count;
}

/** Returns undefined if the path from `source` is not that of a file below the root. */
function segmentsOf(
  { path: root }: StaticRoot,
  file: string,
  source: StaticFileSource,
): readonly string[] | undefined {
  const below = pathBelow(root, source.getAbsolutePath(root, requireFilePath(file)));
  const judged = judgeStaticPath(below, { dotfiles: true });
  return judged.kind === 'file' ? judged.segments : undefined;
}

function requireFolder({ staticPath }: StaticUrlSettings): string {
  if (typeof staticPath === 'string' && staticPath !== '') return staticPath;
  throw usage(`the setting staticPath must be the folder of the files, got ${shownValue(staticPath)}`);
}

function requireFilePath(file: string): string {
  if (isFilePath(file)) return file;
  throw usage(
    `path must be the path of a file below the folder, such as 'css/app.css', got ${shownValue(file)}`,
  );
}

function usage(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', `makeStaticUrl: ${problem}`);
}

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';
import { ALL_CODINGS, type PrecompressedCoding } from './precompressed.ts';
import type { StaticRootRules } from './static-file.ts';
import { judgeStaticPath } from './static-path.ts';
import { type StaticRoot, staticRoot } from './static-root.ts';

export interface StaticFileHandlerInit {
  /** The folder whose files are served. */
  readonly path: string;
  /**
   * The path of a single file, relative to the folder, for a route whose pattern has no parameter, such as
   * `/favicon.ico`. By default, the parameter of the pattern is the path.
   */
  readonly file?: string;
  /**
   * The name of the file that is served for a directory, such as `index.html`. Default: a directory is refused (403).
   */
  readonly defaultFilename?: string;
  /** Whether files and folders whose names start with a dot are served. Default: false. */
  readonly dotfiles?: boolean;
  /** Whether symbolic links may lead out of the folder, or to names that start with a dot. Default: false. */
  readonly followSymlinks?: boolean;
  /**
   * The codings of compressed files to look for beside the plain files, such as `app.js.br`, `app.js.zst` and
   * `app.js.gz`, in order of preference. A compressed file is sent if the client accepts its coding and it is not older
   * than the plain file, which must exist. Default: `['br', 'zstd', 'gzip']`; `[]` for none.
   */
  readonly precompressed?: readonly PrecompressedCoding[];
  /** Maximum total bytes of the files of up to 64 KiB that are kept in memory. Default: 8 MiB; 0 for none. */
  readonly cacheBytes?: number;
}

const INIT: OptionNames<StaticFileHandlerInit> = {
  path: true,
  file: true,
  defaultFilename: true,
  dotfiles: true,
  followSymlinks: true,
  precompressed: true,
  cacheBytes: true,
};

export const DEFAULT_CACHE_BYTES = 8 * 1024 * 1024;

/** {@link StaticFileHandlerInit}, checked and with defaults filled in. */
export interface StaticOptions extends StaticRootRules {
  readonly root: StaticRoot;
  readonly file: string | undefined;
  readonly defaultFilename: string | undefined;
  readonly precompressed: readonly PrecompressedCoding[];
  readonly cacheBytes: number;
}

/** The checked options, by the `init` value of a route, which is the same for all its requests. */
const checked = new WeakMap<object, StaticOptions>();

/** Checks the options of a route, once, and fills in defaults. @throws WebUsageError `ERR_WEB_USAGE`. */
export function staticOptions(init: StaticFileHandlerInit): StaticOptions {
  const known = checked.get(init);
  if (known !== undefined) return known;
  const problem = initProblem(init);
  if (problem !== undefined) throw new WebUsageError('ERR_WEB_USAGE', `StaticFileHandler: ${problem}`);
  const options: StaticOptions = {
    root: staticRoot(init.path),
    file: init.file,
    defaultFilename: init.defaultFilename,
    dotfiles: init.dotfiles ?? false,
    followSymlinks: init.followSymlinks ?? false,
    precompressed: init.precompressed ?? ALL_CODINGS,
    cacheBytes: init.cacheBytes ?? DEFAULT_CACHE_BYTES,
  };
  checked.set(init, options);
  return options;
}

/** Returns what is wrong with the options, without accessing the folder. */
export function initProblem(init: object): string | undefined {
  const unknown = optionsProblem(init, INIT);
  if (unknown !== undefined) return unknown;
  const { path, file, defaultFilename, dotfiles, followSymlinks, precompressed, cacheBytes } =
    init as Partial<StaticFileHandlerInit>;
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    return `path must be the folder of the files, as in { path: 'public' }, got ${shownValue(path)}`;
  }
  if (file !== undefined && !isFilePath(file)) {
    return `file must be the path of a file below the folder, such as 'favicon.ico', got ${shownValue(file)}`;
  }
  if (defaultFilename !== undefined && (!isFilePath(defaultFilename) || defaultFilename.includes('/'))) {
    return `defaultFilename must be the name of a file, such as 'index.html', got ${shownValue(defaultFilename)}`;
  }
  for (const [name, value] of Object.entries({ dotfiles, followSymlinks })) {
    if (value !== undefined && typeof value !== 'boolean') {
      return `${name} must be true or false, got ${shownValue(value)}`;
    }
  }
  if (precompressed !== undefined && !areCodings(precompressed)) {
    return `precompressed must be a list of 'br', 'zstd' and 'gzip', got ${shownValue(precompressed)}`;
  }
  if (cacheBytes !== undefined && !(Number.isSafeInteger(cacheBytes) && cacheBytes >= 0)) {
    return `cacheBytes must be a whole number of 0 or more, got ${shownValue(cacheBytes)}`;
  }
  return undefined;
}

/**
 * Returns what is wrong with the folder. It accesses the file system synchronously, so it is called only when an
 * application is created.
 */
export function folderProblem(path: string): string | undefined {
  const folder = resolve(path);
  const shown = JSON.stringify(folder);
  try {
    return statSync(folder).isDirectory() ? undefined : `path must be a folder, but ${shown} is a file`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') return `the folder ${shown} cannot be read (${code})`;
    const remedy =
      '; a relative path starts at the working directory: use path.join(import.meta.dirname, …) to start at the module';
    return `the folder ${shown} does not exist${folder === path ? '' : remedy}`;
  }
}

/** Whether the text is a relative path of a file below a folder. The file may be hidden. */
export function isFilePath(text: unknown): text is string {
  return typeof text === 'string' && judgeStaticPath(text, { dotfiles: true }).kind === 'file';
}

function areCodings(list: unknown): list is readonly PrecompressedCoding[] {
  return Array.isArray(list) && list.every((coding) => (ALL_CODINGS as readonly unknown[]).includes(coding));
}

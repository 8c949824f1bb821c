import { constants } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { HTTPError } from '../errors.ts';

/** An open regular file, which the caller must close. */
export interface StaticFile {
  readonly handle: FileHandle;
  readonly size: number;
  /** Milliseconds since 1970, in whole seconds, as in Last-Modified. */
  readonly modifiedMs: number;
  /** Weak, since a file may change twice within one tick of the file system's clock without changing its size. */
  readonly etag: string;
}

export interface StaticRootRules {
  readonly dotfiles: boolean;
  /** Whether a symbolic link may lead out of the root. */
  readonly followSymlinks: boolean;
}

/**
 * Opens a file below a root, or reports that it is a directory.
 *
 * Links are resolved first, so that the checked path is the one that is opened. If someone who may write below the root
 * replaces a link between the two steps, that is not noticed.
 *
 * @param segments - names below the root, already checked.
 * @throws HTTPError 404 if nothing exists, or neither a file nor a directory; 403 if it is not readable, or for links
 *   out of the root or to hidden files.
 */
export async function openStaticFile(
  root: string,
  segments: readonly string[],
  rules: StaticRootRules,
): Promise<StaticFile | 'directory'> {
  try {
    const realRoot = await realpath(root);
    const real = await realpath(path.join(realRoot, ...segments));
    if (!rules.followSymlinks) requireInside(realRoot, real, rules);
    const kind = await stat(real);
    if (kind.isDirectory()) return 'directory';
    if (!kind.isFile()) throw new HTTPError(404);
    return await openRegular(real);
  } catch (error) {
    throw refusal(error);
  }
}

async function openRegular(real: string): Promise<StaticFile> {
  // The flags avoid blocking if it has become a pipe in the meantime, and following a link created in the meantime.
  const handle = await open(
    real,
    constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
  );
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw new HTTPError(404);
    const { size, mtimeMs } = facts;
    const etag = `W/"${size.toString(16)}-${Math.floor(mtimeMs * 1000).toString(16)}"`;
    return { handle, size, modifiedMs: Math.floor(mtimeMs / 1000) * 1000, etag };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A sibling of the root may share its prefix, so the separator is compared too. */
function requireInside(realRoot: string, real: string, rules: StaticRootRules): void {
  const base = realRoot.endsWith(path.sep) ? realRoot : realRoot + path.sep;
  if (real === realRoot) return;
  if (!real.startsWith(base)) throw new HTTPError(403, 'a symbolic link leads out of the static root');
  if (rules.dotfiles) return;
  const hidden = real
    .slice(base.length)
    .split(path.sep)
    .some((name) => name.startsWith('.'));
  if (hidden) throw new HTTPError(403, 'a symbolic link leads to a hidden file');
}

function refusal(error: unknown): unknown {
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
    default:
      return error;
  }
}

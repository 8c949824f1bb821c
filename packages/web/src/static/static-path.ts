import path, { extname } from 'node:path';
import { lookup } from 'mrmime';

/** What a path below a static root refers to, according to its text alone. */
export type StaticPath =
  | { readonly kind: 'file'; readonly segments: readonly string[] }
  /** The path ends with a slash or is the root, so it must refer to a directory. */
  | { readonly kind: 'directory'; readonly segments: readonly string[] }
  | { readonly kind: 'refused'; readonly status: 403 | 404 };

export interface StaticPathRules {
  /** Whether names that start with a dot are served. */
  readonly dotfiles: boolean;
  /**
   * Whether the naming rules of Windows apply, about devices, streams, and trailing dots and spaces (which Windows
   * removes). Default: true on Windows.
   */
  readonly windows?: boolean;
}

const IS_WINDOWS = process.platform === 'win32';

const WINDOWS_NAME = /[:<>"|?*]|[. ]$|^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\.|$)/i;

/**
 * Checks a path that was decoded once. Anything that would lead out of the root, on this or another system, is refused
 * before a file is accessed: `..`, an extra slash, a backslash, a NUL.
 */
export function judgeStaticPath(
  text: string,
  { dotfiles, windows = IS_WINDOWS }: StaticPathRules,
): StaticPath {
  if (text.includes('\0')) return refused(404);
  if (text === '') return { kind: 'directory', segments: [] };
  const segments = text.split('/');
  // A redirect to `//host/` would lead to another site. No file has an empty name anyway.
  if (segments[0] === '') return refused(403);
  const kind = segments.at(-1) === '' ? 'directory' : 'file';
  if (kind === 'directory') segments.pop();
  for (const segment of segments) {
    if (segment === '..' || segment.includes('\\')) return refused(403);
    if (segment === '' || segment === '.') return refused(404);
    if (!dotfiles && segment.startsWith('.')) return refused(403);
    if (windows && WINDOWS_NAME.test(segment)) return refused(404);
  }
  return { kind, segments };
}

/**
 * Converts an absolute path to a path relative to a root, with slashes. The result starts with `..` if the path is not
 * below the root.
 */
export function pathBelow(root: string, absolutePath: string): string {
  const below = path.relative(root, absolutePath).split(path.sep).join('/');
  return below !== '' && /[/\\]$/.test(absolutePath) ? `${below}/` : below;
}

function refused(status: 403 | 404): StaticPath {
  return { kind: 'refused', status };
}

/**
 * Returns the Content-Type of a file according to the extension of its name. Text types get the charset UTF-8. For
 * unknown extensions, and for compressed files without a type of their own, it is `application/octet-stream`.
 */
export function fileContentType(name: string): string {
  const extension = extname(name);
  const type: unknown = extension === '' ? undefined : lookup(extension);
  // The table of mrmime has a prototype, so a look-up of `x.constructor` returns a function.
  if (typeof type !== 'string') return 'application/octet-stream';
  return type.startsWith('text/') ? `${type}; charset=UTF-8` : type;
}

import path, { extname } from 'node:path';
import { lookup } from 'mrmime';

/** What a path below a static root refers to, judged by its text alone. */
export type StaticPath =
  | { readonly kind: 'file'; readonly segments: readonly string[] }
  /** It ends with a slash or is the root, so it must be a directory. */
  | { readonly kind: 'directory'; readonly segments: readonly string[] }
  | { readonly kind: 'refused'; readonly status: 403 | 404 };

export interface StaticPathRules {
  /** Whether names that start with a dot are served. */
  readonly dotfiles: boolean;
  /**
   * Whether the rules of Windows for names apply: devices, streams, and trailing dots and spaces, which Windows
   * removes. Default: on Windows.
   */
  readonly windows?: boolean;
}

const IS_WINDOWS = process.platform === 'win32';

const WINDOWS_NAME = /[:<>"|?*]|[. ]$|^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\.|$)/i;

/**
 * Checks a path that was decoded once. Everything that would leave the root, here or on another system, is refused
 * before a file is accessed: `..`, an extra slash, a backslash, a NUL.
 */
export function judgeStaticPath(
  text: string,
  { dotfiles, windows = IS_WINDOWS }: StaticPathRules,
): StaticPath {
  if (text.includes('\0')) return refused(404);
  if (text === '') return { kind: 'directory', segments: [] };
  const segments = text.split('/');
  // `//host/` would become the Location of another site, and no file has an empty name.
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

/** Returns an absolute path relative to a root, with slashes; it starts with `..` if it is not below the root. */
export function pathBelow(root: string, absolutePath: string): string {
  const below = path.relative(root, absolutePath).split(path.sep).join('/');
  return below !== '' && /[/\\]$/.test(absolutePath) ? `${below}/` : below;
}

function refused(status: 403 | 404): StaticPath {
  return { kind: 'refused', status };
}

/**
 * The Content-Type of a file, by the extension of its name. Text is declared as UTF-8. Unknown types, and compressed
 * files without a type of their own, are `application/octet-stream`.
 */
export function fileContentType(name: string): string {
  const extension = extname(name);
  const type: unknown = extension === '' ? undefined : lookup(extension);
  // The table of mrmime has a prototype, so `x.constructor` finds a function.
  if (typeof type !== 'string') return 'application/octet-stream';
  return type.startsWith('text/') ? `${type}; charset=UTF-8` : type;
}

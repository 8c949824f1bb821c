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
   * removes.
   */
  readonly windows: boolean;
}

const WINDOWS_NAME = /[:<>"|?*]|[. ]$|^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\.|$)/i;

/**
 * Checks a path that was decoded once. Anything that would leave the root, here or on another system, is refused before
 * any file is accessed: `..`, an extra slash, a backslash, a NUL.
 */
export function judgeStaticPath(path: string, rules: StaticPathRules): StaticPath {
  if (path.includes('\0')) return refused(404);
  if (path === '') return { kind: 'directory', segments: [] };
  const segments = path.split('/');
  // `//host/` would make a Location of another site, and no file has an empty name.
  if (segments[0] === '') return refused(403);
  const kind = segments.at(-1) === '' ? 'directory' : 'file';
  if (kind === 'directory') segments.pop();
  for (const segment of segments) {
    if (segment === '..' || segment.includes('\\')) return refused(403);
    if (segment === '' || segment === '.') return refused(404);
    if (!rules.dotfiles && segment.startsWith('.')) return refused(403);
    if (rules.windows && WINDOWS_NAME.test(segment)) return refused(404);
  }
  return { kind, segments };
}

function refused(status: 403 | 404): StaticPath {
  return { kind: 'refused', status };
}

import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The part of a path that shows that it belongs to an installed package. */
const INSTALLED = /[/\\]node_modules[/\\]/;
const MAX_CAUSES = 8;
const MAX_ERROR_PATHS = 100;
/** A file in a line of a stack, as a URL or an absolute path, up to its line number or the end of the line. */
const FILE_IN_TEXT = /(file:\/\/\/[^\s):]+|(?<![\w.:/])\/[^\s():'"]+)/g;

/** Whether a file belongs to an installed package. */
export function isInstalled(file: string): boolean {
  return INSTALLED.test(file);
}

/** Returns the file of a resolved module; undefined for one of Node or of a data URL. */
export function fileOfModule(resolved: string): string | undefined {
  if (path.isAbsolute(resolved)) return resolved;
  if (!resolved.startsWith('file:')) return undefined;
  try {
    return fileURLToPath(resolved.replace(/[?#].*$/s, ''));
  } catch {
    return undefined;
  }
}

/**
 * Returns where a module was looked for that does not exist: a file, possibly without its extension, or the folder of an
 * installed package.
 *
 * @param specifier - as it was imported or required.
 * @param parent - the URL or path of the importing module.
 * @param packageFolder - finds the folder whose node_modules has the packages of a file.
 */
export function missingFile(
  specifier: string,
  parent: string | undefined,
  packageFolder: (file: string) => string,
): string | undefined {
  const own = fileOfModule(specifier);
  if (own !== undefined) return own;
  const importer = parent === undefined ? undefined : fileOfModule(parent);
  if (importer === undefined) return undefined;
  if (/^\.{1,2}(\/|$)/.test(specifier)) return path.resolve(path.dirname(importer), stripQuery(specifier));
  const name = /^(@[\w.~-]+\/)?[\w.~-]+/.exec(specifier)?.[0];
  // Anything with a scheme, and #imports, are resolved elsewhere.
  if (name === undefined || /^[a-z]+:/i.test(specifier)) return undefined;
  return path.join(packageFolder(importer), 'node_modules', name);
}

/**
 * Returns the files that an error names: in its stack, and as the `path` of a failed system call. Those of its causes
 * too, and what esbuild reports. Files of installed packages are left out.
 */
export function filesOfError(error: unknown): string[] {
  const files = new Set<string>();
  let current = error;
  for (let depth = 0; depth < MAX_CAUSES && typeof current === 'object' && current !== null; depth += 1) {
    const { stack, path: own, errors, cause } = current as Record<string, unknown>;
    if (typeof own === 'string') files.add(path.resolve(own));
    if (typeof stack === 'string') {
      for (const [text] of stack.matchAll(FILE_IN_TEXT)) files.add(fileOfModule(text) ?? '');
    }
    for (const file of filesOfTransform(errors)) files.add(path.resolve(file));
    current = cause;
  }
  return [...files].filter((file) => file !== '' && !isInstalled(file)).slice(0, MAX_ERROR_PATHS);
}

function filesOfTransform(errors: unknown): string[] {
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((one: { readonly location?: { readonly file?: unknown } } | null | undefined) => {
    const file = one?.location?.file;
    return typeof file === 'string' ? [file] : [];
  });
}

const stripQuery = (specifier: string): string => specifier.replace(/[?#].*$/s, '');

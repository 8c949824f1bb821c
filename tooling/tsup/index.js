/**
 * The build of every package: JavaScript by tsup, declarations with maps by the TypeScript compiler.
 *
 * @param {string[]} entry - the package's front doors, relative to its folder.
 */
export function library(entry) {
  return {
    entry,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    sourcemap: true,
    clean: true,
    splitting: true,
    silent: true,
    plugins: [{ name: 'class-names', renderChunk: (code) => ({ code: restoreClassNames(code) }) }],
    onSuccess: 'tsc -p tsconfig.build.json',
  };
}

/**
 * Gives classes the name that they have in their source. When esbuild bundles a class that refers to itself, it writes
 * `var Name = class _Name {…}`, and people would read `_Name` in stack traces and logs. It has no option against that:
 * `keepNames` would wrap every function in a call of a helper. The inner name may as well be the outer one.
 *
 * Where the underscore goes, a blank comes after the name, so that all columns of the source map stay right.
 *
 * @param {string} code
 */
function restoreClassNames(code) {
  let restored = code;
  for (const [, name] of code.matchAll(/\b(\w+) = class _\1\b/g)) {
    restored = restored.replaceAll(new RegExp(`(?<![\\w$#.])_${name}(?![\\w$])`, 'g'), `${name} `);
  }
  return restored;
}

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
    onSuccess: 'tsc -p tsconfig.build.json',
  };
}

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'vite';
import { instrument } from './instrument.mjs';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Bundles a target into one file of a new temporary folder, with branches that count themselves.
 *
 * @param {import('./targets.mjs').Target} target
 * @returns {Promise<{ folder: string, file: string, branches: number }>}
 */
export async function bundle(target) {
  let branches = 0;
  const covered = resolve(ROOT, target.covered);
  const transform = (/** @type {string} */ code, /** @type {string} */ id) =>
    id.startsWith(covered) ? instrument(id, code, () => (branches += 1)) : code;
  const bundled = await bundleProgram(target.module, transform);
  return { ...bundled, branches };
}

/**
 * Bundles a program of TypeScript into one file of a new temporary folder, from the sources of the packages.
 *
 * @param {string} module - its path from the root of the repository.
 * @param {(code: string, file: string) => string} [transform]
 * @param {string[]} [external] - packages that are not bundled.
 * @returns {Promise<{ folder: string, file: string }>}
 */
export async function bundleProgram(module, transform = (code) => code, external = []) {
  const result = await build({
    configFile: false,
    root: ROOT,
    logLevel: 'error',
    ssr: {
      noExternal: true,
      external,
      resolve: { conditions: ['@landspout/source', 'node', 'import', 'default'] },
    },
    resolve: { conditions: ['@landspout/source', 'node', 'import', 'default'] },
    build: {
      ssr: resolve(ROOT, module),
      write: false,
      minify: false,
      target: 'node20',
      rollupOptions: { output: { codeSplitting: false } },
    },
    plugins: [
      {
        name: 'file-urls',
        enforce: 'post',
        transform(code, id) {
          const own = code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href));
          return { code: transform(own, id), map: null };
        },
      },
    ],
  });
  const [output] = [result].flat();
  if (output === undefined || !('output' in output)) throw new Error('vite made no bundle');
  const folder = mkdtempSync(join(tmpdir(), 'landspout-fuzz-'));
  const file = join(folder, 'target.mjs');
  writeFileSync(file, output.output[0].code);
  return { folder, file };
}

// `pnpm docs:errors`: writes docs/errors.md from the error tables in the sources. With `--check` it writes nothing
// and fails when the file is not what it would write.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { LAYERS, packageName } from '../layers/layers.mjs';
import { readErrorTables } from './error-tables.mjs';
import { errorsPage } from './errors-page.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = path.join(ROOT, 'docs/errors.md');

const page = errorsPage(
  LAYERS.flat().map((folder) => ({ name: packageName(folder), ...readErrorTables(sources(folder)) })),
);
if (!process.argv.includes('--check')) {
  mkdirSync(path.dirname(PAGE), { recursive: true });
  writeFileSync(PAGE, page);
  console.log('wrote docs/errors.md');
} else if (!existsSync(PAGE) || readFileSync(PAGE, 'utf8') !== page) {
  console.error('docs/errors.md is not what the sources say: run `pnpm docs:errors` and commit it');
  process.exitCode = 1;
} else {
  console.log('docs/errors.md is up to date');
}

/** @param {string} folder */
function sources(folder) {
  const home = path.join(ROOT, 'packages', folder, 'src');
  if (!existsSync(home)) return [];
  return readdirSync(home, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .sort()
    .map((file) => ({ file, source: readFileSync(path.join(home, file), 'utf8') }));
}

// `pnpm docs:api`: writes docs/api/<package>.md from the declarations in dist/, so run `pnpm build` first. With
// `--check` it writes nothing, and fails with the difference if a page is not what it would write.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { LAYERS, packageName } from '../layers/layers.mjs';
import { apiPage } from './api-page.mjs';
import { ExportReader } from './read-exports.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = path.join(ROOT, 'docs/api');

const check = process.argv.includes('--check');
const packages = LAYERS.flat().map((folder) => ({ folder, doors: doorsOf(folder) }));
const reader = new ExportReader(new Map(packages.flatMap(({ doors }) => doors)));
/** @type {Map<string, string>} */
const pages = new Map();
for (const { folder, doors } of packages) {
  const exports = doors.map(([name, file]) => /** @type {const} */ ([name, reader.read(file)]));
  const hidden = reader.findHidden(exports.flatMap(([, found]) => [...found.values()]));
  pages.set(`${folder}.md`, apiPage(packageName(folder), exports, hidden));
}

mkdirSync(PAGES, { recursive: true });
let differing = 0;
for (const name of new Set([...readdirSync(PAGES), ...pages.keys()])) {
  const file = path.join(PAGES, name);
  const page = pages.get(name);
  if (existsSync(file) && readFileSync(file, 'utf8') === page) continue;
  differing += 1;
  if (check) printDifference(name, page);
  else if (page === undefined) rmSync(file);
  else writeFileSync(file, page);
}
if (!check) {
  console.log(`wrote docs/api, where ${differing} of ${pages.size} pages changed`);
} else if (differing > 0) {
  console.error('docs/api is not what the packages export: run `pnpm docs:api` and commit it');
  process.exitCode = 1;
} else {
  console.log('docs/api is up to date');
}

/**
 * The entry points of a package, and the declaration file of each.
 *
 * @param {string} folder @returns {[specifier: string, file: string][]}
 */
function doorsOf(folder) {
  const home = path.join(ROOT, 'packages', folder);
  const { name, exports } = JSON.parse(readFileSync(path.join(home, 'package.json'), 'utf8'));
  return Object.keys(exports)
    .filter((door) => door !== './package.json')
    .map((door) => [path.posix.join(name, door), path.join(home, exports[door].types)]);
}

/** @param {string} name @param {string | undefined} page */
function printDifference(name, page) {
  const before = existsSync(path.join(PAGES, name)) ? name : '/dev/null';
  const after = page === undefined ? '/dev/null' : '-';
  const args = ['diff', '--no-index', '--no-color', '--unified=1', '--', before, after];
  const { stdout } = spawnSync('git', args, { cwd: PAGES, input: page ?? '', encoding: 'utf8' });
  console.error(`docs/api/${name} differs:\n${stdout}`);
}

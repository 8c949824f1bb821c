// `node tooling/docs/guide.mjs`: writes the programs of apps/examples/tornado-guide into the pages of
// docs/tornado-guide. With `--check` it writes nothing, and fails if a page is not what it would write.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { fillPage } from './guide-page.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = path.join(ROOT, 'docs/tornado-guide');
const PROGRAMS = path.join(ROOT, 'apps/examples/tornado-guide');

const check = process.argv.includes('--check');
for (const name of readdirSync(PAGES).filter((file) => file.endsWith('.md'))) {
  const page = path.join(PAGES, name);
  const before = readFileSync(page, 'utf8');
  const { text } = fillPage(before, (file) => readFileSync(path.join(PROGRAMS, file), 'utf8'));
  if (text === before) continue;
  if (!check) {
    writeFileSync(page, text);
    console.log(`wrote docs/tornado-guide/${name}`);
    continue;
  }
  console.error(`docs/tornado-guide/${name} is out of date: run \`node tooling/docs/guide.mjs\``);
  process.exitCode = 1;
}

// `node tooling/docs/links.mjs [root]`: every relative link of a page leads to a file or folder that is there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const LINK = /\[[^\]]*\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g;
const NOT_OURS = new Set(['node_modules', 'dist', '.git', '.turbo', '.changeset', 'CHANGELOG.md']);

const root = path.resolve(process.argv[2] ?? fileURLToPath(new URL('../..', import.meta.url)));
let links = 0;
for (const page of pagesOf(root)) {
  const text = readFileSync(page, 'utf8').replaceAll(/^```.*?^```/gms, '');
  for (const [, target = ''] of text.matchAll(LINK)) {
    if (/^[a-z]+:/.test(target)) continue;
    links += 1;
    if (existsSync(path.resolve(path.dirname(page), target))) continue;
    console.error(`${path.relative(root, page)}: links ${target}, which is not there`);
    process.exitCode = 1;
  }
}
if (!process.exitCode) console.log(`${links} links lead to files`);

/** @param {string} folder @returns {string[]} */
function pagesOf(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !NOT_OURS.has(name))
    .flatMap((entry) => {
      const where = path.join(folder, entry.name);
      if (entry.isDirectory()) return pagesOf(where);
      return entry.name.endsWith('.md') ? [where] : [];
    });
}

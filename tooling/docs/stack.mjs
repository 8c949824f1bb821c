// Writes the drawing of the stack into README.md and the graph of packages into ARCHITECTURE.md, from the packages
// themselves; with `--check` it fails where they are out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LAYERS } from '../layers/layers.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const packages = LAYERS.flat().reverse();

function describe(/** @type {string} */ name) {
  const folder = join(root, 'packages', name);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return {
    name,
    manifest,
    below: Object.keys(manifest.dependencies ?? {}).filter((dependency) =>
      dependency.startsWith('@landspout/'),
    ),
  };
}

const stack = packages.map(describe);

const drawing = [
  '| layer | what it is |',
  '| --- | --- |',
  ...stack.map(({ name, manifest }) => `| [${manifest.name}](packages/${name}) | ${manifest.description} |`),
].join('\n');

const graph = [
  '```text',
  ...stack.map(({ manifest, below }) => {
    const names = below.map((name) => name.replace('@landspout/', ''));
    return `${manifest.name.padEnd(22)} ${names.length === 0 ? '(nothing of ours)' : names.join(', ')}`;
  }),
  '```',
].join('\n');

let stale = false;
for (const { file, name, text } of [
  { file: 'README.md', name: 'stack', text: drawing },
  { file: 'ARCHITECTURE.md', name: 'graph', text: graph },
]) {
  const path = join(root, file);
  const before = readFileSync(path, 'utf8');
  const after = before.replace(
    new RegExp(`(<!-- ${name}:begin[^>]*-->\\n)[\\s\\S]*?(<!-- ${name}:end -->)`),
    (_, begin, end) => `${begin}${text}\n${end}`,
  );
  if (after === before) continue;
  if (process.argv.includes('--check')) {
    stale = true;
    console.error(`${file} is out of date: run \`pnpm docs:stack\``);
  } else {
    writeFileSync(path, after);
  }
}
process.exitCode = stale ? 1 : 0;

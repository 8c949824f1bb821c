// Writes the drawing of the stack into README.md and the graph of packages into ARCHITECTURE.md, from the packages
// themselves; with `--check` it fails where they are out of date.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LAYERS } from '../layers/layers.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const packages = LAYERS.flat().reverse();

/** Lines of source, tests left out, native code counted. */
function linesOf(/** @type {string} */ folder) {
  let lines = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) lines += linesOf(path);
    else if (/\.(ts|c|h)$/.test(entry.name) && !entry.name.endsWith('.test.ts')) {
      lines += readFileSync(path, 'utf8').split('\n').length - 1;
    }
  }
  return lines;
}

function describe(/** @type {string} */ name) {
  const folder = join(root, 'packages', name);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const native = join(folder, 'native');
  const hasNative = statSync(native, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return {
    name,
    manifest,
    lines: linesOf(join(folder, 'src')) + (hasNative ? linesOf(native) : 0),
    below: Object.keys(manifest.dependencies ?? {}).filter((dependency) =>
      dependency.startsWith('@landspout/'),
    ),
  };
}

const stack = packages.map(describe);

const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** What the README says stays while it is true to a tenth, so that not every fix makes it stale. */
function sizeOf(/** @type {string} */ name, /** @type {number} */ lines) {
  const written = Number(new RegExp(`\\(packages/${name}\\) \\|.*\\| (\\d+) \\|`).exec(readme)?.[1]);
  if (Math.abs(written - lines) <= Math.max(100, lines / 10)) return written;
  return Math.max(100, Math.round(lines / 100) * 100);
}

const drawing = [
  '| layer | what it is | lines |',
  '| --- | --- | ---: |',
  ...stack.map(({ name, manifest, lines }) => {
    return `| [${manifest.name}](packages/${name}) | ${manifest.description} | ${sizeOf(name, lines)} |`;
  }),
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

// `pnpm check:tarballs [package...]`: packs every package, installs each with plain npm and what is below it into a
// fresh folder outside the workspace, runs a program that uses it, and compiles one against its types.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compileTypes, installInto, packAll, runProgram } from './consumer.mjs';
import { publishedPackages, withWhatIsBelow } from './packages.mjs';

/** A package that hangs must not hold up the gate for ever. Looked at between packages, each of which is bounded. */
const LIMIT_MS = 10 * 60_000;

const started = Date.now();
const all = publishedPackages();
const wanted = process.argv.slice(2);
const chosen = all.filter(
  ({ folder, name }) => wanted.length === 0 || wanted.includes(folder) || wanted.includes(name),
);
if (chosen.length === 0) throw new Error(`no package is called ${wanted.join(' or ')}`);

const home = mkdtempSync(path.join(tmpdir(), 'landspout-tarballs-'));
let failures = 0;
try {
  const tarballs = packAll(all, path.join(home, 'tarballs'));
  for (const own of chosen) {
    if (Date.now() - started > LIMIT_MS) throw new Error(`not done within ${LIMIT_MS / 60_000} minutes`);
    try {
      const folder = path.join(home, own.folder);
      installInto(
        folder,
        withWhatIsBelow(own, all).map(({ name }) => String(tarballs.get(name))),
      );
      const output = runProgram(folder, own).trim();
      compileTypes(folder, own);
      console.log(
        `${own.name}: installs, runs and compiles alone${output === '' ? '' : ` (${output.split('\n').at(-1)})`}`,
      );
    } catch (error) {
      failures += 1;
      console.error(`${own.name}: ${/** @type {Error} */ (error).message}`);
    }
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
process.exitCode = failures === 0 ? 0 : 1;

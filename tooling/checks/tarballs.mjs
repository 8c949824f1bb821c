// `pnpm check:tarballs [package...]`: packs every package, installs each with plain npm and what is below it into a
// fresh folder outside the workspace, compiles a program and the samples of its README there, and runs them. The
// programs of apps/examples are compiled and run against the umbrella. `pages` stands for the samples of the pages
// in docs/ that pages.mjs lists; docs/run-*.md and docs/coming-from-*.md are run with the frameworks that they are about.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { installInto, packAll, typescript } from './consumer.mjs';
import { publishedPackages, withWhatIsBelow } from './packages.mjs';
import { packagesOfPages, runPages, writePages } from './pages.mjs';
import { runExamples } from './run-examples.mjs';
import { runOnBothBackends, runToEnd } from './run-program.mjs';
import { runSamples } from './run-samples.mjs';
import {
  compileSources,
  DOORS_PROGRAM,
  peerVersions,
  programOf,
  SUBPATH_PROGRAMS,
  writeProgram,
  writeSources,
} from './sources.mjs';

/** @typedef {import('./sources.mjs').SubpathProgram} SubpathProgram */

/** A package that hangs must not hold up the gate for ever. Looked at between packages, each of which is bounded. */
const LIMIT_MS = 10 * 60_000;

/** The last TypeScript that is written in JavaScript, which many programs still have, beside the repository's own. */
const OLDER_TYPESCRIPT = '5.9';

/** The optional peers that programs of one file in apps/examples need. */
const PEERS_OF_EXAMPLES = ['openid-client'];

const started = Date.now();
const all = publishedPackages();
const wanted = process.argv.slice(2);
const chosen = all.filter(
  ({ folder, name }) => wanted.length === 0 || wanted.includes(folder) || wanted.includes(name),
);
const wantsPages = wanted.length === 0 || wanted.includes('pages');
if (chosen.length === 0 && !wantsPages) throw new Error(`no package is called ${wanted.join(' or ')}`);

const home = mkdtempSync(path.join(tmpdir(), 'landspout-tarballs-'));
let failures = 0;
try {
  const tarballs = packAll(all, path.join(home, 'tarballs'));
  const older = path.join(home, 'older-typescript');
  installInto(older, [`typescript@${OLDER_TYPESCRIPT}`]);
  const compilers = [typescript(older), typescript()];
  for (const own of chosen) {
    if (Date.now() - started > LIMIT_MS) throw new Error(`not done within ${LIMIT_MS / 60_000} minutes`);
    try {
      const folder = path.join(home, own.folder);
      const below = withWhatIsBelow(own, all).map(({ name }) => String(tarballs.get(name)));
      installInto(folder, own.name === 'landspout' ? [...below, ...peerVersions(PEERS_OF_EXAMPLES)] : below);
      const samples = writeSources(folder, own);
      compileSources(folder, compilers);
      await runToEnd(folder, [process.execPath, DOORS_PROGRAM]);
      const backends = await runOnBothBackends(folder, programOf(own));
      const ran = await runSamples(folder, samples);
      for (const subpath of SUBPATH_PROGRAMS.filter(({ of }) => of === own.folder)) {
        await checkSubpath(subpath, { tarballs, below, compilers });
      }
      const also = samples.length === 0 ? '' : `; samples: ${samples.length} compile, ${ran} run`;
      console.log(`${own.name}: installs alone, compiles, runs (${backends} backend)${also}`);
      if (own.name !== 'landspout') continue;
      console.log(`${await runExamples(folder)} examples run (${backends} backend)`);
    } catch (error) {
      failures += 1;
      console.error(`${own.name}: ${/** @type {Error} */ (error).message}`);
    }
  }
  try {
    if (wantsPages) await checkPages(path.join(home, 'pages'), [...tarballs.values()], compilers);
  } catch (error) {
    failures += 1;
    console.error(`the pages: ${/** @type {Error} */ (error).message}`);
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
process.exitCode = failures === 0 ? 0 : 1;

/**
 * Runs the program of a subpath with its peers.
 *
 * @param {SubpathProgram} subpath
 * @param {{ tarballs: Map<string, string>, below: string[], compilers: readonly string[][] }} consumer
 */
async function checkSubpath({ of, name, packages, peers }, { tarballs, below, compilers }) {
  const folder = path.join(home, name);
  installInto(folder, [
    ...below,
    ...packages.map((one) => String(tarballs.get(one))),
    ...peerVersions(peers, of),
  ]);
  writeProgram(folder, name);
  compileSources(folder, compilers);
  const backends = await runOnBothBackends(folder, `out/${name}.js`);
  console.log(`${name}: compiles, runs with ${peers.join(' and ')} (${backends} backend)`);
}

/** @param {string} folder @param {string[]} tarballs @param {readonly string[][]} compilers */
async function checkPages(folder, tarballs, compilers) {
  installInto(folder, [...tarballs, ...packagesOfPages()]);
  const samples = writePages(folder);
  compileSources(folder, compilers);
  await runPages(folder, samples);
  console.log(`the pages: ${samples.length} samples compile and run on both backends`);
}

// `pnpm check:nodes [--suite] [22 24 26]`: the packed packages, native addon included, on other versions of Node;
// with --suite also all runs of the test suite on each. The Nodes come from npm, some 200 MB each.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { RUNS } from '../vitest/results.mjs';
import { installInto, packAll, typescript } from './consumer.mjs';
import { publishedPackages, ROOT, withWhatIsBelow } from './packages.mjs';
import { runCommand } from './run-command.mjs';
import { runOnBothBackends } from './run-program.mjs';
import { compileSources, programOf, writeSources } from './sources.mjs';

const args = process.argv.slice(2);
const suite = args.includes('--suite');
const given = args.filter((arg) => /^\d+$/.test(arg));
const versions = given.length > 0 ? given : ['22', '24', '26'];

const all = publishedPackages();
const home = mkdtempSync(path.join(tmpdir(), 'landspout-nodes-'));
let failures = 0;
try {
  const tarballs = packAll(all, path.join(home, 'tarballs'));
  for (const own of all) {
    const folder = path.join(home, own.folder);
    installInto(
      folder,
      withWhatIsBelow(own, all).map(({ name }) => String(tarballs.get(name))),
    );
    writeSources(folder, own);
    compileSources(folder, [typescript()]);
  }
  for (const version of versions) await attempt(version, () => tryNode(version));
} finally {
  rmSync(home, { recursive: true, force: true });
}
process.exitCode = failures === 0 ? 0 : 1;

/** @param {string} version - such as `22`: the newest of that line is taken. */
async function tryNode(version) {
  // The path of the binary, so that each program starts without npx before it.
  const find = ['npx', '-y', '-p', `node@${version}`, '-c', 'node -p process.execPath'];
  const binary = runCommand(find, { timeoutMs: 300_000, cwd: home }).trim().split('\n').at(-1) ?? '';
  const exact = runCommand([binary, '--version']).trim();
  for (const own of all) {
    await attempt(`${exact} ${own.name}`, async () => {
      const backends = await runOnBothBackends(path.join(home, own.folder), programOf(own), [binary]);
      console.log(`Node ${exact}: ${own.name} runs (${backends} backend)`);
    });
  }
  if (suite)
    for (const run of Object.keys(RUNS)) await attempt(`${exact} ${run}`, () => runSuite(binary, run));
}

/** @param {string} binary @param {string} run - one of {@link RUNS}. */
function runSuite(binary, run) {
  const env = { ...process.env, PATH: `${path.dirname(binary)}${path.delimiter}${process.env.PATH}` };
  const { status } = spawnSync(binary, ['tooling/vitest/run-suite.mjs', run], {
    cwd: ROOT,
    stdio: 'inherit',
    env,
  });
  if (status !== 0) throw new Error(`the suite failed in its run ${run}`);
}

/** @param {string} what @param {() => unknown} run */
async function attempt(what, run) {
  try {
    await run();
  } catch (error) {
    failures += 1;
    console.error(`${what}: ${/** @type {Error} */ (error).message}`);
  }
}

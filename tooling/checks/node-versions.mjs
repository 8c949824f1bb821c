// `pnpm check:nodes [--suite] [22 24 26]`: the packed packages, native addon included, on other versions of Node;
// with --suite also the whole test suite on each. The Nodes come from npm, some 200 MB each.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { installInto, packAll, runProgram } from './consumer.mjs';
import { publishedPackages, ROOT, withWhatIsBelow } from './packages.mjs';
import { runCommand } from './run-command.mjs';

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
    installInto(
      path.join(home, own.folder),
      withWhatIsBelow(own, all).map(({ name }) => String(tarballs.get(name))),
    );
  }
  for (const version of versions) attempt(version, () => tryNode(version));
} finally {
  rmSync(home, { recursive: true, force: true });
}
process.exitCode = failures === 0 ? 0 : 1;

/** @param {string} version */
function tryNode(version) {
  // The path of the binary, so that each program starts without npx before it.
  const find = ['npx', '-y', '-p', `node@${version}`, '-c', 'node -p process.execPath'];
  const binary = runCommand(find, { timeoutMs: 300_000, cwd: home }).trim().split('\n').at(-1) ?? '';
  const exact = runCommand([binary, '--version']).trim();
  for (const own of all) {
    attempt(`${exact} ${own.name}`, () => {
      const said = runProgram(path.join(home, own.folder), own, [binary]).trim().split('\n').at(-1);
      console.log(`Node ${exact}: ${own.name} runs${said ? ` (${said})` : ''}`);
    });
  }
  if (suite)
    for (const backend of ['native', 'portable'])
      attempt(`${exact} ${backend}`, () => runSuite(binary, backend));
}

/** @param {string} binary @param {string} backend */
function runSuite(binary, backend) {
  const env = { ...process.env, PATH: `${path.dirname(binary)}${path.delimiter}${process.env.PATH}` };
  const { status } = spawnSync(binary, ['tooling/vitest/run-suite.mjs', backend], {
    cwd: ROOT,
    stdio: 'inherit',
    env,
  });
  if (status !== 0) throw new Error(`the suite failed on the ${backend} backend`);
}

/** @param {string} what @param {() => unknown} run */
function attempt(what, run) {
  try {
    run();
  } catch (error) {
    failures += 1;
    console.error(`${what}: ${/** @type {Error} */ (error).message}`);
  }
}

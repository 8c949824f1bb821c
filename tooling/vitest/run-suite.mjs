// `node tooling/vitest/run-suite.mjs native|node-tls|portable [vitest arguments]`: the whole suite on one backend, or
// with `node-tls` the tests that use TLS, over node:tls on the native backend. Leaves the report for compare-counts and
// ends with a line `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { countsLine, ROOT, RUNS, readResults, reportFile } from './results.mjs';
import { tlsTests } from './tls-tests.mjs';

/** The prebuilds of the addon, one folder per platform, as `linux-x64-gnu`. */
const PREBUILDS = path.join(ROOT, 'packages/ioloop/prebuilds');

const [run, ...rest] = /** @type {[import('./results.mjs').Run, ...string[]]} */ (process.argv.slice(2));
if (!Object.hasOwn(RUNS, run)) {
  console.error(`say which run: ${Object.keys(RUNS).join(', ')}`);
  process.exit(2);
}
const report = reportFile(run);
mkdirSync(path.dirname(report), { recursive: true });
rmSync(report, { force: true });

if (RUNS[run].LANDSPOUT_BACKEND === 'native' && !hasNativeAddon()) leaveOutNative();
process.exit(runSuite());

/** Without a compiler a contributor tests the portable backend alone; CI has a compiler, so there it is a fault. */
function leaveOutNative() {
  const why = 'the native addon is not built for this platform (it needs Linux and a C compiler)';
  if (process.env.CI) {
    console.error(`${why}: in CI that is a failure`);
    process.exit(1);
  }
  console.log(`${why}: the suite runs on the portable backend only`);
  process.exit(0);
}

/** @returns {number} the exit code. */
function runSuite() {
  const vitest = path.join(
    path.dirname(createRequire(import.meta.url).resolve('vitest/package.json')),
    'vitest.mjs',
  );
  const args = ['run', '--config', 'tooling/vitest/workspace.config.ts', '--root', '.'];
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const namesFiles = rest.some((argument) => !argument.startsWith('-'));
  const files = run === 'node-tls' && !namesFiles ? [...tlsTests(), ...rest] : rest;
  console.log(`running ${description()}, Node ${process.version}`);
  const { status, signal } = spawnSync(process.execPath, [vitest, ...args, ...reporters, ...files], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...RUNS[run] },
  });
  const results = readResults(report);
  if (results === undefined) {
    console.error(`the ${run} run left no report (exit ${status ?? signal})`);
    return 1;
  }
  for (const name of results.failed) console.error(`failed on ${run}: ${name}`);
  console.log(countsLine(results));
  // Vitest also fails for what is no test, such as an unhandled rejection; its word counts as much as the counts.
  return status === 0 && results.failed.length === 0 ? 0 : status || 1;
}

function description() {
  if (run === 'node-tls') return 'the tests that use TLS over node:tls on the native backend';
  return `the test suite on the ${run} backend`;
}

function hasNativeAddon() {
  if (!existsSync(PREBUILDS)) return false;
  const platform = `${process.platform}-${process.arch}`;
  return readdirSync(PREBUILDS, { recursive: true, encoding: 'utf8' }).some(
    (file) => file.startsWith(platform) && file.endsWith('.node'),
  );
}

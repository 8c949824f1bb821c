// `node tooling/vitest/run-suite.mjs native|portable [vitest arguments]`: the whole suite on one backend. Leaves
// the report for compare-counts and ends with a line `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { BACKENDS, countsLine, ROOT, readResults, reportFile } from './results.mjs';

/** The prebuilds of the addon, one folder per platform, as `linux-x64-gnu`. */
const PREBUILDS = path.join(ROOT, 'packages/ioloop/prebuilds');

const [backend, ...rest] = /** @type {[import('./results.mjs').Backend, ...string[]]} */ (
  process.argv.slice(2)
);
if (!BACKENDS.includes(backend)) {
  console.error(`say which backend: ${BACKENDS.join(' or ')}`);
  process.exit(2);
}
const report = reportFile(backend);
mkdirSync(path.dirname(report), { recursive: true });
rmSync(report, { force: true });

if (backend === 'native' && !hasNativeAddon()) leaveOutNative();
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
  console.log(`running the test suite on the ${backend} backend, Node ${process.version}`);
  const { status, signal } = spawnSync(process.execPath, [vitest, ...args, ...reporters, ...rest], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, LANDSPOUT_BACKEND: backend },
  });
  const results = readResults(report);
  if (results === undefined) {
    console.error(`the ${backend} run left no report (exit ${status ?? signal})`);
    return 1;
  }
  for (const name of results.failed) console.error(`failed on ${backend}: ${name}`);
  console.log(countsLine(results));
  // Vitest also fails for what is no test, such as an unhandled rejection; its word counts as much as the counts.
  return status === 0 && results.failed.length === 0 ? 0 : status || 1;
}

function hasNativeAddon() {
  if (!existsSync(PREBUILDS)) return false;
  const platform = `${process.platform}-${process.arch}`;
  return readdirSync(PREBUILDS, { recursive: true, encoding: 'utf8' }).some(
    (file) => file.startsWith(platform) && file.endsWith('.node'),
  );
}

/**
 * Builds the addon with AddressSanitizer and UBSan and runs the suites of ioloop and iostream with it.
 *
 *   node scripts/test-sanitized.mjs [vitest arguments]
 *
 * Fails when a test fails, when a sanitizer has reported anything about the addon, or when the sanitized addon was
 * never loaded. Leaks count where our own code allocated what leaked: Node does not free everything at its end. They
 * are found in the programs that tests start, which end by themselves, and above all in the one that calls everything.
 * The programs that tests start run the built packages, so build first.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sanitizedEnvironment, sanitizerReports } from './sanitizers.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const SUITES = ['packages/ioloop', 'packages/iostream'];

const home = mkdtempSync(join(tmpdir(), 'landspout-sanitized-'));
try {
  process.exitCode = run();
} finally {
  rmSync(home, { recursive: true });
}

function run() {
  const sanitized = sanitizedEnvironment(home);
  if ('reason' in sanitized) return refuse(sanitized.reason);
  const vitest = join(
    dirname(createRequire(join(ROOT, 'package.json')).resolve('vitest/package.json')),
    'vitest.mjs',
  );
  const args = ['run', '--config', 'tooling/vitest/workspace.config.ts', '--root', '.'];
  const { status } = spawnSync(process.execPath, [vitest, ...args, ...wishes()], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...sanitized.env },
  });
  const found = sanitizerReports(home);
  if (found === undefined) return refuse('no process loaded the sanitized addon');
  for (const complaint of found) console.error(complaint);
  console.log(`sanitizers: ${found.length} reports about the addon`);
  return status !== 0 ? (status ?? 1) : found.length > 0 ? 1 : 0;
}

function wishes() {
  const given = process.argv.slice(2);
  return given.some((argument) => !argument.startsWith('-')) ? given : [...SUITES, ...given];
}

function refuse(reason) {
  console.error(`ioloop: ${reason}: nothing was tested with sanitizers`);
  return 1;
}

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
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPTS = dirname(fileURLToPath(import.meta.url));
const ROOT = resolve(SCRIPTS, '../../..');
const SUITES = ['packages/ioloop', 'packages/iostream'];
/** In a stack, the frame of our own code. */
const OURS = / native\/[a-z-]+\.c:\d+/; // as it was named to the compiler

const home = mkdtempSync(join(tmpdir(), 'landspout-sanitized-'));
try {
  process.exitCode = run();
} finally {
  rmSync(home, { recursive: true });
}

function run() {
  if (process.platform !== 'linux') return refuse(`${process.platform} has no epoll`);
  const addon = join(home, 'reactor.node');
  const build = [join(SCRIPTS, 'build-native.mjs'), '--sanitize', '--out', addon];
  if (spawnSync(process.execPath, build, { stdio: 'inherit' }).status !== 0) return 1;
  if (!existsSync(addon)) return refuse('the addon could not be built');
  const runtimes = ['libasan.so', 'libubsan.so'].map(runtimePath);
  if (runtimes.includes(undefined)) return refuse('the compiler has no shared sanitizer runtimes');

  const reports = join(home, 'report');
  const vitest = join(
    dirname(createRequire(join(ROOT, 'package.json')).resolve('vitest/package.json')),
    'vitest.mjs',
  );
  const args = ['run', '--config', 'tooling/vitest/workspace.config.ts', '--root', '.'];
  // Into workers and child processes too: each loads the runtime first, and the sanitized addon in place of ours.
  const { status } = spawnSync(process.execPath, [vitest, ...args, ...wishes()], {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env,
      LANDSPOUT_BACKEND: 'native',
      LANDSPOUT_SANITIZED_ADDON: addon,
      LANDSPOUT_SANITIZED_MARK: join(home, 'loaded'),
      LD_PRELOAD: runtimes.join(' '),
      NODE_OPTIONS:
        `${process.env.NODE_OPTIONS ?? ''} --require=${join(SCRIPTS, 'load-sanitized.cjs')}`.trim(),
      // What leaks does not change how a program ends, which tests look at; the reports say it.
      ASAN_OPTIONS: `log_path=${reports}:detect_leaks=1:halt_on_error=1`,
      LSAN_OPTIONS: 'exitcode=0:report_objects=0:print_suppressions=0',
      UBSAN_OPTIONS: `log_path=${reports}:print_stacktrace=1`,
    },
  });

  if (!existsSync(join(home, 'loaded'))) return refuse('no process loaded the sanitized addon');
  const found = readdirSync(home)
    .filter((name) => name.startsWith('report.'))
    .flatMap((name) => complaints(readFileSync(join(home, name), 'utf8')));
  for (const complaint of found) console.error(complaint);
  console.log(`sanitizers: ${found.length} reports about the addon`);
  return status !== 0 ? (status ?? 1) : found.length > 0 ? 1 : 0;
}

function wishes() {
  const given = process.argv.slice(2);
  return given.some((argument) => !argument.startsWith('-')) ? given : [...SUITES, ...given];
}

/**
 * Every error of a report, and of its leaks those that our code has allocated, by itself, through Node-API or through
 * OpenSSL.
 */
function complaints(report) {
  if (!report.includes('LeakSanitizer')) return report.trim() === '' ? [] : [report];
  return report.split('\n\n').filter((block) => {
    const frames = block.split('\n').filter((line) => /^\s+#\d+ /.test(line));
    const ours = frames.findIndex((frame) => OURS.test(frame));
    return ours !== -1 && !frames.slice(0, ours).some((frame) => / in (v8|node)::/.test(frame));
  });
}

function runtimePath(name) {
  const [command = 'cc', ...flags] = (process.env.CC ?? 'cc').trim().split(/\s+/);
  const { stdout, status } = spawnSync(command, [...flags, `-print-file-name=${name}`], { encoding: 'utf8' });
  const path = stdout?.trim() ?? '';
  return status === 0 && path.startsWith('/') ? path : undefined;
}

function refuse(reason) {
  console.error(`ioloop: ${reason}: nothing was tested with sanitizers`);
  return 1;
}

/** Building the addon with AddressSanitizer and UBSan, and programs that run with it. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPTS = dirname(fileURLToPath(import.meta.url));
/** In a stack, the frame of our own code. */
const OURS = / native\/[a-z-]+\.c:\d+/; // as it was named to the compiler

/**
 * Builds the sanitized addon.
 *
 * @param {string} home - a folder for it and for the reports.
 * @returns {{ env: Record<string, string> } | { reason: string }} what programs need in their environment, or why none
 *   can run with sanitizers.
 */
export function sanitizedEnvironment(home) {
  if (process.platform !== 'linux') return { reason: `${process.platform} has no epoll` };
  const addon = join(home, 'reactor.node');
  const build = [join(SCRIPTS, 'build-native.mjs'), '--sanitize', '--out', addon];
  const { status } = spawnSync(process.execPath, build, { stdio: 'inherit' });
  if (status !== 0 || !existsSync(addon)) return { reason: 'the addon could not be built' };
  const runtimes = ['libasan.so', 'libubsan.so'].map(runtimePath);
  if (runtimes.includes(undefined)) return { reason: 'the compiler has no shared sanitizer runtimes' };
  const reports = join(home, 'report');
  return {
    // Into workers and child processes too: each loads the runtime first, and the sanitized addon in place of ours.
    env: {
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
  };
}

/** What the sanitizers have reported about the addon; `undefined` if no program has loaded it. @param {string} home */
export function sanitizerReports(home) {
  if (!existsSync(join(home, 'loaded'))) return undefined;
  return readdirSync(home)
    .filter((name) => name.startsWith('report.'))
    .flatMap((name) => complaints(readFileSync(join(home, name), 'utf8')));
}

/**
 * Every error of a report, and of its leaks those that our code has allocated, by itself, through Node-API or through
 * OpenSSL.
 *
 * @param {string} report
 */
function complaints(report) {
  if (!report.includes('LeakSanitizer')) return report.trim() === '' ? [] : [report];
  return report.split('\n\n').filter((block) => {
    const frames = block.split('\n').filter((line) => /^\s+#\d+ /.test(line));
    const ours = frames.findIndex((frame) => OURS.test(frame));
    return ours !== -1 && !frames.slice(0, ours).some((frame) => / in (v8|node)::/.test(frame));
  });
}

/** @param {string} name */
function runtimePath(name) {
  const [command = 'cc', ...flags] = (process.env.CC ?? 'cc').trim().split(/\s+/);
  const { stdout, status } = spawnSync(command, [...flags, `-print-file-name=${name}`], { encoding: 'utf8' });
  const path = stdout?.trim() ?? '';
  return status === 0 && path.startsWith('/') ? path : undefined;
}

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The benchmark cannot go on, for a reason outside its own code; the message says what to do. */
export class BenchError extends Error {
  name = 'BenchError';
  code = 'ERR_BENCH';
}

/** A row needs a program that is not installed: it is not measured, and the others are. */
export class NotInstalledError extends BenchError {
  name = 'NotInstalledError';
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
/** Programs and headers that benchmarks need beside Node, and the Debian package of each. */
const PACKAGES = {
  wrk: 'wrk',
  cc: 'gcc',
  taskset: 'util-linux',
  prlimit: 'util-linux',
  openssl: 'openssl',
  'openssl/ssl.h': 'libssl-dev',
};
/** Descriptors that a process needs beside its connections. */
export const SPARE_FILES = 200;

/**
 * Builds what is measured, and shares out the cores: what every row needs to run. `native` compiles a C program once.
 *
 * @param {{ build: boolean }} options @param {readonly string[]} [programs] - and headers, needed beside a compiler.
 */
export function setStage({ build }, programs = []) {
  requirePrograms(['cc', 'taskset', 'prlimit', ...programs]);
  if (build) buildPackages();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'landspout-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const compiled = new Map();
  const native = (name) => {
    if (!compiled.has(name)) compiled.set(name, compile(name, folder));
    return compiled.get(name);
  };
  const file = path.join(folder, 'file'); // The one that is sent, if one is.
  return { root: ROOT, cores: shareCores(), files: fileLimit(), folder, file, native, runtimes: new Map() };
}

/** @throws BenchError that names everything that is missing at once. */
function requirePrograms(programs) {
  if (process.platform !== 'linux')
    throw new BenchError('the benchmark needs Linux: epoll, /proc and taskset');
  const missing = programs.filter((program) => !isThere(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => PACKAGES[program]))].join(' ');
  throw new BenchError(`not found: ${missing.join(', ')}. On Debian and Ubuntu: apt-get install ${packages}`);
}

/** Whether a program runs, or the compiler finds a header. */
function isThere(name) {
  if (!name.endsWith('.h')) return spawnSync(name, ['--version']).error === undefined;
  return spawnSync('cc', ['-E', '-include', name, '-x', 'c', '/dev/null']).status === 0;
}

function buildPackages() {
  const bin = path.join(ROOT, 'node_modules', '.bin');
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` };
  const what = ['--filter=@landspout/bench^...', '--output-logs=errors-only'];
  const args = ['tooling/gate/turbo.mjs', 'run', 'build', ...what];
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, env, stdio: 'inherit' });
  if (status !== 0) throw new BenchError('the packages do not build');
}

function compile(name, folder) {
  const source = fileURLToPath(new URL(`native/${name}.c`, import.meta.url));
  const binary = path.join(folder, name);
  const libraries = name.startsWith('tls-') ? ['-lssl', '-lcrypto'] : [];
  const args = ['-O2', '-pthread', '-o', binary, source, ...libraries];
  const { status, stderr } = spawnSync('cc', args, { encoding: 'utf8' });
  if (status !== 0) throw new BenchError(`cc does not compile ${name}.c\n${stderr}`);
  return binary;
}

/** The server gets the first core that this process may use, the load the others; with one core they share it. */
function shareCores() {
  const [server, ...others] = ourCores();
  const load = others.length > 0 ? others : [server];
  const note = [
    'ONE CORE: the server and its load share it; only CPU per request means something.',
    'TWO CORES: the load has one to itself and may be what bounds the rates.',
  ][others.length];
  return { server: String(server), load: load.join(','), loadThreads: load.length, note };
}

/** The cores that this process may use, from a list such as `0-2,5`. */
function ourCores() {
  return field('/proc/self/status', 'Cpus_allowed_list')
    .split(',')
    .flatMap((range) => {
      const [first, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

/** The most files that a process may open. */
export function fileLimit() {
  const hard = field('/proc/self/limits', 'Max open files').split(/\s+/)[1];
  return Math.min(hard === 'unlimited' ? Infinity : Number(hard), 1 << 17);
}

export function describeMachine() {
  const kernel = `${os.type()} ${os.release()} ${os.arch()}`;
  const cpu = os.cpus()[0]?.model ?? 'unknown';
  return { node: process.version, kernel, cpu, cores: ourCores().length, loadBefore: os.loadavg()[0] };
}

/** The rest of the line of a file of /proc that begins with `name`. @throws BenchError if there is none. */
export function field(file, name) {
  const lines = readFileSync(file, 'utf8').split('\n');
  const line = lines.find((text) => text.startsWith(name));
  if (line === undefined) throw new BenchError(`${file} has no line ${name}`);
  return line.slice(name.length).replace(/^:/, '').trim();
}

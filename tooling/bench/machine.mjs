import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { BenchError } from './bench-error.mjs';

/** Programs that benchmarks need beside Node, and the Debian package that brings each. */
const PACKAGES = { wrk: 'wrk', cc: 'gcc', taskset: 'util-linux', prlimit: 'util-linux', getconf: 'libc-bin' };

/** A load above this, before we begin, says that others use the machine. */
const QUIET_LOAD = 0.5;

/** @param {readonly string[]} programs @throws BenchError that names everything that is missing at once. */
export function requirePrograms(programs) {
  if (process.platform !== 'linux')
    throw new BenchError('the benchmark needs Linux: epoll, /proc and taskset');
  const missing = programs.filter((program) => spawnSync(program, ['--version']).error !== undefined);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => PACKAGES[program]))].join(' ');
  throw new BenchError(`not found: ${missing.join(', ')}. On Debian and Ubuntu: apt-get install ${packages}`);
}

/** The server gets the first core that this process may use, the load the others; with one core they share it. */
export function shareCores() {
  const [server, ...others] = parseCpuList(field('/proc/self/status', 'Cpus_allowed_list'));
  const load = others.length > 0 ? others : [server];
  const note =
    others.length === 0
      ? 'ONE CORE: the server and its load share it; only CPU per request means something.'
      : others.length === 1
        ? 'TWO CORES: the load has one to itself and may be what bounds the rates.'
        : undefined;
  return { server: String(server), load: load.join(','), loadThreads: load.length, note };
}

/** @param {string} list - such as `0-2,5`. */
export function parseCpuList(list) {
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** The most files a process may open. */
export function fileLimit() {
  const hard = field('/proc/self/limits', 'Max open files').split(/\s+/)[1];
  return Math.min(hard === 'unlimited' ? Infinity : Number(hard), 1 << 17);
}

/** How long the host of a virtual machine has run others so far, on all of its cores together: see proc_stat(5). */
export function stolenTicks() {
  return Number(readFileSync('/proc/stat', 'utf8').split('\n', 1)[0].split(/\s+/)[8]);
}

/** The versions of what hello compares with and asks with. */
export function describeTools() {
  const require = createRequire(import.meta.url);
  const { version } = require('fastify/package.json');
  const wrk = /^wrk \S+/.exec(spawnSync('wrk', ['-v'], { encoding: 'utf8' }).stdout)?.[0] ?? 'wrk';
  return { fastify: version, wrk: wrk.replace(/^wrk /, '') };
}

export function describeMachine() {
  return {
    node: process.version,
    kernel: `${os.type()} ${os.release()} ${os.arch()}`,
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: parseCpuList(field('/proc/self/status', 'Cpus_allowed_list')).length,
    loadBefore: os.loadavg()[0],
  };
}

/** @param {{ loadBefore: number }} machine */
export function warnWhenBusy({ loadBefore }) {
  if (loadBefore <= QUIET_LOAD) return;
  console.log(
    `NOT ALONE: the load was ${loadBefore.toFixed(2)} before we began, so do not trust these numbers.`,
  );
}

/** The rest of the line that begins with `name`. */
function field(file, name) {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((text) => text.startsWith(name));
  if (line === undefined) throw new BenchError(`${file} has no line ${name}`);
  return line.slice(name.length).replace(/^:/, '').trim();
}

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { BenchError } from './bench-error.mjs';
import { Child } from './child.mjs';
import { serverEnvironment } from './rows.mjs';

/**
 * Where servers run.
 *
 * @typedef {object} Stage
 * @property {{ server: string, load: string, loadThreads: number }} cores
 * @property {number} files - descriptors a process may have.
 * @property {{ idleClient: string, folder: string }} made - and what else the benchmark compiled.
 * @property {(row: import('./rows.mjs').Row, nodeFlags?: readonly string[]) => string[]} commandOf - starts a row.
 */

/** A row's server while it runs. */
export class Server {
  #child;

  /** @param {import('./rows.mjs').Row} row @param {Child} child @param {number} port */
  constructor(row, child, port) {
    this.row = row;
    this.port = port;
    this.#child = child;
  }

  /** @param {import('./rows.mjs').Row} row @param {Stage} stage @param {readonly string[]} [nodeFlags] */
  static async start(row, { cores, files, commandOf }, nodeFlags) {
    const options = { cores: cores.server, files, env: serverEnvironment(row) };
    const child = new Child(row.title, commandOf(row, nodeFlags), options);
    const { port, backend } = await child.nextLine();
    try {
      requireBackend(row, backend);
    } catch (error) {
      await child.stop();
      throw error;
    }
    return new Server(row, child, port);
  }

  get pid() {
    return this.#child.pid;
  }

  /** User and system time of all its threads so far. */
  cpuSeconds() {
    return cpuSeconds(this.#child.pid);
  }

  /** The same by where it was spent: in the program, and in the kernel on its behalf. */
  cpuTimes() {
    return cpuTimes(this.#child.pid);
  }

  /** How long its main thread could have run so far, and others had its core. */
  waitedSeconds() {
    const text = readFileSync(`/proc/${this.#child.pid}/schedstat`, 'utf8');
    return Number(text.split(' ')[1]) / 1e9;
  }

  /** What it holds of the machine's memory; the kernel's side of its sockets is not in it. */
  residentBytes() {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** Whether there is garbage to collect: not in the floor. */
  get collects() {
    return this.row.program !== undefined;
  }

  /** Collects garbage, where there is any, and answers what the JavaScript heap then holds. */
  async collect() {
    if (!this.collects) return 0;
    this.#child.signal('SIGUSR2');
    return (await this.#child.nextLine()).heapBytes;
  }

  stop() {
    return this.#child.stop();
  }
}

/** @param {import('./rows.mjs').Row} row @param {string} backend - what its program says. @throws BenchError */
export function requireBackend(row, backend) {
  if (backend === row.backend) return;
  throw new BenchError(`${row.title}: the server runs on ${backend}, not on ${row.backend}`);
}

/** User and system time of all threads of a process so far. @param {number} pid */
export function cpuSeconds(pid) {
  const { user, system } = cpuTimes(pid);
  return user + system;
}

/** @param {number} pid @returns {{ user: number, system: number }} seconds */
function cpuTimes(pid) {
  const { user, system } = parseCpuTicks(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return { user: user / ticksPerSecond(), system: system / ticksPerSecond() };
}

/** The utime and stime in a line of proc_pid_stat(5). The name before them may hold spaces and brackets. */
export function parseCpuTicks(stat) {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { user: Number(fields[11]), system: Number(fields[12]) };
}

let ticks = 0;
function ticksPerSecond() {
  ticks ||= Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout) || 100;
  return ticks;
}

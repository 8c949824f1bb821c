import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { BenchError } from './bench-error.mjs';
import { Child } from './child.mjs';
import { serverCommand, serverEnvironment } from './rows.mjs';

/**
 * Where servers run.
 *
 * @typedef {object} Stage
 * @property {{ server: string, load: string, loadThreads: number }} cores
 * @property {number} files - descriptors a process may have.
 * @property {{ floor: string, idleClient: string, answerFile: string, folder: string }} made
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
  static async start(row, { cores, files, made }, nodeFlags) {
    const options = { cores: cores.server, files, env: serverEnvironment(row) };
    const child = new Child(row.title, serverCommand(row, made, nodeFlags), options);
    const { port, backend } = await child.nextLine();
    if (backend === row.backend) return new Server(row, child, port);
    await child.stop();
    throw new BenchError(`${row.title}: the server runs on ${backend}, not on ${row.backend}`);
  }

  /** User and system time of all its threads so far. */
  cpuSeconds() {
    return parseCpuTicks(readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8')) / ticksPerSecond();
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

/** The sum of utime and stime in a line of proc_pid_stat(5). The name before them may hold spaces and brackets. */
export function parseCpuTicks(stat) {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

let ticks = 0;
function ticksPerSecond() {
  ticks ||= Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout) || 100;
  return ticks;
}

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { BenchError } from './machine.mjs';
import { clientOf, commandOf, originFile } from './runtimes.mjs';
import { certificateFiles } from './tls/certificates.mjs';

/** None of them may outlive us. @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
let isWatching = false;

function watchOurEnd() {
  if (isWatching) return;
  isWatching = true;
  process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));
}

/** A program that prints lines of JSON, pinned to cores, with as many descriptors as it may have. */
class Child {
  #child;
  #lines;
  #exited;
  #stderr = '';
  #name;
  #beside;
  #first;

  constructor(name, command, cores, files, env = process.env) {
    this.#name = name;
    watchOurEnd();
    // Both replace themselves by the program, so that the process id is that of the program.
    const args = [`--nofile=${files}:${files}`, 'taskset', '-c', cores, ...command.map(String)];
    this.#child = spawn('prlimit', args, { env });
    running.add(this.#child);
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        running.delete(this.#child);
        resolve(signal ?? code);
      });
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-2000);
    });
    this.#child.stdin.on('error', () => {}); // The program ended first; the wait for its line rejects.
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  get pid() {
    return this.#child.pid;
  }

  /** All processes of the server, as those of a group. */
  get pids() {
    return [this.pid];
  }

  /** Where clients connect, as those of a group. */
  get ports() {
    return [this.port];
  }

  /** Waits for the next line of JSON. @throws BenchError if the program ends instead, or is silent for a minute. */
  async nextLine() {
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), 60_000);
    let line = await this.#lines.next();
    while (!line.done && !line.value.startsWith('{')) line = await this.#lines.next(); // wrk prints for people too.
    clearTimeout(patience);
    if (!line.done) return JSON.parse(line.value);
    throw new BenchError(
      `${this.#name} ended (${await this.#exited}) without its line\n${this.#stderr.trimEnd()}`,
    );
  }

  /** Waits for the line that answers a command on stdin. @param {string} command */
  ask(command) {
    this.#child.stdin.write(`${command}\n`);
    return this.nextLine();
  }

  /** Collects garbage, if it was started with `--expose-gc`. @returns the bytes that the heap then holds. */
  async collect() {
    this.signal('SIGUSR2');
    return (await this.nextLine()).heapBytes;
  }

  /** Stops another child after this one. @param {Child} child */
  stopAfter(child) {
    this.#beside = child;
    return this;
  }

  /** Stops another child before this one. @param {Child} child @returns {Child} that child. */
  stopBefore(child) {
    this.#first = child;
    return child;
  }

  /** @param {NodeJS.Signals} signal */
  signal(signal) {
    this.#child.kill(signal);
  }

  /** Ends its input and asks it to end; resolves when it has. */
  async stop() {
    await this.#first?.stop();
    this.#child.stdin.end();
    this.#child.kill('SIGTERM');
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await this.#exited;
    clearTimeout(patience);
    await this.#beside?.stop();
  }
}

/** Uses a child, and stops it however that ends. */
export async function during(child, use) {
  try {
    return await use(child);
  } finally {
    await child.stop();
  }
}

/**
 * Starts the program of a row on the core for servers, and waits for its first line. A client first gets the server that
 * it requests from, in C, on the cores for load.
 *
 * @param {readonly string[]} [flags] - of Node, or `--expose-gc` for every runtime.
 * @throws BenchError if the program ends, or runs on another backend or TLS than the row says.
 */
export async function startServer(row, stage, flags) {
  if (row.origin === undefined) return startProgram(row, stage, flags);
  const command = [stage.native('floor'), originFile(row.origin, stage), row.origin.upBytes, 'poll'];
  const origin = new Child(`the server of ${row.title}`, command, stage.cores.load, stage.files);
  try {
    const { port } = await origin.nextLine();
    return (await startProgram(clientOf(row, port), stage, flags)).stopAfter(origin);
  } catch (error) {
    await origin.stop();
    throw error;
  }
}

/** The same for a row without a server of its own, or with one that listens. */
export async function startProgram(row, stage, flags) {
  const { LANDSPOUT_BACKEND: _ours, LANDSPOUT_TLS: _path, NODE_OPTIONS: _options, ...rest } = process.env;
  const chosen = ['native', 'portable'].includes(row.backend) ? { LANDSPOUT_BACKEND: row.backend } : {};
  const tls = row.tlsPath === undefined ? {} : { LANDSPOUT_TLS: row.tlsPath };
  const env = { ...rest, ...chosen, ...tls, NODE_ENV: 'production' };
  const command = await commandOf(row, stage, flags);
  const child = new Child(row.title, command, stage.cores.server, stage.files, env);
  try {
    const first = await child.nextLine();
    if (first.backend !== row.backend)
      throw new BenchError(`${row.title} runs on ${first.backend}, not on ${row.backend}`);
    if (first.tls !== row.tlsPath)
      throw new BenchError(`TLS runs on ${first.tls}, not on ${row.tlsPath}: ${first.tlsReason}`);
    const certificate = row.certificate && certificateFiles(row, stage)[0];
    return Object.assign(child, {
      row,
      port: first.port,
      first,
      certificate,
      cookie: await cookieOf(row, first),
    });
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** The cookie that a server sets at `ask.login`, as a client sends it back; the floor, which reads none, sets none. */
async function cookieOf({ ask, native }, { port }) {
  if (ask?.login === undefined || native !== undefined) return undefined;
  const { headers } = await fetch(`http://127.0.0.1:${port}${ask.login}`);
  return headers.getSetCookie()[0]?.split(';')[0];
}

/** Starts a client on the cores for load. @param {readonly unknown[]} command */
export function startClient({ title }, { cores, files }, command) {
  return new Child(`the client of ${title}`, command, cores.load, files);
}

/** Starts a program beside the servers, on their core. @param {readonly unknown[]} command */
export function startBeside(name, { cores, files }, command) {
  return new Child(name, command, cores.server, files);
}

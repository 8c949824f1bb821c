import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { BenchError } from './bench-error.mjs';

/** None of them may outlive us, whatever ends us. @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
let watching = false;

function watchOurEnd() {
  if (watching) return;
  watching = true;
  process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));
}

/** A program that speaks lines of JSON, pinned to cores, with as many descriptors as it may have. */
export class Child {
  #child;
  #lines;
  #exited;
  #stderr = '';
  #name;

  /**
   * @param {string} name - for messages.
   * @param {readonly string[]} command
   * @param {{ cores: string, files: number, env?: NodeJS.ProcessEnv }} options
   */
  constructor(name, command, { cores, files, env = process.env }) {
    this.#name = name;
    watchOurEnd();
    // Both replace themselves by the program, so that the process id is the program's.
    const args = [`--nofile=${files}:${files}`, 'taskset', '-c', cores, ...command];
    this.#child = spawn('prlimit', args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
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
    this.#child.stdin.on('error', () => {}); // It ended first; whoever waits for its line hears of that.
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  get pid() {
    return this.#child.pid;
  }

  /** Waits for the next line. @throws BenchError when it ends instead, or says nothing for a minute. */
  async nextLine() {
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), 60_000);
    const { done, value } = await this.#lines.next();
    clearTimeout(patience);
    if (!done) return JSON.parse(value);
    throw new BenchError(
      `${this.#name} ended (${await this.#exited}) where it should have answered\n${this.#stderr}`,
    );
  }

  /** @param {NodeJS.Signals} signal */
  signal(signal) {
    this.#child.kill(signal);
  }

  /** Ends its input and asks it to end; resolves when it has. */
  async stop() {
    this.#child.stdin.end();
    this.#child.kill('SIGTERM');
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await this.#exited;
    clearTimeout(patience);
  }
}

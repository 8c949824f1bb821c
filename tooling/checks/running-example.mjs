import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { consumerEnv } from './consumer.mjs';

/** How long an example may take until its next expected output, or until it has ended; it should need a second. */
const WAIT_MS = 20_000;

/** An example that runs as a process of its own. */
export class RunningExample {
  /** @type {string} */
  #name;
  /** @type {import('node:child_process').ChildProcess} */
  #child;
  #output = new Transcript();
  #complaints = new Transcript();
  /** @type {RegExp[]} */
  #expected = [];
  #complained = false;

  /**
   * @param {string} name - without `.ts`.
   * @param {object} how
   * @param {string} how.folder - where it is started.
   * @param {string} how.script
   * @param {readonly string[]} how.args
   * @param {string} how.backend
   */
  constructor(name, { folder, script, args, backend }) {
    this.#name = name;
    const env = { ...consumerEnv(), LANDSPOUT_BACKEND: backend };
    const child = spawn(process.execPath, [script, ...args], { cwd: folder, env });
    this.#child = child;
    this.#output.follow(child.stdout);
    this.#complaints.follow(child.stderr);
    /** Resolves with the exit code, or with the signal that ended it, after its output has ended too. */
    this.ended = once(child, 'close').then(
      ([code, signal]) => /** @type {number | string} */ (code ?? signal),
    );
    /** The first URL that it has printed, without a final slash. */
    this.url = '';
  }

  /** Waits until it has printed its URL. */
  async ready() {
    const [url] = await this.prints(/\b[a-z]+:\/\/[^\s,;]+/);
    this.url = url;
    return this;
  }

  get port() {
    return Number(new URL(this.url).port);
  }

  /** Waits until its output matches. @param {RegExp} pattern */
  async prints(pattern) {
    return await this.#output.match(pattern).catch((error) => {
      throw new Error(`${this.#name}: ${error.message}\n${this.#complaints.text}`, { cause: error });
    });
  }

  /** Waits until it has ended with an error that matches. @param {RegExp} complaint @param {number} [code] */
  async fails(complaint, code = 1) {
    this.#complained = true;
    assert.equal(await this.ended, code, `the exit code of ${this.#name}`);
    assert.match(this.#complaints.text, complaint);
  }

  /** Waits until it has written a line that matches to standard error, where all such lines are expected. @param {RegExp} line */
  async logs(line) {
    await this.#complaints.match(line);
    this.#expected.push(line);
  }

  terminate() {
    this.#child.kill('SIGTERM');
  }

  /** Stops it, unless it has ended, and checks that it ended well and had nothing to complain about. */
  async stop() {
    this.terminate();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), WAIT_MS);
    const end = await this.ended;
    clearTimeout(late);
    if (this.#complained) return;
    const lines = this.#complaints.text.split('\n');
    const others = lines.filter((line) => !this.#expected.some((expected) => expected.test(line)));
    assert.equal(others.join('\n'), '', `${this.#name} wrote to standard error`);
    assert.ok(end === 0 || end === 'SIGTERM', `${this.#name} ended with ${end}`);
  }

  kill() {
    this.#child.kill('SIGKILL');
  }
}

/** What a stream has said so far. */
export class Transcript {
  text = '';
  #isClosed = false;
  #wake = () => {};

  /** @param {import('node:stream').Readable} stream */
  follow(stream) {
    stream.setEncoding('latin1');
    stream.on('data', (piece) => {
      this.text += piece;
      this.#wake();
    });
    stream.on('error', () => {}); // 'close' follows
    stream.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
    return this;
  }

  /** Waits for a match. @param {RegExp} pattern @returns {Promise<RegExpExecArray>} */
  async match(pattern) {
    for (;;) {
      const found = pattern.exec(this.text);
      if (found !== null) return found;
      if (this.#isClosed) throw new Error(`ended without ${pattern}:\n${this.text}`);
      await new Promise((resolve, reject) => {
        const late = setTimeout(
          () => reject(new Error(`no ${pattern} within ${WAIT_MS / 1000} s:\n${this.text}`)),
          WAIT_MS,
        );
        this.#wake = () => {
          clearTimeout(late);
          resolve(undefined);
        };
      });
    }
  }
}

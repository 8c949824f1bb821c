import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { RedisBackplaneOptions } from '../../src/index.ts';
import { atTheEnd } from './scratch.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/backplane-program.mjs', import.meta.url));

interface Reply {
  readonly number: number;
  readonly value?: unknown;
  readonly error?: { readonly name: string; readonly code?: string; readonly message: string };
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A process with a backplane of its own: the built package. A call of {@link call} is a call in that process. */
export class BackplaneProcess {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<void>;
  #calls = 0;

  private constructor(options: RedisBackplaneOptions) {
    this.#process = spawn(process.execPath, [PROGRAM, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#ended = new Promise((resolve) => this.#process.once('close', () => resolve()));
    if (this.#process.stdout !== null) {
      createInterface(this.#process.stdout).on('line', (line) => this.#settle(JSON.parse(line) as Reply));
    }
    atTheEnd(() => this.kill());
  }

  /** Starts a process, which is killed at the end of the test. Resolves when it has connected. */
  static async start(options: RedisBackplaneOptions): Promise<BackplaneProcess> {
    const started = new BackplaneProcess(options);
    await new Promise((resolve, reject) => {
      started.#waiting.set(0, { resolve, reject });
      void started.#ended.then(() => reject(new Error('the process has ended')));
    });
    return started;
  }

  /** Calls a method of the backplane, or one of the program. Rejects with an error that has the `code` of its error. */
  call(method: string, ...args: readonly unknown[]): Promise<unknown> {
    this.#calls += 1;
    const number = this.#calls;
    this.#process.stdin?.write(`${JSON.stringify({ number, method, args })}\n`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
    });
  }

  /** Stops its execution (SIGSTOP); its connections stay open. */
  pause(): void {
    this.#process.kill('SIGSTOP');
  }

  resume(): void {
    this.#process.kill('SIGCONT');
  }

  /** Kills it (SIGKILL). */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }

  #settle({ number, value, error }: Reply): void {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(Object.assign(new Error(error.message), error));
  }
}

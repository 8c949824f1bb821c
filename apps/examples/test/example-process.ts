import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const CLI = fileURLToPath(new URL('../node_modules/landspout/dist/cli/main.js', import.meta.url));

/** The folder and the environment in which a program runs. */
interface Surroundings {
  /** Default: the folder of the built programs. */
  readonly cwd?: string;
  /** In addition to the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether what the program starts is killed with it. Default: false. */
  readonly group?: boolean;
}

/** A built program of this folder that runs until it is disposed of. */
export class ExampleProcess implements AsyncDisposable {
  /** Standard output and standard error. */
  output = '';
  /** Standard output alone. */
  stdout = '';
  readonly #child: ChildProcess;
  readonly #group: boolean;
  readonly #ended: Promise<unknown[]>;

  private constructor(command: string, args: readonly string[], surroundings: Surroundings = {}) {
    const { cwd = DIST, env, group = false } = surroundings;
    this.#group = group;
    this.#child = spawn(command, args, { cwd, env: { ...process.env, ...env }, detached: group });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        this.output += text;
        if (stream === this.#child.stdout) this.stdout += text;
      });
    }
    this.#ended = once(this.#child, 'close');
  }

  /** Runs a program. @param script - such as `blog/main.js`. @param args - default: any free port. */
  static program(
    script: string,
    env: Record<string, string> = {},
    args: readonly string[] = ['0'],
  ): ExampleProcess {
    return ExampleProcess.command(process.execPath, [script, ...args], { env });
  }

  /** Runs any command. */
  static command(command: string, args: readonly string[], surroundings?: Surroundings): ExampleProcess {
    requireBuilt();
    return new ExampleProcess(command, args, surroundings);
  }

  /** Runs `landspout` with arguments. */
  static landspout(...args: readonly string[]): ExampleProcess {
    return ExampleProcess.command(process.execPath, [CLI, ...args]);
  }

  /** Resolves to the URL that the program prints. */
  async url(): Promise<string> {
    return await this.printed(/http:\/\/[\d.]+:\d+/);
  }

  /** Waits until the output matches. @returns what matches. */
  async printed(pattern: RegExp): Promise<string> {
    for (;;) {
      const [match] = pattern.exec(this.output) ?? [];
      if (match !== undefined) return match;
      const pieces = [this.#child.stdout, this.#child.stderr].map((stream) =>
        once(stream as NodeJS.ReadableStream, 'data'),
      );
      const ended = this.#ended.then(() => Promise.reject(new Error(`ended early: ${this.output}`)));
      await Promise.race([...pieces, ended]);
    }
  }

  /** Stops the program as a terminal or a service manager does. @returns its exit code or signal. */
  async stop(): Promise<unknown> {
    this.#child.kill('SIGTERM');
    return await this.end();
  }

  /** Kills the program, which notices nothing (`kill -9`). */
  async kill(): Promise<void> {
    if (this.#group) killGroup(this.#child.pid);
    else this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** Resolves to the exit code or signal. */
  async end(): Promise<unknown> {
    const [code, signal] = await this.#ended;
    return code ?? signal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

function requireBuilt(): void {
  for (const file of [CLI, DIST]) if (!existsSync(file)) throw new Error(`${file} is not built: pnpm build`);
}

function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // all of them have ended
  }
}

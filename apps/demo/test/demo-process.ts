import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('../../examples/dist/', import.meta.url));

/** The built script of a program of apps/examples. */
export function examplePath(name: string): string {
  return `${EXAMPLES}${name}.js`;
}

/** How a run of the demo ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Program {
  /** The built script. */
  readonly script: string;
  /** In the last line that it prints before it serves. */
  readonly ready: string;
}

const DEMO: Program = { script: MAIN, ready: 'backend:' };

/** Runs the built demo, or another program of ours, as its own process, like `pnpm demo` does. */
export class DemoProcess {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #ending: Promise<Ending>;
  readonly #ready: string;

  /** @param environment - added to the environment of this process, so that LANDSPOUT_BACKEND is passed on. */
  constructor(args: readonly string[], environment: Record<string, string> = {}, program: Program = DEMO) {
    const { script, ready } = program;
    if (!existsSync(script)) throw new Error(`${script} is not built: pnpm build`);
    this.#ready = ready;
    const env = { ...process.env, NO_COLOR: '1', ...environment };
    // A process group of its own, so that a test can signal the group like a terminal does.
    this.#child = spawn(process.execPath, ['--enable-source-maps', script, ...args], { env, detached: true });
    this.#child.stdout?.on('data', (text) => {
      this.stdout += text;
    });
    this.#child.stderr?.on('data', (text) => {
      this.stderr += text;
    });
    this.#ending = once(this.#child, 'close').then(([code, signal]) => ({
      code,
      signal,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  /** Resolves to the URL that the program prints. */
  async address(): Promise<string> {
    for (;;) {
      const url = /http:\/\/[^\s,]+/.exec(this.stdout)?.[0];
      if (url !== undefined && this.stdout.includes(this.#ready)) return url;
      const ended = await Promise.race([this.#ending, this.#output()]);
      if (ended !== undefined) throw new Error(`the program ended early: ${JSON.stringify(ended)}`);
    }
  }

  ending(): Promise<Ending> {
    return this.#ending;
  }

  signal(name: NodeJS.Signals): Promise<Ending> {
    this.#child.kill(name);
    return this.#ending;
  }

  signalGroup(name: NodeJS.Signals): Promise<Ending> {
    process.kill(-(this.#child.pid as number), name);
    return this.#ending;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether the process or one of its children is left. */
  get hasGroup(): boolean {
    try {
      return process.kill(-(this.#child.pid as number), 0);
    } catch {
      return false;
    }
  }

  /** Kills the process and its children; for the end of a test. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      process.kill(-(this.#child.pid as number), 'SIGKILL');
    } catch {
      // None is left.
    }
    await this.#ending;
  }

  async #output(): Promise<undefined> {
    await Promise.race([once(this.#child.stdout as NodeJS.ReadableStream, 'data'), this.#ending]);
    return undefined;
  }
}

/** Starts a program of apps/examples on a free port. */
export function startExample(name: string, ...args: readonly string[]): DemoProcess {
  return new DemoProcess(['0', ...args], {}, { script: examplePath(name), ready: 'listening on ' });
}

/** Runs a program of apps/examples to its end. @param environment - added to that of this process. */
export async function runExample(
  name: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Ending> {
  await using program = new DemoProcess(args, environment, { script: examplePath(name), ready: '' });
  return await program.ending();
}

/** How a test starts the demo. */
export interface DemoStart {
  /** Default: a free one. */
  readonly port?: string;
  /** Further arguments, such as `--processes 3`. */
  readonly args?: readonly string[];
}

/** Starts the demo with a folder for its data. */
export function startDemo(data: string, { port = '0', args = [] }: DemoStart = {}): DemoProcess {
  return new DemoProcess(['--data', data, ...args], { PORT: port, REDIS_URL: '' });
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** How a run of the demo ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built demo as its own process, like `pnpm demo` does. */
export class DemoProcess {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #ending: Promise<Ending>;

  /** @param environment - added to the environment of this process, so that LANDSPOUT_BACKEND is passed on. */
  constructor(args: readonly string[], environment: Record<string, string> = {}) {
    if (!existsSync(MAIN)) throw new Error('the demo is not built: pnpm build');
    const env = { ...process.env, NO_COLOR: '1', ...environment };
    // A process group of its own, so that a test can signal the group like a terminal does.
    this.#child = spawn(process.execPath, ['--enable-source-maps', MAIN, ...args], { env, detached: true });
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

  /** Resolves to the URL that the demo prints. */
  async address(): Promise<string> {
    for (;;) {
      const url = /http:\/\/\S+/.exec(this.stdout)?.[0];
      // The line about the backend is the last one printed.
      if (url !== undefined && this.stdout.includes('backend:')) return url;
      const ended = await Promise.race([this.#ending, this.#output()]);
      if (ended !== undefined) throw new Error(`the demo ended early: ${JSON.stringify(ended)}`);
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

  /** Kills the process; for the end of a test. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ending;
  }

  async #output(): Promise<undefined> {
    await Promise.race([once(this.#child.stdout as NodeJS.ReadableStream, 'data'), this.#ending]);
    return undefined;
  }
}

/** Starts the chat, on a free port unless the environment names one. */
export function startChat(environment: Record<string, string> = {}): DemoProcess {
  return new DemoProcess(['chat'], { PORT: '0', ...environment });
}

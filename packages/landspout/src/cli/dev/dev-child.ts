import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type ChildConfig, type ChildMessage, CONFIG_VARIABLE, isChildMessage } from './child-channel.ts';

export interface DevChildOptions {
  readonly config: ChildConfig;
  /** The file that Node runs: the module, or the program that serves it. */
  readonly main: string;
  readonly args: readonly string[];
  /** URLs of modules that Node imports first. */
  readonly imports: readonly string[];
  readonly onMessage: (message: ChildMessage) => void;
}

/** How a process ended. */
export interface ChildEnding {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One run of the program. Its input and output are those of this process. */
export class DevChild {
  /** Resolves when the process has ended, and all of its messages have arrived. */
  readonly ended: Promise<ChildEnding>;
  /** In milliseconds since 1970. */
  readonly startedAtMs = Date.now();
  readonly #process: ChildProcess;
  #isStopping = false;

  constructor({ config, main, args, imports, onMessage }: DevChildOptions) {
    this.#process = fork(main, args, {
      execArgv: [
        ...process.execArgv.filter((argument) => !argument.startsWith('--inspect')),
        '--enable-source-maps',
        ...imports.map((url) => `--import=${url}`),
      ],
      env: { NODE_ENV: 'development', ...process.env, [CONFIG_VARIABLE]: JSON.stringify(config) },
    });
    this.#process.on('message', (message) => {
      if (isChildMessage(message)) onMessage(message);
    });
    this.ended = this.#ending();
  }

  /** Whether {@link stop} was called. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Sends SIGTERM, and SIGKILL after the timeout. Resolves when the process has ended. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    this.#process.kill('SIGTERM');
    const late = setTimeout(() => this.kill(), timeoutMs);
    await this.ended;
    clearTimeout(late);
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  async #ending(): Promise<ChildEnding> {
    const child = this.#process;
    const disconnected = once(child, 'disconnect');
    const [code, signal] = await once(child, 'exit');
    if (child.connected) await disconnected;
    return { code, signal };
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { Agent, get } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type ParsedFamily, parsePage } from './parse-page.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/family-program.mjs', import.meta.url));

/** What the program prints. */
export interface Line {
  readonly port?: number;
  readonly pid?: number;
  readonly task?: number | null;
  readonly exited?: number;
  readonly log?: string;
}

/** A server in several processes; see fixtures/family-program.mjs. */
export class RunningProgram {
  readonly #process: ChildProcess;
  readonly #lines: Line[] = [];
  readonly #count: number;
  /** Resolves when all processes are gone. */
  readonly ended: Promise<number | null>;
  #changed = (): void => {};
  #port = 0;

  private constructor(count: number, args: readonly string[]) {
    this.#count = count;
    this.#process = spawn(process.execPath, [PROGRAM, String(count), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (this.#process.stdout !== null)
      createInterface(this.#process.stdout).on('line', (line) => {
        this.#lines.push(JSON.parse(line) as Line);
        this.#changed();
      });
    this.ended = new Promise((resolve) => this.#process.once('close', resolve));
    onTestFinished(() => void this.#process.kill('SIGKILL')); // its children end with it
  }

  static async start(count: number, ...args: readonly string[]): Promise<RunningProgram> {
    const program = new RunningProgram(count, args);
    const [line] = await program.heard(({ port }) => port !== undefined, count);
    program.#port = line?.port as number;
    return program;
  }

  /** Waits for `count` lines that are wanted. */
  async heard(isWanted: (line: Line) => boolean, count = 1): Promise<readonly Line[]> {
    for (;;) {
      const found = this.#lines.filter(isWanted);
      if (found.length >= count) return found;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  /** The number of children that have listened so far. */
  get started(): number {
    return this.#lines.filter(({ port }) => port !== undefined).length;
  }

  /** Sends a signal to the parent, or to a process. */
  signal(signal: NodeJS.Signals, pid = this.#process.pid): void {
    process.kill(pid as number, signal);
  }

  /** Suspends a process, which does not end with its parent then. */
  suspend(pid: number): void {
    process.kill(pid, 'SIGSTOP');
    onTestFinished(() => {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    });
  }

  /** A connection that stays at one process. */
  connect(): PinnedClient {
    return new PinnedClient(this.#port);
  }

  /** A connection to each process, by the number of its task. */
  async connectToAll(): Promise<readonly PinnedClient[]> {
    const clients: PinnedClient[] = [];
    for (let found = 0; found < this.#count; ) {
      const client = this.connect();
      const { task } = JSON.parse(await client.get('/hit/find')) as { task: number };
      if (clients[task] === undefined) {
        clients[task] = client;
        found += 1;
      } else client.close();
    }
    return clients;
  }
}

/** A client with one connection that is kept alive. */
export class PinnedClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
    onTestFinished(() => this.close());
  }

  get(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = get({ port: this.#port, host: '127.0.0.1', path, agent: this.#agent }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text) => {
          body += text;
        });
        response.on('end', () =>
          response.statusCode === 200 ? resolve(body) : reject(new Error(`${response.statusCode}: ${body}`)),
        );
        response.on('error', reject);
      });
      request.on('error', reject);
    });
  }

  async metrics(): Promise<Map<string, ParsedFamily>> {
    return parsePage(await this.get('/metrics'));
  }

  close(): void {
    this.#agent.destroy();
  }
}

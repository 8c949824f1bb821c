import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { atTheEnd, freePort, removeFolder, scratchFolder } from './scratch.ts';

const run = promisify(execFile);

export interface RedisServerOptions {
  /** What is on the disk when the server ends. `aof`: each write before its reply. `rdb`: all at a stop. Default: none. */
  readonly persistence?: 'none' | 'aof' | 'rdb';
  /** Memory after which writes are refused, such as `2mb`. Default: no limit. */
  readonly maxMemory?: string;
  /** More lines of the configuration, such as `requirepass secret`. */
  readonly config?: readonly string[];
  /** Password with which {@link RedisServer.command} authenticates. */
  readonly password?: string;
  /** Starts `redis-server --sentinel`. */
  readonly sentinel?: boolean;
  /** More variables of its environment, such as those of a `RedisClock`. */
  readonly env?: Readonly<Record<string, string>>;
}

const PERSISTENCE = {
  none: ['save ""', 'appendonly no'],
  aof: ['save ""', 'appendonly yes', 'appendfsync always'],
  rdb: ['save 3600 1', 'appendonly no'],
} as const;

/** Printed when the server listens and its data is loaded. A sentinel has no data. */
const READY = /Ready to accept connections|Sentinel ID is/;
/** Printed before the data is loaded. */
const LISTENING = /Server initialized/;
const PORT_TAKEN = /Address already in use|bind:/;

/** A process of Debian's `redis-server` on a free port of 127.0.0.1, with a folder of its own. */
export class RedisServer {
  readonly port: number;
  readonly folder = scratchFolder();
  readonly #options: RedisServerOptions;
  #process: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #isPaused = false;
  #output = '';

  /** Use {@link startRedis}. */
  constructor(port: number, options: RedisServerOptions) {
    this.port = port;
    this.#options = options;
    writeFileSync(this.#configFile, `${this.#configLines().join('\n')}\n`);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** What the server has printed. */
  get output(): string {
    return this.#output;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** Starts it; resolves when it accepts commands. @throws Error with what it printed, if it ends before. */
  async start(): Promise<void> {
    this.#spawn();
    await this.ready();
  }

  /** Starts it; resolves when it listens and loads its data. */
  async startLoading(): Promise<void> {
    this.#spawn();
    await this.#printed(LISTENING);
  }

  /** Resolves when it accepts commands. */
  ready(): Promise<void> {
    return this.#printed(READY);
  }

  #spawn(): void {
    this.#output = '';
    const args = [this.#configFile, ...(this.#options.sentinel ? ['--sentinel'] : [])];
    const env = { ...process.env, ...this.#options.env };
    const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    this.#process = child;
    const guard = guardOf(child, this.folder);
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.#ended = new Promise((resolve) => {
      child.once('error', () => resolve());
      child.once('close', () => {
        guard.kill('SIGKILL');
        if (this.#process === child) this.#process = undefined;
        resolve();
      });
    });
  }

  /** Resolves when it has printed this; rejects if it ends before. */
  #printed(expected: RegExp): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const look = () => {
        if (expected.test(this.#output)) resolve();
      };
      look();
      this.#process?.stdout?.on('data', look);
      this.#process?.once('error', reject);
      void this.#ended.then(() => reject(new Error(`redis-server ended: ${this.#output}`)));
    });
  }

  /** Ends it as `systemctl stop` does, with what `persistence` promises on the disk. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** Kills it (SIGKILL). */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Stops it, if it runs, and starts it on the same port and folder. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Stops its execution (SIGSTOP): its sockets stay open, and the kernel still accepts connections. */
  pause(): void {
    this.#isPaused = true;
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#isPaused = false;
    this.#process?.kill('SIGCONT');
  }

  /** Runs one command by `redis-cli`. @returns the reply as text. @throws Error if the reply is an error. */
  async command(...args: readonly string[]): Promise<string> {
    const { password } = this.#options;
    const login = password === undefined ? [] : ['-a', password, '--no-auth-warning'];
    const options = ['-h', '127.0.0.1', '-p', String(this.port), '-e', '--raw', ...login];
    const { stdout } = await run('redis-cli', [...options, ...args], { maxBuffer: 1 << 26 });
    return stdout.replace(/\n$/, '');
  }

  /** Ends it, and removes its folder. */
  async dispose(): Promise<void> {
    await this.kill();
    removeFolder(this.folder);
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#process?.kill(signal);
    if (this.#isPaused) this.resume();
    await this.#ended;
  }

  get #configFile(): string {
    return join(this.folder, 'redis.conf');
  }

  #configLines(): string[] {
    const { persistence = 'none', maxMemory, config = [], sentinel = false } = this.#options;
    const lines = [
      'bind 127.0.0.1',
      `port ${this.port}`,
      `dir ${this.folder}`,
      'protected-mode no',
      'daemonize no',
      'loglevel notice',
    ];
    if (!sentinel) lines.push(...PERSISTENCE[persistence], 'enable-debug-command yes', 'databases 16');
    if (maxMemory !== undefined) lines.push(`maxmemory ${maxMemory}`, 'maxmemory-policy noeviction');
    return [...lines, ...config];
  }
}

/** Ends the server and removes its folder when this process ends, however it ends. */
function guardOf(server: ChildProcess, folder: string): ChildProcess {
  const script = 'read _; kill -9 "$1" 2>/dev/null; rm -rf "$2"';
  const guard = spawn('sh', ['-c', script, 'guard', String(server.pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  return guard;
}

/**
 * Starts a server. It is ended, and its folder removed, at the end of the test, or of the test file if this is called in a
 * hook.
 *
 * @param options - or a function of the port, called again if another process has taken it.
 */
export async function startRedis(
  options: RedisServerOptions | ((port: number) => RedisServerOptions | Promise<RedisServerOptions>) = {},
): Promise<RedisServer> {
  for (;;) {
    const port = await freePort();
    const server = new RedisServer(port, typeof options === 'function' ? await options(port) : options);
    try {
      await server.start();
      atTheEnd(() => server.dispose());
      return server;
    } catch (error) {
      await server.dispose();
      if (!PORT_TAKEN.test(server.output)) throw error; // another process has taken the port meanwhile
    }
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The server, as TypeScript or compiled, as this file is. */
const SERVER = fileURLToPath(new URL(`server${path.extname(import.meta.url)}`, import.meta.url));

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Ends a child with this process, however this one ends, except by SIGKILL. */
export function endWithUs(child: ChildProcess): void {
  const kill = (): void => void child.kill();
  process.on('exit', kill);
  child.once('exit', () => process.off('exit', kill));
}

/** A program that this one has started, and stops. */
export class Program {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit');
    this.#exited.catch(() => {}); // The line does not come then.
  }

  /** Starts one version of the server. @returns with the port where it listens. */
  static async server(env: Readonly<Record<string, string>>): Promise<{ server: Program; port: number }> {
    const { program: server, line } = await Program.#start(
      process.execPath,
      [SERVER, '0'],
      /listens on .*:(\d+)/,
      env,
    );
    return { server, port: Number(line[1]) };
  }

  /** Starts an empty Redis, which writes nothing to disk. @returns with its URL. */
  static async redis(folder: string): Promise<{ redis: Program; url: string }> {
    const port = await freePort();
    const place = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder];
    const args = [...place, '--save', '', '--appendonly', 'no'];
    const { program: redis } = await Program.#start('redis-server', args, /Ready to accept connections/, {});
    return { redis, url: `redis://127.0.0.1:${port}` };
  }

  /** Waits for a line of its output. @throws Error if the program ends first. */
  static async #start(
    command: string,
    args: readonly string[],
    pattern: RegExp,
    env: Readonly<Record<string, string>>,
  ): Promise<{ program: Program; line: RegExpExecArray }> {
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    endWithUs(child);
    const program = new Program(child);
    const line = new Promise<RegExpExecArray>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (text) => {
        const found = pattern.exec(text);
        if (found !== null) resolve(found);
      });
      program.#exited.then(() => reject(new Error(`${command} ended early`)), reject);
    });
    return { program, line: await line };
  }

  /** Asks it to end with SIGTERM. @returns how it ended: a code or a signal. */
  async stop(): Promise<unknown> {
    this.#child.kill('SIGTERM');
    await this.#exited;
    return this.#child.exitCode ?? this.#child.signalCode;
  }
}

/**
 * Waits until new connections are served by that version, ten times in a row: each worker of nginx may be asked.
 *
 * @throws Error after twenty seconds.
 */
export async function servedBy(version: string, url: string): Promise<void> {
  const endAt = performance.now() + 20_000;
  for (let times = 0; times < 10; ) {
    const served = await versionAt(url);
    times = served === version ? times + 1 : 0;
    if (performance.now() > endAt) throw new Error(`${url} does not serve version ${version}, but ${served}`);
    if (times === 0) await sleep(20);
  }
}

/** What serves a new connection now; undefined if nothing does. */
async function versionAt(url: string): Promise<string | undefined> {
  try {
    // Not over a connection that is open already, because that one belongs to an earlier worker.
    const response = await fetch(`${url}/version`, { headers: { Connection: 'close' } });
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}

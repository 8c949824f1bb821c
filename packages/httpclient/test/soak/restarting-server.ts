import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Identity } from '../fixtures/certificates.ts';
import type { Random } from './random.ts';

/** Ways to disturb a server. The first two end its process; after them, another one is started on the same port. */
export const DISTURBANCES = ['kill', 'terminate', 'reset', 'deaf', 'block', 'freeze'] as const;
export type Disturbance = (typeof DISTURBANCES)[number];

/** Resolves after that many more fetches have settled. */
export type Settled = (count: number) => Promise<void>;

type Message = { readonly port: number } | { readonly failed: string };

/**
 * Below the ports that the system assigns: no other socket gets the port while the server is down, nor can the client
 * connect to itself.
 */
const [FIRST_PORT, PORTS] = [20_000, 12_000];
const FREEZE_MS = 200;
const BLOCK_MS = 60;
/** Most fetches that settle while a server is down or accepts no connections. */
const MAX_DOWN = 30;

/** A server in a process of its own, which is disturbed and started again on the same port. */
export class RestartingServer {
  readonly #program: string;
  readonly #logFile: string;
  readonly #random: Random;
  readonly #identity: Identity | undefined;
  #child!: ChildProcess;
  #port = 0;

  /** Starts the server. @param program - a file of `programs/`. @param identity - for a server over TLS. */
  static async start(
    program: string,
    logFile: string,
    random: Random,
    identity?: Identity,
  ): Promise<RestartingServer> {
    const server = new RestartingServer(program, logFile, random, identity);
    await server.#spawn();
    return server;
  }

  private constructor(program: string, logFile: string, random: Random, identity: Identity | undefined) {
    this.#program = fileURLToPath(new URL(`programs/${program}`, import.meta.url));
    this.#logFile = logFile;
    this.#random = random;
    this.#identity = identity;
  }

  get url(): string {
    return `${this.#identity === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`;
  }

  /** Disturbs the server. Resolves when it serves again. */
  async disturb(disturbance: Disturbance, settled: Settled): Promise<void> {
    const child = this.#child;
    const down = () => settled(this.#random(MAX_DOWN));
    switch (disturbance) {
      case 'kill':
      case 'terminate':
        child.kill(disturbance === 'kill' ? 'SIGKILL' : 'SIGTERM');
        await this.#ended(child);
        await down();
        await this.#spawn();
        return;
      case 'reset':
        child.send({ command: 'reset' });
        return;
      case 'deaf':
        child.send({ command: 'stop listening' });
        await down();
        await this.#listen();
        return;
      case 'block':
        child.send({ command: 'block', ms: BLOCK_MS });
        return;
      case 'freeze':
        child.kill('SIGSTOP');
        await pause(FREEZE_MS);
        child.kill('SIGCONT');
    }
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended(this.#child);
  }

  async #spawn(): Promise<void> {
    const argv = [this.#program, this.#logFile, String(this.#random(2 ** 31))];
    if (this.#identity !== undefined) argv.push(JSON.stringify(this.#identity));
    const child = spawn(process.execPath, argv, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    await this.#listen();
  }

  async #listen(): Promise<void> {
    for (;;) {
      const port = this.#port === 0 ? FIRST_PORT + this.#random(PORTS) : this.#port;
      this.#child.send({ command: 'listen', port });
      const message = await this.#messageOf(this.#child);
      if ('port' in message) {
        this.#port = message.port;
        return;
      }
      if (message.failed !== 'EADDRINUSE') throw new Error(`the server cannot listen: ${message.failed}`);
    }
  }

  async #messageOf(child: ChildProcess): Promise<Message> {
    const over = new AbortController();
    const exited = once(child, 'exit', { signal: over.signal }).then(() => {
      throw new Error('the server ended before it was listening');
    });
    try {
      const [message] = (await Promise.race([once(child, 'message'), exited])) as [Message];
      return message;
    } finally {
      exited.catch(() => {});
      over.abort();
    }
  }

  async #ended(child: ChildProcess): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

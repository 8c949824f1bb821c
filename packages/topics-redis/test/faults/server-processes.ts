import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { atTheEnd, until } from '../support/scratch.ts';
import { Server, type ServerReport } from './server.ts';

/** The program of a server. */
const SERVER_PROGRAM = fileURLToPath(new URL('fixtures/server-program.mjs', import.meta.url));

/** What the program reads, as JSON. */
export type ProgramOptions = Readonly<Record<string, unknown>>;

/** The servers of a trial, whose processes it starts and kills. */
export interface ServerProcesses {
  readonly servers: readonly Server[];
  /** Kills the process of one server (SIGKILL); resolves when it is gone. */
  kill(number: number): Promise<void>;
  /** Starts a killed one again, if nothing else does; resolves when it serves. */
  revive(number: number): Promise<void>;
}

/** Three programs, each a server of its own. They are killed at the end. */
export async function startServers(options: readonly ProgramOptions[]): Promise<ServerProcesses> {
  const processes: Program[] = [];
  const servers = options.map(
    (_, number) => new Server(number, (message) => processes[number]?.send(message)),
  );
  const revive = async (number: number): Promise<void> => {
    const server = servers[number] as Server;
    const started = new Program(SERVER_PROGRAM, options[number] as ProgramOptions);
    processes[number] = started;
    started.onReport = (report) => server.received(report);
    started.onEnd = () => server.ended();
    await untilUp(
      `server ${number} serves`,
      () => started,
      () => server.isUp,
    );
  };
  await Promise.all(options.map((_, number) => revive(number)));
  return { servers, revive, kill: async (number) => processes[number]?.kill() };
}

/** The program with three children, which are the servers. */
export interface Family extends ServerProcesses {
  /** Kills the parent (SIGKILL), and with it all; resolves when it is gone. */
  killParent(): Promise<void>;
  /** Starts the program again; resolves when all children serve. */
  start(): Promise<void>;
}

const CHILDREN = [0, 1, 2] as const;

export async function startFamily(options: ProgramOptions): Promise<Family> {
  let parent: Program | undefined;
  const pids = new Map<number, number>();
  const servers = CHILDREN.map((to) => new Server(to, (message) => parent?.send({ to, ...message })));
  const allUp = (): boolean => servers.every((server) => server.isUp);
  const start = async (): Promise<void> => {
    const started = new Program(SERVER_PROGRAM, options);
    parent = started;
    started.onReport = (report) => {
      const { task = 0, pid } = report;
      if (pid !== undefined) pids.set(task, pid);
      servers[task]?.received(report);
    };
    started.onEnd = () => {
      for (const server of servers) server.ended();
    };
    await untilUp('all children serve', () => started, allUp);
  };
  await start();
  return {
    servers,
    start,
    async kill(number) {
      const pid = pids.get(number);
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
      await until('the child is gone', () => !servers[number]?.isUp || pids.get(number) !== pid);
    },
    // The parent does it.
    revive: (number) =>
      untilUp(
        'the child is there again',
        () => parent,
        () => servers[number]?.isUp === true,
      ),
    async killParent() {
      await parent?.kill();
    },
  };
}

type ProgramReport = ServerReport & { readonly task?: number };

/** Most characters of what a program has printed that are kept for an error. */
const MAX_OUTPUT = 4000;

/** One process, which is killed at the end. */
export class Program {
  onReport: (report: ProgramReport) => void = () => {};
  onEnd: () => void = () => {};
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #output = '';

  constructor(file: string, options: ProgramOptions) {
    const stdio = ['ignore', 'pipe', 'pipe', 'ipc'] as const;
    // Its options are not those of the process that runs the trial.
    this.#child = fork(file, [JSON.stringify(options)], { stdio: [...stdio], execArgv: [] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-MAX_OUTPUT);
      });
    }
    this.#child.on('message', (report) => this.onReport(report as ProgramReport));
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => {
        this.onEnd();
        resolve();
      });
    });
    this.#child.on('error', () => {}); // a message that could not be sent: `exit` follows
    atTheEnd(() => this.kill());
  }

  /** The last that it has printed. */
  get output(): string {
    return this.#output;
  }

  send(message: object): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Kills it (SIGKILL). */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

/** Waits for servers of a program. @throws Error with what it has printed. */
async function untilUp(what: string, program: () => Program | undefined, isUp: () => boolean): Promise<void> {
  try {
    await until(what, isUp);
  } catch (error) {
    throw new Error(`${what}: in vain; its program has printed: ${program()?.output}`, { cause: error });
  }
}

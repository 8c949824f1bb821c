import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { printable } from '@landspout/ioloop/errors';
import { DEV_HELP, type DevArguments, parseDevArguments } from './application-arguments.ts';
import { ChangeDetector, shownPath } from './dev/change-detector.ts';
import type { ChildMessage } from './dev/child-channel.ts';
import { type ChildEnding, DevChild } from './dev/dev-child.ts';
import { seemsToExportDefault } from './served-module.ts';
import { complain } from './standard-output.ts';
import { typescriptLoader } from './typescript-support.ts';
import { type Command, EXIT } from './wrong-usage.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** `landspout dev`. */
export const command: Command = {
  help: DEV_HELP,
  async run(args, programUrl) {
    const wanted = parseDevArguments(args, process.cwd());
    if (wanted === undefined) return 'help';
    const loader = typescriptLoader(wanted.entry);
    const session = new DevSession(wanted, {
      imports: [...(loader === undefined ? [] : [loader]), new URL('dev/preload.js', programUrl).href],
      server: fileURLToPath(new URL('dev/server.js', programUrl)),
    });
    const received = await session.run();
    if (received !== undefined) process.kill(process.pid, received);
    return EXIT.failure;
  },
};

/** The program runs; it has ended, and the next change starts it; it is being stopped for a restart; all ends. */
type State =
  | { readonly kind: 'running'; readonly child: DevChild }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'stopping'; readonly child: DevChild }
  | { readonly kind: 'ending'; readonly child: DevChild | undefined };

/** What Node is started with. */
interface Programs {
  /** URLs of modules that are imported before the program. */
  readonly imports: readonly string[];
  /** The path of the program that serves the default export of a module. */
  readonly server: string;
}

/** Runs the program, one process after another, until a signal arrives. */
class DevSession {
  readonly #wanted: DevArguments;
  readonly #programs: Programs;
  readonly #detector: ChangeDetector;
  #state: State = { kind: 'waiting' };
  #port: number;
  /** What was last printed about how the module runs, which is not repeated at each restart. */
  #said: string | undefined = undefined;
  #finish: (received: NodeJS.Signals | undefined) => void = () => {};

  constructor(wanted: DevArguments, programs: Programs) {
    this.#wanted = wanted;
    this.#programs = programs;
    this.#port = wanted.port;
    this.#detector = new ChangeDetector({
      onChange: (files) => this.#changed(files),
      onNotice: (line) => complain('dev', line),
    });
  }

  /** @returns the signal that ended the session; undefined if the port cannot be used. */
  async run(): Promise<NodeJS.Signals | undefined> {
    const finished = new Promise<NodeJS.Signals | undefined>((resolve) => {
      this.#finish = resolve;
    });
    const onSignal = (name: NodeJS.Signals) => void this.#end(name);
    for (const name of SIGNALS) process.on(name, onSignal);
    for (const root of this.#wanted.watch) this.#detector.watch(root);
    this.#start();
    const received = await finished;
    this.#detector.close();
    for (const name of SIGNALS) process.off(name, onSignal);
    return received;
  }

  #start(): void {
    const { entry, host, rest, stopTimeoutMs, watchModules } = this.#wanted;
    const { imports, server } = this.#programs;
    this.#detector.starting();
    const isServed = seemsToExportDefault(sourceOf(entry));
    const drainMs = stopTimeoutMs / 2;
    const child: DevChild = new DevChild({
      config: { parentPid: process.pid, entry, host, port: this.#port, drainMs, watchModules },
      main: isServed ? server : entry,
      args: rest,
      imports,
      onMessage: (message) => this.#receive(child, message),
    });
    this.#state = { kind: 'running', child };
    // The program may end before it loads the module.
    this.#detector.use(entry, child.startedAtMs);
    if (!isServed) this.#sayThatProgram();
    void child.ended.then((ending) => this.#ended(child, ending));
  }

  #changed(files: readonly string[]): void {
    const state = this.#state;
    switch (state.kind) {
      case 'running':
        sayChanged(files);
        this.#state = { kind: 'stopping', child: state.child };
        void this.#restart(state.child);
        return;
      case 'waiting':
        sayChanged(files);
        this.#start();
        return;
      case 'stopping': // the process that is started next sees the change
      case 'ending':
        return;
    }
  }

  async #restart(child: DevChild): Promise<void> {
    await child.stop(this.#wanted.stopTimeoutMs);
    if (this.#state.kind === 'stopping') this.#start();
  }

  #receive(child: DevChild, message: ChildMessage): void {
    switch (message.landspoutDev) {
      case 'uses':
        this.#detector.use(message.file, child.startedAtMs);
        return;
      case 'serves':
        this.#port = message.port;
        this.#detector.started();
        this.#say(`${this.#name} is served at ${message.url}`);
        return;
      case 'program':
        this.#sayThatProgram();
        return;
      case 'refused':
        complain('dev', message.problem);
        // If it was served before, a change may come when the port is free again.
        if (this.#said === undefined) void this.#end(undefined);
    }
  }

  #ended(child: DevChild, { code, signal }: ChildEnding): void {
    if (child.isStopping || this.#state.kind !== 'running') return;
    this.#state = { kind: 'waiting' };
    // After an error, the user wants to know that it is served again.
    if (this.#said !== undefined) this.#said = '';
    const how =
      signal === null ? (code === 0 ? 'has ended' : `ended with code ${code}`) : `was ended by ${signal}`;
    complain('dev', `${this.#name} ${how}; waiting for a change`);
  }

  async #end(received: NodeJS.Signals | undefined): Promise<void> {
    const state = this.#state;
    const child = 'child' in state ? state.child : undefined;
    this.#state = { kind: 'ending', child };
    if (state.kind === 'ending') {
      child?.kill();
      return;
    }
    await child?.stop(this.#wanted.stopTimeoutMs);
    this.#finish(received);
  }

  get #name(): string {
    return path.basename(this.#wanted.entry);
  }

  #sayThatProgram(): void {
    const unused = this.#wanted.hasAddress ? '; --port and --host have no effect' : '';
    this.#say(`${this.#name} has no default export, so it runs as a program of its own${unused}`);
  }

  #say(line: string): void {
    if (line !== this.#said) complain('dev', line);
    this.#said = line;
  }
}

function sayChanged(files: readonly string[]): void {
  const [first = ''] = files;
  const others = files.length === 1 ? '' : ` and ${files.length - 1} more`;
  complain('dev', `${printable(shownPath(first))}${others} changed; restarting`);
}

/** The text of a file; nothing if it cannot be read, which Node then reports. */
function sourceOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { ProcessesBackplaneOptions } from '../../src/index.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/family-program.mjs', import.meta.url));

/** What the program or one of its children has reported. */
export type Line = Readonly<Record<string, unknown>>;

const CHILDREN = 3;

export interface FamilyOptions extends Pick<ProcessesBackplaneOptions, 'journal' | 'maxQueuedBytes'> {
  /** Whether runs have an `onInterrupted`. */
  readonly isContinued?: boolean;
  /** Whether the parent has a `Runs` as well, which is above `forkProcesses` in the program. */
  readonly hasRunsInParent?: boolean;
}

/** A program with children that share a backplane, each in a process of its own. */
export class RunningFamily {
  /** All but those about published records. */
  readonly lines: Line[] = [];
  /** Resolves when all processes are gone. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  readonly #process: ChildProcess;
  readonly #pids = new Set<number>();
  #isOver = false;
  readonly #published = new Map<number, string[]>();
  #waiting: (() => void)[] = [];

  constructor(options: FamilyOptions = {}) {
    this.#process = spawn(process.execPath, [PROGRAM, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (this.#process.stdout !== null)
      createInterface(this.#process.stdout).on('line', (text) => this.#add(JSON.parse(text) as Line));
    this.ended = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => {
        this.#isOver = true;
        for (const wake of this.#waiting.splice(0)) wake();
        resolve(signal ?? code);
      });
    });
    onTestFinished(() => this.#end());
  }

  /** Starts the program, and waits until all children are ready. */
  static async start(options: FamilyOptions = {}): Promise<RunningFamily> {
    const family = new RunningFamily(options);
    await family.heard((line) => line.isReady === true, CHILDREN);
    return family;
  }

  /** Sends a command. @param to - a task, or the parent. */
  tell(to: number | 'parent', what: string, details: object = {}): void {
    this.#process.stdin?.write(`${JSON.stringify({ to, do: what, ...details })}\n`);
  }

  /** Waits for `count` lines that are wanted. */
  async heard(isWanted: (line: Line) => boolean, count = 1): Promise<readonly Line[]> {
    const found: Line[] = [];
    for (let at = 0; ; ) {
      for (; at < this.lines.length; at += 1) {
        const line = this.lines[at] as Line;
        if (isWanted(line)) found.push(line);
      }
      if (found.length >= count) return found;
      await this.#change();
    }
  }

  /** Waits for one line that has this member, from one task or any. @returns the member. */
  async told<Value>(member: string, task?: number): Promise<Value> {
    const isWanted = (line: Line): boolean => member in line && (task === undefined || line.task === task);
    const [line] = await this.heard(isWanted);
    return (line as Line)[member] as Value;
  }

  /** The names of all records that a task, or any, has reported as published. */
  published(task?: number): readonly string[] {
    return task === undefined ? [...this.#published.values()].flat() : (this.#published.get(task) ?? []);
  }

  /** Waits until so many more were published. */
  async publishes(count: number, task?: number): Promise<void> {
    const target = this.published(task).length + count;
    while (this.published(task).length < target) await this.#change();
  }

  /** The process of a task that was started last. */
  pidOf(task: number): number {
    return this.lines.findLast(({ started }) => started === task)?.pid as number;
  }

  /** Sends a signal to a task, or to the parent. */
  signal(to: number | 'parent', signal: NodeJS.Signals): void {
    process.kill(to === 'parent' ? (this.#process.pid as number) : this.pidOf(to), signal);
  }

  async #end(): Promise<void> {
    if (this.#isOver) return;
    for (const pid of [this.#process.pid as number, ...this.#pids]) killIfThere(pid);
    await this.ended;
  }

  /** Waits for another line. */
  async #change(): Promise<void> {
    if (this.#isOver) throw new Error(`the program has ended: ${JSON.stringify(this.lines.slice(-5))}`);
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #add(line: Line): void {
    if (typeof line.pid === 'number') this.#pids.add(line.pid);
    if (line.published === undefined) this.lines.push(line);
    else {
      const names = this.#published.get(line.task as number) ?? [];
      this.#published.set(line.task as number, names);
      for (const name of line.published as string[]) names.push(name);
    }
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was gone.
  }
}

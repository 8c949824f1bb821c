import type { ChildProcess } from 'node:child_process';

/** How a child ended. */
export interface ProcessExit {
  /** The exit code; `null` when a signal ended it. */
  readonly code: number | null;
  /** The signal that ended it; `null` when it ended by itself. */
  readonly signal: NodeJS.Signals | null;
  /** Why it could not be started, where that is what happened. */
  readonly error?: Error;
}

/** Who hears of a child. */
interface ChildEvents {
  exited(exit: ProcessExit): void;
  message(message: unknown): void;
}

type TaskState =
  | { readonly kind: 'idle' | 'over' }
  /** `congested`: the channel is full, and what is sent meanwhile would queue without a limit. */
  | { readonly kind: 'running'; readonly child: ChildProcess; congested: boolean }
  | { readonly kind: 'waiting'; readonly timer: { cancel(): void } };

/** One place among the children: a child, the wait for the next one, or neither. */
export class SupervisedTask {
  readonly id: number;
  restarts = 0;
  #state: TaskState = { kind: 'idle' };

  constructor(id: number) {
    this.id = id;
  }

  get isOver(): boolean {
    return this.#state.kind === 'over';
  }

  describe(): { readonly taskId: number; readonly pid: number | undefined; readonly restarts: number } {
    return { taskId: this.id, pid: this.#child?.pid, restarts: this.restarts };
  }

  /** A child lives for this task, or tries to: `exited` is called once, when it has ended or could not start. */
  run(child: ChildProcess, events: ChildEvents): void {
    this.#state = { kind: 'running', child, congested: false };
    child.once('exit', (code, signal) => events.exited({ code, signal }));
    // Also says that a message or signal did not arrive, which is nothing that has to be dealt with.
    child.on('error', (error) => {
      if (child.pid === undefined) events.exited({ code: null, signal: null, error });
    });
    child.on('message', (message) => events.message(message));
  }

  waitFor(timer: { cancel(): void }): void {
    this.#state = { kind: 'waiting', timer };
  }

  gone(): void {
    this.#state = { kind: 'idle' };
  }

  end(): void {
    if (this.#state.kind === 'waiting') this.#state.timer.cancel();
    this.#state = { kind: 'over' };
  }

  /** @returns whether a child is there, whose end will be heard of. */
  signal(signal: NodeJS.Signals): boolean {
    const child = this.#child;
    if (child === undefined) return false;
    child.kill(signal);
    return true;
  }

  /** @returns whether it was sent. */
  send(message: unknown): boolean {
    const state = this.#state;
    if (state.kind !== 'running' || !state.child.connected || state.congested) return false;
    const flows = state.child.send(message as object, () => {
      state.congested = false;
    });
    if (!flows) state.congested = true;
    return true;
  }

  get #child(): ChildProcess | undefined {
    return this.#state.kind === 'running' ? this.#state.child : undefined;
  }
}

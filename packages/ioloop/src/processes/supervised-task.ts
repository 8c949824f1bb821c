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

  /** A child lives for this task, or tries to. */
  run(child: ChildProcess): void {
    this.#state = { kind: 'running', child, congested: false };
  }

  /** Whether it is this child that lives for the task. */
  holds(child: ChildProcess): boolean {
    return this.#child === child;
  }

  /** A successor takes over. @returns the child that it has replaced; `undefined` where there was none. */
  handOver(successor: ChildProcess): ChildProcess | undefined {
    if (this.#state.kind === 'waiting') this.#state.timer.cancel();
    const child = this.#child;
    this.run(successor);
    return child;
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

import type { TaskChild } from './task-child.ts';

type TaskState =
  | { readonly kind: 'idle' | 'over' }
  | { readonly kind: 'running'; readonly child: TaskChild }
  | { readonly kind: 'waiting'; readonly timer: { cancel(): void } };

/** Describes a child to the parent. */
export interface SupervisedChild {
  readonly taskId: number;
  /** `undefined` while the task has no child, and for a child that could not be started. */
  readonly pid: number | undefined;
  /** How often the task has been restarted. */
  readonly restarts: number;
}

/** One task of the supervisor: it has a running child, waits for its next start, or neither. */
export class SupervisedTask {
  readonly id: number;
  restarts = 0;
  /** Why a child of this task could not listen, as last reported; the report may arrive after that child has ended. */
  refusal: string | undefined = undefined;
  #state: TaskState = { kind: 'idle' };
  /** Children other than the current one: a successor that is not ready yet, or a predecessor that is being stopped. */
  readonly #others = new Set<TaskChild>();

  constructor(id: number) {
    this.id = id;
  }

  /** Whether no child will be started for this task any more. Other children may still be ending. */
  get isOver(): boolean {
    return this.#state.kind === 'over';
  }

  /** The current child of the task. */
  get child(): TaskChild | undefined {
    return this.#state.kind === 'running' ? this.#state.child : undefined;
  }

  /** All children of the task, {@link child} first. */
  get children(): readonly TaskChild[] {
    return this.child === undefined ? [...this.#others] : [this.child, ...this.#others];
  }

  /** Describes one of the children; default: the current one. */
  describe(child: TaskChild | undefined = this.child): SupervisedChild {
    return { taskId: this.id, pid: child?.pid, restarts: this.restarts };
  }

  /** Describes the current child first, even if there is none, and then the others. */
  describeAll(): readonly SupervisedChild[] {
    return [this.describe(), ...[...this.#others].map((other) => this.describe(other))];
  }

  /** Makes `child` the current child. It may still fail to start. */
  run(child: TaskChild): void {
    this.#state = { kind: 'running', child };
  }

  /** Adds a successor that is not ready yet. */
  prepare(successor: TaskChild): void {
    this.#others.add(successor);
  }

  /** Makes a ready successor the current child. @returns the child that it replaces; `undefined` if there was none. */
  handOver(successor: TaskChild): TaskChild | undefined {
    const { child } = this;
    if (this.#state.kind === 'waiting') this.#state.timer.cancel();
    this.#others.delete(successor);
    if (child !== undefined) this.#others.add(child);
    this.run(successor);
    return child;
  }

  /** Removes a child that has ended. @returns whether it was the current child. */
  forget(child: TaskChild): boolean {
    this.#others.delete(child);
    if (this.child !== child) return false;
    this.#state = { kind: 'idle' };
    return true;
  }

  waitFor(timer: { cancel(): void }): void {
    this.#state = { kind: 'waiting', timer };
  }

  end(): void {
    if (this.#state.kind === 'waiting') this.#state.timer.cancel();
    this.#state = { kind: 'over' };
  }
}

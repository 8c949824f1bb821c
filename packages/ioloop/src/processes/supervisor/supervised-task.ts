import type { TaskChild } from './task-child.ts';

type TaskState =
  | { readonly kind: 'idle' | 'over' }
  | { readonly kind: 'running'; readonly child: TaskChild }
  | { readonly kind: 'waiting'; readonly timer: { cancel(): void } };

/** A child as its parent sees it. */
export interface SupervisedChild {
  readonly taskId: number;
  /** `undefined` while none lives for this task, and of one that could not be started. */
  readonly pid: number | undefined;
  /** How often the task has been started again. */
  readonly restarts: number;
}

/** One place among the children: a child, the wait for the next one, or neither. */
export class SupervisedTask {
  readonly id: number;
  restarts = 0;
  /** Why the last of its children that could not listen could not; it may come later than the end of that child. */
  refusal: string | undefined = undefined;
  #state: TaskState = { kind: 'idle' };
  /** Those that the task does not count on: a successor that is not ready, or a predecessor that is to end. */
  readonly #others = new Set<TaskChild>();

  constructor(id: number) {
    this.id = id;
  }

  /** Whether nothing will be started for it any more. Others may still be ending. */
  get isOver(): boolean {
    return this.#state.kind === 'over';
  }

  /** The child that lives for the task. */
  get child(): TaskChild | undefined {
    return this.#state.kind === 'running' ? this.#state.child : undefined;
  }

  /** Every child that is there for the task, {@link child} first. */
  get children(): readonly TaskChild[] {
    return this.child === undefined ? [...this.#others] : [this.child, ...this.#others];
  }

  /** Of the child that lives for the task, or of another one. */
  describe(child: TaskChild | undefined = this.child): SupervisedChild {
    return { taskId: this.id, pid: child?.pid, restarts: this.restarts };
  }

  /** The child that lives for the task, or that none does; then the others. */
  describeAll(): readonly SupervisedChild[] {
    return [this.describe(), ...[...this.#others].map((other) => this.describe(other))];
  }

  /** A child lives for this task, or tries to. */
  run(child: TaskChild): void {
    this.#state = { kind: 'running', child };
  }

  /** A successor begins to get ready. */
  prepare(successor: TaskChild): void {
    this.#others.add(successor);
  }

  /** A successor is ready, and takes over. @returns the child that it replaces; `undefined` where there was none. */
  handOver(successor: TaskChild): TaskChild | undefined {
    const { child } = this;
    if (this.#state.kind === 'waiting') this.#state.timer.cancel();
    this.#others.delete(successor);
    if (child !== undefined) this.#others.add(child);
    this.run(successor);
    return child;
  }

  /** A child has ended. @returns whether the task counted on it. */
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

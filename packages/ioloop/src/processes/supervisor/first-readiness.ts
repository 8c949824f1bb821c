import type { SupervisedTask } from './supervised-task.ts';
import type { TaskChild } from './task-child.ts';

/** Waits until every task has had a child that was ready, or is over. */
export class FirstReadiness {
  /** Resolves then. Never rejects. */
  readonly reached: Promise<void>;
  readonly #missing: Set<SupervisedTask>;
  #reach!: () => void;

  constructor(tasks: readonly SupervisedTask[]) {
    this.#missing = new Set(tasks);
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
  }

  /** Must be called with each child that is started. */
  started(task: SupervisedTask, child: TaskChild): void {
    if (this.#missing.has(task)) void child.ready.then(() => this.settled(task));
  }

  /** Must be called when a task is over. */
  settled(task: SupervisedTask): void {
    if (this.#missing.delete(task) && this.#missing.size === 0) this.#reach();
  }
}

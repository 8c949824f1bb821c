import type { ChildProcess } from 'node:child_process';
import type { TaskListener, TaskRecord } from '../messages/task-record.ts';
import type { ChildProgram } from './child-program.ts';
import type { ListenRequest } from './listen-requests.ts';

/** What all children of one parent have in common. */
export interface LaunchPlan {
  readonly program: ChildProgram;
  readonly count: number;
  readonly stopTimeoutMs: number;
  readonly requests: readonly ListenRequest[];
}

/** How children come into being, and get at their listeners. */
export interface ChildLauncher {
  /** Starts the child of one task. May throw; a start that fails later is an `error` of the process, without a pid. */
  launch(taskId: number): ChildProcess;
  /** No child of this task will be started any more. */
  release(taskId: number): void;
}

/** What the child of a task is told. */
export function recordOf(plan: LaunchPlan, id: number, listeners: readonly TaskListener[]): TaskRecord {
  return { parent: process.pid, id, count: plan.count, stopTimeoutMs: plan.stopTimeoutMs, listeners };
}

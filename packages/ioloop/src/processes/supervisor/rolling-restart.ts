import type { Clock } from '../../clock.ts';
import { ProcessNotReadyError } from '../launching/process-errors.ts';
import type { SupervisedTask } from './supervised-task.ts';
import type { ProcessExit, TaskChild } from './task-child.ts';

/** What a rolling restart needs from the supervisor. */
export interface RestartSettings {
  readonly tasks: readonly SupervisedTask[];
  readonly clock: Clock;
  /** How long a successor may take to become ready. */
  readonly readyTimeoutMs: number;
  /** Starts a successor, which is not the current child of the task yet. Throws if the start fails. */
  startSuccessor(task: SupervisedTask): TaskChild;
  /** Sends SIGTERM, and SIGKILL if the child is still running after `stopTimeoutMs`. Settles when it has ended. */
  endChild(task: SupervisedTask, child: TaskChild): Promise<unknown>;
  isStopping(): boolean;
}

/**
 * Replaces the children of the tasks one after the other. The old child of a task is stopped only after the new one is
 * ready, so for a while both run.
 *
 * @throws ProcessNotReadyError `ERR_PROCESS_NOT_READY`; the tasks that were not replaced yet keep their children.
 */
export async function restartOneByOne(settings: RestartSettings): Promise<void> {
  for (const task of settings.tasks) {
    if (!task.isOver) await replaceChild(task, settings);
  }
}

async function replaceChild(task: SupervisedTask, settings: RestartSettings): Promise<void> {
  if (settings.isStopping()) throw stopped(task);
  const successor = startSuccessor(task, settings);
  await becomeReady(task, successor, settings);
  if (settings.isStopping()) throw stopped(task); // the successor got the signal too, as all children did
  if (task.isOver) {
    // The old child has exited with 0 in the meantime, so the task is done and needs no successor.
    await settings.endChild(task, successor);
    return;
  }
  const predecessor = task.handOver(successor);
  if (predecessor !== undefined) await settings.endChild(task, predecessor);
}

function startSuccessor(task: SupervisedTask, settings: RestartSettings): TaskChild {
  try {
    return settings.startSuccessor(task);
  } catch (cause) {
    throw notReady(task, 'could not be started', cause);
  }
}

async function becomeReady(
  task: SupervisedTask,
  successor: TaskChild,
  { clock, readyTimeoutMs }: RestartSettings,
): Promise<void> {
  let isLate = false;
  const timer = clock.setTimeout(() => {
    isLate = true;
    successor.kill('SIGKILL');
  }, readyTimeoutMs);
  const exit = await Promise.race([successor.ready, successor.ended]);
  timer.cancel();
  if (isLate) {
    await successor.ended;
    throw notReady(task, `was not ready within ${readyTimeoutMs} ms`);
  }
  if (exit !== undefined) throw notReady(task, describeExit(exit), exit.error);
}

/** Returns how a child ended, worded as the end of a sentence. */
export function describeExit({ code, signal, error }: ProcessExit): string {
  if (error !== undefined) return `could not be started (${error.message})`;
  return signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`;
}

function notReady(task: SupervisedTask, what: string, cause?: unknown): ProcessNotReadyError {
  return new ProcessNotReadyError(
    `the successor of task ${task.id} ${what}`,
    cause === undefined ? {} : { cause },
  );
}

function stopped(task: SupervisedTask): ProcessNotReadyError {
  return new ProcessNotReadyError(`the children were stopped before the one of task ${task.id} was replaced`);
}

import type { Worker } from 'node:cluster';
import { TaskAnswers } from './messages/task-answers.ts';
import { announceReady, expectListening } from './messages/task-readiness.ts';
import { clearTaskEnvironment, ownTask, type TaskListener, type TaskRecord } from './messages/task-record.ts';

/** What a process that `forkProcesses` has started is. */
export interface ProcessTask<Listen extends readonly unknown[] = readonly unknown[]> {
  /** 0 to {@link count} - 1. A child that is started again has the number of the one that died. */
  readonly id: number;
  /** How many children there are. */
  readonly count: number;
  /** One for each entry of the option `listen`, in its order: give it to the `listen` of a server. */
  readonly listeners: { readonly [Key in keyof Listen]: TaskListener };
  /**
   * Tells the parent that this child does its work now: in a rolling restart the child before it is stopped then. Not
   * needed where servers of ours listen on all {@link listeners}, which says it.
   */
  ready(): void;
  /**
   * Answers what the parent asks of `topic` by `ProcessSupervisor.ask`, with what can be sent as a message, or a promise
   * of it.
   */
  answer(topic: string, answer: () => unknown): void;
}

/**
 * Which of its siblings this process is, from 0; `undefined` in one that `forkProcesses` has not started.
 *
 * Also answers above the call of `forkProcesses`, since that part of the program runs in each child, too. Worker
 * threads do not know it: tell them.
 */
export function taskId(): number | undefined {
  return ownTask()?.id;
}

/**
 * Makes this process the child that its parent has described: takes the description out of the environment, and sees
 * to it that the process ends after its parent.
 */
export async function becomeTask(record: TaskRecord): Promise<ProcessTask> {
  clearTaskEnvironment();
  await endWithParent(record.stopTimeoutMs);
  const answers = new TaskAnswers();
  expectListening(record.listeners);
  return {
    id: record.id,
    count: record.count,
    listeners: record.listeners,
    ready: announceReady,
    answer: (topic, answer) => answers.set(topic, answer),
  };
}

/** The channel to the parent breaks when the parent is gone, however it went. */
async function endWithParent(stopTimeoutMs: number): Promise<void> {
  if (!process.connected) {
    stopOrphan(stopTimeoutMs);
    return;
  }
  const { default: cluster } = await import('node:cluster');
  const { worker } = cluster;
  process.once('disconnect', () => stopOrphan(stopTimeoutMs));
  // Node says so, and nowhere else, when a message did not get through; unheard it would end us before we drain.
  process.on('error', ignoreLostMessage);
  worker?.on('error', ignoreLostMessage);
  // Node ends its cluster's workers at once; this is its way to say that we see to it.
  worker?.once('disconnect', () => markAsLeaving(worker));
  // What a child lives for are its listeners and its work: without them it ends, with the channel open.
  process.channel?.unref();
}

function markAsLeaving(worker: Worker): void {
  worker.exitedAfterDisconnect = true;
}

function ignoreLostMessage(): void {}

/** As if the parent had stopped us: what drains at SIGTERM drains, and for no longer. */
function stopOrphan(stopTimeoutMs: number): void {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), stopTimeoutMs).unref();
  process.kill(process.pid, 'SIGTERM');
}

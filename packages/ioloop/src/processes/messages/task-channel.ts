// What parent and child say to each other, by the environment and by messages. Does not start or restart processes.
// What is relied on of the internals of Node's channel is in this file alone: each function says what that is, and what
// breaks if it goes. task-channel.canary.test.ts checks that this version of Node still has it.

import type { Worker } from 'node:cluster';

/** What parent and child say to each other besides the messages of the program. */
export type TaskWord =
  /** Child: it can do its work, so that its predecessor may end. */
  | { readonly kind: 'ready' }
  /** Child: it could not listen, and may end because of that. */
  | { readonly kind: 'refused'; readonly message: string }
  /** Parent: what does the child know of `topic`? */
  | { readonly kind: 'ask'; readonly id: number; readonly topic: string }
  /** Child; without a value where it does not know. */
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown };

/** How it is said: by the channel of the program's messages, from which it is told by its one key. */
export interface TaskMessage {
  readonly landspout: TaskWord;
}

const KINDS: ReadonlySet<unknown> = new Set<TaskWord['kind']>(['ready', 'refused', 'ask', 'answer']);

/** What one of ours says; `undefined` for a message of the program. */
export function taskWordOf(message: unknown): TaskWord | undefined {
  if (typeof message !== 'object' || message === null || !('landspout' in message)) return undefined;
  const { landspout } = message as { readonly landspout: unknown };
  if (typeof landspout !== 'object' || landspout === null) return undefined;
  const { kind } = landspout as { readonly kind?: unknown };
  return KINDS.has(kind) ? (landspout as TaskWord) : undefined;
}

/**
 * Nothing is said to a parent that is gone, and none of it is needed then.
 *
 * @throws what Node throws for a value that a message cannot hold.
 */
export function tellParent(landspout: TaskWord): void {
  if (process.connected) process.send?.({ landspout } satisfies TaskMessage, undefined, undefined, () => {});
}

/**
 * Takes what the parent asks us out of the messages that the program gets by `process.on('message')`.
 *
 * Node calls listeners in turn, and none of them can keep a message from the others; so it must be taken before.
 *
 * Relies on Node calling `process.emit`, as it is then, for each message (seen in Node 20 to 26). Otherwise the questions
 * of the parent are not answered, and the program gets them as messages.
 */
export function hearQuestions(heard: (ask: Extract<TaskWord, { kind: 'ask' }>) => void): void {
  const { emit } = process;
  const filtered = (event: string | symbol, ...args: unknown[]): boolean => {
    const own = event === 'message' ? taskWordOf(args[0]) : undefined;
    if (own === undefined) return Reflect.apply(emit, process, [event, ...args]) as boolean;
    if (own.kind === 'ask') heard(own);
    return true;
  };
  process.emit = filtered as typeof emit;
}

/**
 * Has Node read the channel, for {@link hearQuestions}.
 *
 * Works around Node keeping messages back until there is a listener for them (seen in Node 20 to 26). Without this, the
 * questions of the parent are not answered by a program that has no such listener.
 */
export function openMessages(): void {
  process.on('message', () => {});
}

/** The channel to the parent breaks when the parent is gone, however it went. */
export async function endWithParent(stopTimeoutMs: number): Promise<void> {
  if (!process.connected) {
    stopOrphan(stopTimeoutMs);
    return;
  }
  const { default: cluster } = await import('node:cluster');
  const { worker } = cluster;
  process.once('disconnect', () => stopOrphan(stopTimeoutMs));
  ignoreLostMessages(worker);
  worker?.once('disconnect', () => markAsLeaving(worker));
  // What a child lives for are its listeners and its work: without them it ends, with the channel open.
  process.channel?.unref();
}

/**
 * Keeps a worker of node:cluster alive when its channel breaks, so that it can drain.
 *
 * Relies on node:cluster reading `exitedAfterDisconnect` after it has emitted `disconnect` on the worker, and ending the
 * process at once unless it is set (seen in Node 20 to 26; documented as a property that is only read). Otherwise the
 * children of a parent that was killed end in the middle of their requests, on the portable backend.
 */
function markAsLeaving(worker: Worker): void {
  worker.exitedAfterDisconnect = true;
}

/**
 * Ignores messages that do not get through to the parent.
 *
 * Relies on Node emitting `error` on the process, and of a worker of node:cluster on that too, for a message without a
 * callback (seen in Node 20 to 26). If it throws instead, a child whose parent is gone ends before it has drained.
 */
function ignoreLostMessages(worker: Worker | undefined): void {
  const ignore = (): void => {};
  process.on('error', ignore);
  worker?.on('error', ignore);
}

/** As if the parent had stopped us: what drains at SIGTERM drains, and for no longer. */
function stopOrphan(stopTimeoutMs: number): void {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), stopTimeoutMs).unref();
  process.kill(process.pid, 'SIGTERM');
}

// What parent and child say to each other, by the environment and by messages. Does not start or restart processes.
// This file relies on Node's internals: every message reaches its listeners through `process.emit`, and node:cluster ends
// a worker whose parent is gone unless its `exitedAfterDisconnect` is set.

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
 * Takes what the parent asks us out of what the program hears by `process.on('message')`.
 *
 * Node tells listeners in turn, and none of them can keep a message from the others; so it must be taken before.
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

/** The channel to the parent breaks when the parent is gone, however it went. */
export async function endWithParent(stopTimeoutMs: number): Promise<void> {
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

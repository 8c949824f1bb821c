// The messages between parent and child, apart from those of the program. Does not start or restart processes. All code
// that relies on the internals of Node's channel is in this file. Each function documents what it relies on, and what
// breaks without it. task-channel.canary.test.ts checks the running version of Node.

import type { Worker } from 'node:cluster';
import type { SecretRecord } from './renewed-secret.ts';

/** The content of a message between parent and child that the program did not send. */
export type TaskWord =
  /** Child to parent: it is ready, so the parent may stop the child that it replaces. */
  | { readonly kind: 'ready' }
  /** Child to parent: it could not listen, and may therefore end. */
  | { readonly kind: 'refused'; readonly message: string }
  /** Parent to child: asks for the child's answer to `topic`. */
  | { readonly kind: 'ask'; readonly id: number; readonly topic: string }
  /** Child to parent: the answer; without a value if the child has no answer. */
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown }
  /** Child to parent: asks for the secret that all children share, now and after each renewal. */
  | { readonly kind: 'secret-request' }
  /** Parent to child: the secret. */
  | ({ readonly kind: 'secret' } & SecretRecord);

/**
 * The form in which a {@link TaskWord} is sent. It uses the same channel as the messages of the program; its only key
 * distinguishes it from them.
 */
export interface TaskMessage {
  readonly landspout: TaskWord;
}

const KINDS: ReadonlySet<unknown> = new Set<TaskWord['kind']>([
  'ready',
  'refused',
  'ask',
  'answer',
  'secret-request',
  'secret',
]);

/** Returns the content of one of our messages; `undefined` for a message of the program. */
export function taskWordOf(message: unknown): TaskWord | undefined {
  if (typeof message !== 'object' || message === null || !('landspout' in message)) return undefined;
  const { landspout } = message as { readonly landspout: unknown };
  if (typeof landspout !== 'object' || landspout === null) return undefined;
  const { kind } = landspout as { readonly kind?: unknown };
  return KINDS.has(kind) ? (landspout as TaskWord) : undefined;
}

/**
 * Sends a message to the parent. Does nothing if the parent has ended.
 *
 * @throws the error of Node if the message contains a value that cannot be sent.
 */
export function tellParent(landspout: TaskWord): void {
  if (process.connected) process.send?.({ landspout } satisfies TaskMessage, undefined, undefined, () => {});
}

/** The messages of the parent that are not the program's. */
export type ParentWord = Extract<TaskWord, { kind: 'ask' | 'secret' }>;

/** Maximum number of messages that wait until they can be heard. Later ones are lost. */
const MAX_HELD = 1_024;

/**
 * Receives the parent's words, and removes them from the messages that the program receives by
 * `process.on('message')`.
 *
 * Node calls all listeners in turn, and no listener can hide a message from the others, so our words are removed before
 * the listeners are called. Node delivers no messages until there is a listener, so this adds an empty one. Messages of
 * the program, and questions, still wait for a listener of the program, but here instead of in Node.
 *
 * Relies on Node looking up `process.emit` anew for each message, and on Node reading the channel while there is any
 * listener (verified in Node 20 to 26). Otherwise the parent's words are not heard, and the program receives them as
 * messages.
 *
 * @returns a function that lets questions through even if the program has no listener.
 */
export function hearParent(heard: (word: ParentWord) => void): () => void {
  const { emit } = process;
  const held: unknown[][] = [];
  let answers = false;
  const filtered = (event: string | symbol, ...args: unknown[]): boolean => {
    const own = event === 'message' ? taskWordOf(args[0]) : undefined;
    const isHeard = own?.kind === 'secret' || (own !== undefined && answers);
    if (event === 'message' && !isHeard && process.listenerCount('message') === 1) {
      if (held.length < MAX_HELD) held.push(args);
      return true;
    }
    // Node may already have queued later messages when it announces a listener.
    if (event === 'message' && own?.kind !== 'secret' && held.length > 0) release();
    if (own === undefined) return Reflect.apply(emit, process, [event, ...args]) as boolean;
    if (own.kind === 'ask' || own.kind === 'secret') heard(own);
    return true;
  };
  const release = (): void => {
    for (const args of held.splice(0)) filtered('message', ...args);
  };
  process.emit = filtered as typeof emit;
  process.on('message', () => {});
  process.on('newListener', (event) => {
    if (event === 'message') process.nextTick(release); // Node announces a listener before it adds it
  });
  return () => {
    answers = true;
    process.nextTick(release);
  };
}

/** Stops this process when the channel to the parent closes, as it does no matter how the parent ends. */
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
  // A child is kept alive by its listeners and its work. Without these it should end, even though the channel is open.
  process.channel?.unref();
}

/**
 * Keeps a worker of node:cluster alive when its channel closes, so that it can drain.
 *
 * Relies on node:cluster reading `exitedAfterDisconnect` after it has emitted `disconnect` on the worker, and ending
 * the process at once unless it is true (verified in Node 20 to 26, which document the property as read-only).
 * Otherwise, on the portable backend, the children of a killed parent end in the middle of their requests.
 */
function markAsLeaving(worker: Worker): void {
  worker.exitedAfterDisconnect = true;
}

/**
 * Ignores the errors of messages that cannot be delivered to the parent.
 *
 * Relies on Node emitting `error` on the process, and on the worker if it is one of node:cluster, when a message
 * without a callback fails (verified in Node 20 to 26). If Node throws instead, a child whose parent has ended ends
 * before it has drained.
 */
function ignoreLostMessages(worker: Worker | undefined): void {
  const ignore = (): void => {};
  process.on('error', ignore);
  worker?.on('error', ignore);
}

/**
 * Acts as if the parent had stopped this process: sends SIGTERM, on which servers drain, and SIGKILL after the same
 * timeout.
 */
function stopOrphan(stopTimeoutMs: number): void {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), stopTimeoutMs).unref();
  process.kill(process.pid, 'SIGTERM');
}

import { tellParent } from './task-channel.ts';
import type { TaskListener } from './task-record.ts';

/** Listeners of this child that no server has taken over yet; `undefined` where nobody waits for that. */
let missing: Set<string> | undefined;

/** From now on the parent hears when servers listen on all of them. One without listeners must say so itself. */
export function expectListening(listeners: readonly TaskListener[]): void {
  missing = listeners.length === 0 ? undefined : new Set(listeners.map(nameOf));
}

/**
 * A server of ours listens on what `options` name: one of `task.listeners`, or something that is none of the parent's
 * concern.
 *
 * @internal For `listen` of iostream.
 */
export function announceListening(options: Partial<TaskListener>): void {
  if (missing?.delete(nameOf(options)) === true && missing.size === 0) announceReady();
}

/** The parent is told once. */
export function announceReady(): void {
  missing = undefined;
  tellParent({ kind: 'ready' });
}

function nameOf(listener: {
  fd?: number | readonly number[];
  host?: string;
  port?: number;
  cluster?: boolean;
}): string {
  const { fd, host = '', port = 0, cluster = false } = listener;
  return fd === undefined ? `${cluster ? 'cluster' : 'own'} ${host} ${port}` : `fd ${[fd].flat().join()}`;
}

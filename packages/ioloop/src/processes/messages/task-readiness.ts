import { SystemError } from '../../errors.ts';
import { tellParent } from './task-channel.ts';
import { ownTask, type TaskListener } from './task-record.ts';

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

/**
 * In a child of `forkProcesses`, tells the parent of an address in use, and the caller what to do: programs that bind and
 * then fork, as with Tornado, start again and again otherwise. Any other error is returned as it is.
 *
 * @internal For `listen` of iostream.
 */
export function explainAddressInUse(
  error: unknown,
  wanted: { readonly host?: string | undefined; readonly port?: number; readonly path?: string },
): unknown {
  const task = ownTask();
  if (task === undefined || !(error instanceof SystemError) || error.code !== 'EADDRINUSE') return error;
  const { syscall, address, cause } = error;
  const remedy = `in each of its processes forkProcesses runs the whole program, and ${remedyFor(wanted, task.count)}`;
  const explained = new SystemError(error.code, syscall, address, {
    remedy,
    ...(cause === undefined ? {} : { cause }),
  });
  tellParent({ kind: 'refused', message: explained.message });
  return explained;
}

function remedyFor(
  {
    host,
    port,
    path,
  }: { readonly host?: string | undefined; readonly port?: number; readonly path?: string },
  count: number,
): string {
  if (path !== undefined) {
    return 'only one of them can listen on a Unix socket: let one do it (task.id === 0), or listen on a port instead';
  }
  const where = host === undefined ? `{ port: ${port} }` : `{ host: '${host}', port: ${port} }`;
  return (
    'only one of them can bind a port by itself: let the parent do it for all, ' +
    `const task = await forkProcesses(${count}, { listen: [${where}] }), ` +
    'and take it over in each, await server.listen(task.listeners[0])'
  );
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

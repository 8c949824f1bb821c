import { SystemError } from '../../errors.ts';
import { tellParent } from './task-channel.ts';
import { ownTask, type TaskListener } from './task-record.ts';

/**
 * Listeners of this child that no server has taken over yet; `undefined` if listening does not make this child ready.
 */
let missing: Set<string> | undefined;

/**
 * Arranges that the parent is notified when servers listen on all of `listeners`. Without listeners, the program must
 * notify it with `task.ready()`.
 */
export function expectListening(listeners: readonly TaskListener[]): void {
  missing = listeners.length === 0 ? undefined : new Set(listeners.map(nameOf));
}

/**
 * Records that a Landspout server listens on `options`: one of `task.listeners`, or an address that the parent does not
 * wait for.
 *
 * @internal For `listen` of iostream.
 */
export function announceListening(options: Partial<TaskListener>): void {
  if (missing?.delete(nameOf(options)) === true && missing.size === 0) announceReady();
}

/**
 * In a child of `forkProcesses`, reports an address in use to the parent, and returns an error that tells the caller
 * what to do: a program that binds and then forks, as is usual with Tornado, would otherwise be restarted again and
 * again. Any other error is returned unchanged.
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
  const remedy = `forkProcesses runs the whole program in each process, and ${remedyFor(wanted, task.count)}`;
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
    return 'only one of them can listen on a Unix socket: let task.id === 0 do so, or listen on a port instead';
  }
  const where = host === undefined ? `{ port: ${port} }` : `{ host: '${host}', port: ${port} }`;
  return (
    'only one of them can bind a port by itself: have the parent bind it for all with ' +
    `const task = await forkProcesses(${count}, { listen: [${where}] }), ` +
    'and take it over in each with await server.listen(task.listeners[0])'
  );
}

/** Notifies the parent that this child is ready; after that, listening no longer notifies it. */
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

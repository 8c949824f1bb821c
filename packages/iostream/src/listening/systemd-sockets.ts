import { isMainThread } from 'node:worker_threads';
import { PassedSockets, type SystemdSocket } from './passed-sockets.ts';

let passed: PassedSockets | undefined;

/**
 * The sockets that systemd, or whoever speaks its protocol, has passed to this process (sd_listen_fds(3)) and that no
 * server has taken. Reading them says nothing about what they are: listening on one does.
 *
 * The environment is read once, at the first call here or of `listen({ systemd })`, and LISTEN_PID, LISTEN_FDS and
 * LISTEN_FDNAMES are removed from it, so that no child takes them for its own. That a child does not inherit the
 * descriptors themselves is Node's doing, which marks all of them as close-on-exec when it starts. Of the main thread
 * only.
 *
 * @throws ListenUsageError `ERR_LISTEN_NOT_ACTIVATED` when there are none, which is what a program learns that was
 *   started by hand; `ERR_LISTEN_ACTIVATION` when the variables cannot be true.
 *
 * @example
 * await server.listen({ systemd: true }); // all of them
 * await admin.listen({ systemd: 'admin.socket' }); // those with FileDescriptorName=admin.socket
 */
export function systemdSockets(): readonly SystemdSocket[] {
  return passedSockets().remaining;
}

/** For servers: the descriptors of the sockets that have `name`, or with `true` of all, which are taken from then on. */
export function takeSystemdSockets(name: string | true): readonly number[] {
  return passedSockets().take(name);
}

function passedSockets(): PassedSockets {
  passed ??= PassedSockets.read(process.env, process.pid, isMainThread);
  return passed;
}

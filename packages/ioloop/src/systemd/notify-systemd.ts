import { ownTask } from '../processes/messages/task-record.ts';
import { assignmentsOf, type SystemdNotice } from './notice.ts';
import { sendNotice } from './send-notice.ts';

/**
 * Tells systemd, or another service manager with the same protocol, about the state of this process (sd_notify(3)).
 *
 * `server.start`, `app.start` and `forkProcesses` do this themselves: they report that the service is ready, reloads or
 * stops, and reset the watchdog. Use this function if the program listens in another way, is ready later, or wants to
 * show a status. The unit needs `Type=notify`, or `NotifyAccess=main`. On the portable backend it needs
 * `NotifyAccess=all`, because Node cannot send such notices itself: the program systemd-notify does.
 *
 * @returns whether a notice was sent. False if NOTIFY_SOCKET is not set, so that nothing expects notices, and in a
 *   child of `forkProcesses`, whose parent is the process that systemd knows.
 * @throws LoopUsageError `ERR_LOOP_USAGE` if the notice is invalid; SystemdNotifyError `ERR_SYSTEMD_ADDRESS`,
 *   `ERR_SYSTEMD_TOOL`; SystemError such as `ECONNREFUSED`, or `EAGAIN` if systemd does not read its socket for 1 s.
 *
 * @example
 * await notifySystemd({ ready: true, status: `listening on ${server.url}` });
 */
export async function notifySystemd(notice: SystemdNotice): Promise<boolean> {
  const assignments = assignmentsOf(notice, monotonicUs);
  const socket = notifySocket();
  if (socket === undefined) return false;
  await sendNotice(socket, assignments);
  return true;
}

/** The address for notices; undefined if none are expected of this process. */
export function notifySocket(): string | undefined {
  const { NOTIFY_SOCKET: socket } = process.env;
  return socket === undefined || socket === '' || ownTask() !== undefined ? undefined : socket;
}

/** On Linux, `hrtime` is CLOCK_MONOTONIC. */
function monotonicUs(): bigint {
  return process.hrtime.bigint() / 1_000n;
}

import { execFile } from 'node:child_process';
import { SystemError } from '../errors.ts';
import { loadNative } from '../reactor/backend.ts';
import type { NativeBinding } from '../reactor/native-binding.ts';
import { systemError } from '../reactor/reactor.ts';
import { shownText } from '../shown-value.ts';
import { SystemdNotifyError } from './systemd-errors.ts';

/** `sun_path` of Linux has 108 bytes, the last of which is a terminator. */
const MAX_ADDRESS_BYTES = 107;
/** How often a notice is sent again if systemd has not read the earlier ones: for one second. */
const ATTEMPTS = 21;
const RETRY_MS = 50;
const TOOL = 'systemd-notify';
const TOOL_TIMEOUT_MS = 10_000;

/**
 * Sends assignments to the socket of the service manager: with the native backend as one datagram, with the portable one
 * by the program systemd-notify, because Node has no Unix datagrams.
 *
 * @param socket - the value of NOTIFY_SOCKET.
 * @throws SystemdNotifyError, SystemError.
 */
export async function sendNotice(socket: string, assignments: readonly string[]): Promise<void> {
  const path = pathOf(socket);
  const native = loadNative();
  if ('binding' in native) await sendDatagram(native.binding, path, socket, assignments.join('\n'));
  else await callTool(socket, assignments);
}

/** @throws SystemdNotifyError `ERR_SYSTEMD_ADDRESS`. */
function pathOf(socket: string): string {
  const isAddress = (socket.startsWith('/') || socket.startsWith('@')) && socket.length > 1;
  if (isAddress && !socket.includes('\0') && Buffer.byteLength(socket) <= MAX_ADDRESS_BYTES)
    return socket.startsWith('@') ? `\0${socket.slice(1)}` : socket;
  throw new SystemdNotifyError(
    'ERR_SYSTEMD_ADDRESS',
    `NOTIFY_SOCKET: an absolute path or a name after @, of at most ${MAX_ADDRESS_BYTES} bytes, was expected, not ${shownText(socket, 120)}`,
  );
}

async function sendDatagram(
  binding: NativeBinding,
  path: string,
  socket: string,
  text: string,
): Promise<void> {
  const bytes = Buffer.from(text);
  for (let attempt = 1; ; attempt += 1) {
    const result = binding.sendUnixDatagram(path, bytes);
    if (result >= 0) return;
    if (result !== -binding.constants.EAGAIN || attempt === ATTEMPTS)
      throw systemError(result, 'sendto', socket);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function callTool(socket: string, assignments: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NOTIFY_SOCKET: socket };
    execFile(TOOL, assignments, { env, timeout: TOOL_TIMEOUT_MS }, (cause, _output, errors) => {
      if (cause === null) resolve();
      else reject(toolError(cause, errors));
    });
  });
}

function toolError(cause: Error, errors: string): Error {
  const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  const said = errors.trim();
  const problem = isMissing
    ? 'it was not found; install it (on Debian with the package systemd), or use the native backend'
    : `it failed${said === '' ? '' : `: ${shownText(said, 200)}`}`;
  const message = `the portable backend sends notices with the program ${TOOL}, and ${problem}`;
  return new SystemdNotifyError('ERR_SYSTEMD_TOOL', message, {
    cause: SystemError.from(cause, 'spawn', TOOL),
  });
}

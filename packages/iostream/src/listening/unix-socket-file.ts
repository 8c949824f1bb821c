import { type BigIntStats, chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { type IOLoop, SystemError } from '@landspout/ioloop';
import { shownValue } from '@landspout/ioloop/errors';
import { targetName } from '../addresses/net-address.ts';
import { connect } from '../connecting/connect.ts';
import { listenUsage, streamChecks } from '../errors.ts';

/** Its owner alone. */
export const DEFAULT_SOCKET_MODE = 0o600;

/** Remembers which file a listener made, so that only that one is ever removed. */
export interface UnixSocketFile {
  readonly path: string;
  readonly identity: string;
}

/** Whether `path` is a name outside the file system: Linux's abstract names, Windows' pipes. */
export function isAbstract(path: string): boolean {
  return path.startsWith('\0') || process.platform === 'win32';
}

/**
 * Checks what can be checked before any file is touched.
 *
 * @throws SystemError `ENAMETOOLONG` for a path that the system could only take cut off; StreamUsageError
 *   `ERR_STREAM_USAGE` for one that is no path, or a mode that is none.
 */
export function requireSocketPath(path: string, mode = DEFAULT_SOCKET_MODE): void {
  if (typeof path !== 'string' || path === '' || path === '\0' || path.indexOf('\0') > 0) {
    throw listenUsage(
      `a path without NUL, or one more character after it, was expected, not ${shownValue(path)}`,
    );
  }
  streamChecks.wholeNumber('listen', 'mode', mode, 0, 0o777);
  if (Buffer.byteLength(path) > longestSocketPath()) {
    throw new SystemError('ENAMETOOLONG', 'bind', targetName({ path }));
  }
}

/** In bytes, without the NUL at the end: unix(7), and the same man page of the BSDs. Windows has pipes, not sockets. */
export function longestSocketPath(): number {
  if (process.platform === 'win32') return 256;
  return process.platform === 'linux' ? 107 : 103;
}

/**
 * Removes the socket that a process which died has left at `path`. One that still answers stays, and so does
 * every other kind of file: binding then fails with `EADDRINUSE`.
 */
export async function removeStaleSocket(loop: IOLoop, path: string): Promise<void> {
  if (isAbstract(path)) return;
  const before = identityOf(path);
  if (before === undefined) return;
  try {
    const transport = await connect(loop, { path });
    transport.close();
  } catch (error) {
    const isDead = (error as { code?: unknown }).code === 'ECONNREFUSED';
    if (isDead) removeSocketFile({ path, identity: before });
  }
}

/**
 * Limits who may connect to a socket that was bound, and notes which file it is: before it listens, so that nobody
 * can connect under the mode that the process's umask would leave.
 *
 * @throws SystemError when the file is not to be had; it is removed then.
 */
export function claimSocketFile(path: string, mode: number): UnixSocketFile {
  try {
    chmodSync(path, mode);
    return noteSocketFile(path);
  } catch (error) {
    unlinkSync(path);
    throw SystemError.from(error, 'chmod', path);
  }
}

/** @param path - of a socket that is ours; made absolute, since the process may change its folder. */
export function noteSocketFile(path: string): UnixSocketFile {
  const absolute = resolve(path);
  return { path: absolute, identity: identityOf(absolute) ?? '' };
}

/** Removes the file, unless another one has taken its place, or none. */
export function removeSocketFile({ path, identity }: UnixSocketFile): void {
  if (identityOf(path) !== identity) return;
  try {
    unlinkSync(path);
  } catch {
    // The folder is no longer ours to change. A file that stays is a stale socket, which the next server replaces.
  }
}

/** What tells a socket from its successor, which may well get the same inode. @returns `undefined` for no socket. */
function identityOf(path: string): string | undefined {
  let stats: BigIntStats | undefined;
  try {
    stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // Such as a folder that may not be searched: binding will say so.
  }
  return stats?.isSocket() ? `${stats.dev}:${stats.ino}:${stats.birthtimeNs}` : undefined;
}

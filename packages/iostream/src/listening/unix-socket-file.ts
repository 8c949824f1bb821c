import { type BigIntStats, chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { type IOLoop, SystemError } from '@landspout/ioloop';
import { shownValue } from '@landspout/ioloop/errors';
import { targetName } from '../addresses/net-address.ts';
import { connect } from '../connecting/connect.ts';
import { listenUsage, streamChecks } from '../errors.ts';

/** Only the owner may connect. */
export const DEFAULT_SOCKET_MODE = 0o600;

/** The file that a listener created. `identity` ensures that no other file is ever removed. */
export interface UnixSocketFile {
  readonly path: string;
  readonly identity: string;
}

/** Whether `path` is a name outside the file system: a Linux abstract name or a Windows pipe. */
export function isAbstract(path: string): boolean {
  return path.startsWith('\0') || process.platform === 'win32';
}

/**
 * Checks the path and the mode before any file is touched.
 *
 * @throws SystemError `ENAMETOOLONG` if the system would have to truncate the path; StreamUsageError `ERR_STREAM_USAGE`
 *   if the path or the mode is invalid.
 */
export function requireSocketPath(path: string, mode = DEFAULT_SOCKET_MODE): void {
  if (typeof path !== 'string' || path === '' || path === '\0' || path.indexOf('\0') > 0) {
    throw listenUsage(
      `path must be text without NUL, except as the first character of a longer name, got ${shownValue(path)}`,
    );
  }
  streamChecks.wholeNumber('listen', 'mode', mode, 0, 0o777);
  if (Buffer.byteLength(path) > longestSocketPath()) {
    throw new SystemError('ENAMETOOLONG', 'bind', targetName({ path }));
  }
}

/**
 * Returns the maximum length of a socket path in bytes, without the terminating NUL: see unix(7) of Linux and of the
 * BSDs. Windows has pipes instead of sockets.
 */
export function longestSocketPath(): number {
  if (process.platform === 'win32') return 256;
  return process.platform === 'linux' ? 107 : 103;
}

/**
 * Removes a socket file at `path` whose process has terminated. A socket that accepts connections is kept, and so is a
 * file of any other type; binding then fails with `EADDRINUSE`.
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
 * Sets the mode of a bound socket, which limits who may connect, and records which file it is. Call it before the
 * socket listens, so that no one can connect while the file still has the mode that results from the umask.
 *
 * @throws SystemError if the file cannot be changed; it is removed then.
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

/**
 * @param path - of a socket that we created; stored as an absolute path, since the process may change its working
 *   directory.
 */
export function noteSocketFile(path: string): UnixSocketFile {
  const absolute = resolve(path);
  return { path: absolute, identity: identityOf(absolute) ?? '' };
}

/** Removes the file, unless it no longer exists or another file has replaced it. */
export function removeSocketFile({ path, identity }: UnixSocketFile): void {
  if (identityOf(path) !== identity) return;
  try {
    unlinkSync(path);
  } catch {
    // The folder may no longer be writable. The file then becomes a stale socket, which the next server replaces.
  }
}

/**
 * Returns a text that differs between this socket file and a later one, even if the later file gets the same inode.
 *
 * @returns `undefined` if `path` is not a socket.
 */
function identityOf(path: string): string | undefined {
  let stats: BigIntStats | undefined;
  try {
    stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // For example, a folder without search permission: binding reports the error.
  }
  return stats?.isSocket() ? `${stats.dev}:${stats.ino}:${stats.birthtimeNs}` : undefined;
}

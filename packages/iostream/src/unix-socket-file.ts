import { type BigIntStats, chmodSync, lstatSync, unlinkSync } from 'node:fs';
import type { IOLoop } from '@landspout/ioloop';
import { connect } from './connect.ts';

/** Remembers which file a listener made, so that only that one is ever removed. */
export interface UnixSocketFile {
  readonly path: string;
  readonly inode: bigint;
}

/** Whether `path` is a name outside the file system: Linux's abstract names, Windows' pipes. */
function isAbstract(path: string): boolean {
  return path.startsWith('\0') || process.platform === 'win32';
}

/**
 * Removes the socket that a process which died has left at `path`. One that still answers stays, and so does
 * every other kind of file: binding then fails with `EADDRINUSE`.
 */
export async function removeStaleSocket(loop: IOLoop, path: string): Promise<void> {
  if (isAbstract(path)) return;
  const before = statSocket(path);
  if (before === undefined) return;
  try {
    const transport = await connect(loop, { path });
    transport.close();
  } catch (error) {
    const isDead = (error as { code?: unknown }).code === 'ECONNREFUSED';
    if (isDead && statSocket(path)?.ino === before.ino) unlinkSync(path);
  }
}

/** Limits who may connect, and notes which file it is. `undefined` for a name outside the file system. */
export function claimSocketFile(path: string, mode: number): UnixSocketFile | undefined {
  if (isAbstract(path)) return undefined;
  chmodSync(path, mode);
  return { path, inode: lstatSync(path, { bigint: true }).ino };
}

/** Removes the file, unless another server has taken its place. */
export function removeSocketFile({ path, inode }: UnixSocketFile): void {
  if (statSocket(path)?.ino === inode) unlinkSync(path);
}

function statSocket(path: string): BigIntStats | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats?.isSocket() ? stats : undefined;
}

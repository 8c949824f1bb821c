// Renames a log file to its backup, and deletes old backups. Renaming follows no symbolic link.

import { lstat, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { STAMP } from './rotation-times.ts';

/** More files of one period are not made; the last of them is replaced. */
const MAX_SAME_STAMP = 999;

/**
 * Renames `path` to `path.1`, after `path.1` to `path.2` and so on. The oldest of `backups` files is replaced. If the
 * process dies in between, a number is missing, but no file.
 */
export async function rotateNumbers(path: string, backups: number): Promise<void> {
  let last = 1;
  while (last < backups && (await exists(`${path}.${last}`))) last += 1;
  for (let number = last; number > 1; number -= 1) await rename(`${path}.${number - 1}`, `${path}.${number}`);
  await rename(path, `${path}.1`);
}

/** Renames `path` to `path.stamp`, and deletes all but the newest `backups` of such files. */
export async function rotateStamp(path: string, stamp: string, backups: number): Promise<void> {
  let target = `${path}.${stamp}`;
  for (let number = 1; number <= MAX_SAME_STAMP && (await exists(target)); number += 1)
    target = `${path}.${stamp}.${number}`;
  await rename(path, target);
  for (const name of (await stampedBackups(path)).slice(0, -backups)) await unlink(join(dirname(path), name));
}

/** The names of the backups, the oldest first. */
async function stampedBackups(path: string): Promise<readonly string[]> {
  const prefix = `${basename(path)}.`;
  const found: { readonly name: string; readonly stamp: string; readonly number: number }[] = [];
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix)) continue;
    const match = STAMP.exec(name.slice(prefix.length));
    if (match === null) continue;
    const [whole, number] = match;
    const stamp = number === undefined ? whole : whole.slice(0, -number.length - 1);
    found.push({ name, stamp, number: Number(number ?? 0) });
  }
  const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  found.sort((a, b) => order(a.stamp, b.stamp) || a.number - b.number);
  return found.map(({ name }) => name);
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

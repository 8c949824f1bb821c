import { createHash, webcrypto } from 'node:crypto';
import { constants, type Stats, stat } from 'node:fs';
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { HTTPError } from '../errors.ts';
import { placeOf, type StaticPlace } from './static-file.ts';

/** An open regular file. The caller must close its handle. */
export interface OpenFile {
  readonly handle: FileHandle;
  readonly stats: Stats;
}

/**
 * How much of a large file is read and hashed at a time. Copying a block for the thread pool blocks the event loop for
 * a tenth of the time that hashing the block there would take.
 */
const HASH_BLOCK_BYTES = 256 * 1024;

/** The number of hex digits of a hash: 128 bits are enough to identify a version. */
const HASH_DIGITS = 32;

/** Maximum number of attempts to open a file that is being replaced at the same time. */
const MAX_ATTEMPTS = 3;

/** Like `stat` of `node:fs/promises`, which takes one and a half times as long. */
export function statsOf(file: string): Promise<Stats> {
  return new Promise((resolve, reject) => {
    stat(file, (error, stats) => (error === null ? resolve(stats) : reject(error)));
  });
}

/** Returns the place that a path below a root leads to, after all links are followed. */
export async function resolvePlace(root: string, segments: readonly string[]): Promise<StaticPlace> {
  const realRoot = await realpath(root);
  return placeOf(realRoot, await realpath(path.join(realRoot, ...segments)));
}

/**
 * Opens a regular file at a path without links, and then checks that the open file is the one at this path. Without the
 * check, someone who can write below the root could replace a folder of the path with a link just before the file is
 * opened, and any file could be served.
 *
 * @param absolutePath - as `realpath` returned it.
 * @throws HTTPError 404 if it is no longer a regular file, or if the path now has links.
 */
export async function openRegular(absolutePath: string): Promise<OpenFile> {
  for (let attempt = 1; ; attempt += 1) {
    const opened = await openUnchecked(absolutePath);
    try {
      if (await isAt(opened, absolutePath)) return opened;
    } catch (error) {
      await opened.handle.close();
      throw error;
    }
    await opened.handle.close();
    if (attempt === MAX_ATTEMPTS) throw new HTTPError(404, 'the file is being replaced');
  }
}

/** Like {@link openRegular}, without checking that the path still has no links. */
export async function openUnchecked(absolutePath: string): Promise<OpenFile> {
  // The flags prevent blocking if the file has since become a pipe, and prevent following a link that was since
  // created.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const handle = await open(absolutePath, flags);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new HTTPError(404);
    return { handle, stats };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * On Linux, the path of an open file can be read. Elsewhere, the path is resolved again, which makes the window for an
 * attack smaller but does not close it.
 */
async function isAt({ handle, stats }: OpenFile, absolutePath: string): Promise<boolean> {
  if (process.platform === 'linux') {
    const place = await readlink(`/proc/self/fd/${handle.fd}`).catch(() => undefined);
    if (place !== undefined) return place === absolutePath;
  }
  const { ino, dev } = await statsOf(absolutePath);
  return ino === stats.ino && dev === stats.dev && (await realpath(absolutePath)) === absolutePath;
}

/** Reads a small file. If the file has become shorter, the result is shorter than `size`. */
export async function readWhole(handle: FileHandle, size: number): Promise<Buffer> {
  // Not allocated from the buffer pool, since it may be kept for a long time.
  const content = Buffer.allocUnsafeSlow(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await handle.read(content, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return content.subarray(0, length);
}

/** Computes the hash of a small file. */
export function hashOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, HASH_DIGITS);
}

/**
 * Computes the hash of a large file, which is the hash of the hashes of its blocks. Each block is hashed in the thread
 * pool while the next one is read.
 *
 * @returns undefined if the file changed during the computation.
 */
export async function hashFile({ handle, stats }: OpenFile): Promise<string | undefined> {
  const hash = createHash('sha256');
  const block = Buffer.allocUnsafeSlow(Math.min(HASH_BLOCK_BYTES, stats.size));
  let position = 0;
  let length = await readBlock(handle, block, position);
  while (length > 0) {
    position += length;
    const [digest, next] = await Promise.all([
      // `digest` copies the bytes before it returns, so the block can be filled again.
      webcrypto.subtle.digest('SHA-256', block.subarray(0, length)),
      position < stats.size ? readBlock(handle, block, position) : 0,
    ]);
    hash.update(new Uint8Array(digest));
    length = next;
  }
  const { mtimeMs, ctimeMs, size } = await handle.stat();
  if (position !== size || mtimeMs !== stats.mtimeMs || ctimeMs !== stats.ctimeMs) return undefined;
  return hash.digest('hex').slice(0, HASH_DIGITS);
}

/** Fills the whole block, except at the end of the file: the block boundaries must depend on the content alone. */
async function readBlock(handle: FileHandle, block: Buffer, position: number): Promise<number> {
  let length = 0;
  while (length < block.length) {
    const { bytesRead } = await handle.read(block, length, block.length - length, position + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

import { HTTPError } from '../errors.ts';
import { CODING_SUFFIXES, chooseCoding, type PrecompressedCoding } from './precompressed.ts';
import { type FileEntry, requireServed } from './static-file.ts';
import type { StaticOptions } from './static-options.ts';
import { type Found, isNoOlder } from './static-root.ts';

/** The file or compressed variant that a response sends. */
export interface Selected {
  readonly file: FileEntry;
  /** The whole file, if it is in memory. */
  readonly content: Buffer | undefined;
  /** The coding of its content; undefined for the plain file. */
  readonly coding: PrecompressedCoding | undefined;
  /** Whether other requests for this URL may get another coding. */
  readonly varies: boolean;
}

/** Looks up a path. @throws HTTPError 404, or 403 if a link leads to a place from which nothing may be served. */
export async function lookUpServed(segments: readonly string[], options: StaticOptions): Promise<Found> {
  const found = await options.root.lookUp(segments, options.cacheBytes);
  requireServed(found.kind === 'file' ? found.file : found.place, options);
  return found;
}

/**
 * Chooses between a file and the compressed ones beside it.
 *
 * @param accept - the Accept-Encoding header of the request.
 */
export async function selectVariant(
  segments: readonly string[],
  { file, content }: Extract<Found, { kind: 'file' }>,
  accept: string | undefined,
  options: StaticOptions,
): Promise<Selected> {
  const plain = { file, content, coding: undefined, varies: false };
  if (options.precompressed.length === 0) return plain;
  const looking = options.root.codings(segments, file);
  const present = looking instanceof Promise ? await looking : looking;
  if (present.length === 0) return plain;
  const available = options.precompressed.filter((coding) => present.includes(coding));
  if (available.length === 0) return plain;
  const coding = chooseCoding(accept, available);
  const variant = coding && (await variantOf(segments, file, coding, options));
  return variant ?? { ...plain, varies: true };
}

/** Returns undefined if the compressed file no longer exists, or must not be served. */
async function variantOf(
  segments: readonly string[],
  plain: FileEntry,
  coding: PrecompressedCoding,
  options: StaticOptions,
): Promise<Selected | undefined> {
  const name = `${segments.at(-1)}${CODING_SUFFIXES[coding]}`;
  try {
    const found = await lookUpServed([...segments.slice(0, -1), name], options);
    if (found.kind !== 'file' || !isNoOlder(found.file.modifiedMs, plain)) return undefined;
    return { file: found.file, content: found.content, coding, varies: true };
  } catch (error) {
    if (error instanceof HTTPError) return undefined;
    throw error;
  }
}

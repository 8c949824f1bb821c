import { createHash } from 'node:crypto';
import type { ResponseDraft } from './response-draft.ts';

/** A body below this many bytes gets no tag: a 304 in its place would save nothing. */
const MIN_BYTES = 1_024;

/** A strong tag of what was written so far, or undefined where the body is small. */
export function bodyEntityTag(response: ResponseDraft): string | undefined {
  if (!response.hasAtLeast(MIN_BYTES)) return undefined;
  // SHA-1 names a version here; nobody trusts it. It is the fastest of node:crypto on common machines.
  const hash = createHash('sha1');
  response.eachPiece((piece) => hash.update(piece));
  return `"${hash.digest('hex')}"`;
}

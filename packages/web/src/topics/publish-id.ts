import { createHash } from 'node:crypto';
import { webChecks } from '../errors.ts';

/** What the ids of this function look like that are hashes: SHA-256 in base64url. */
const HASH = /^[\w-]{43}$/;

/**
 * Returns the `id` with which a record of a client is published, so that a repeated publish is recognized over every
 * transport, and clients of different subjects that choose the same `ref` do not take each other's records for
 * repetitions.
 *
 * @param subject - whose record it is; undefined if the handler does not distinguish its clients.
 * @param ref - chosen by the client.
 * @returns a hash of both, or `ref` itself without a subject. A `ref` that looks like a hash is hashed too, so that no
 *   client can use the id of another.
 * @throws WebUsageError `ERR_WEB_USAGE` if the subject is neither a string nor undefined.
 */
export function publishId(subject: string | undefined, ref: string): string {
  if (subject !== undefined && typeof subject !== 'string')
    throw webChecks.wrong('publish', 'subject: a string or undefined', subject);
  if (subject === undefined && !HASH.test(ref)) return ref;
  return createHash('sha256')
    .update(JSON.stringify([subject, ref]))
    .digest('base64url');
}

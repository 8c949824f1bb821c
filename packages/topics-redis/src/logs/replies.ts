import type { LogName } from '@landspout/topics';
import type { RedisReply } from '../connection/redis-link.ts';
import { RedisBackplaneError } from '../errors.ts';

/** The text of a reply; of a number, its digits; of nothing, ''. */
export function textOf(reply: RedisReply | undefined): string {
  return reply === undefined || reply === null ? '' : String(reply);
}

export function listOf(reply: RedisReply | undefined): readonly RedisReply[] {
  return Array.isArray(reply) ? reply : [];
}

/**
 * The parts of the reply of a script that writes.
 *
 * @throws RedisBackplaneError `ERR_TOPICS_REDIS_VERSION` if a newer version has written the log.
 */
export function writtenBy(reply: RedisReply, { kind, name }: LogName): readonly RedisReply[] {
  const parts = listOf(reply);
  if (textOf(parts[0]) !== 'newer') return parts;
  throw new RedisBackplaneError(
    'ERR_TOPICS_REDIS_VERSION',
    `the ${kind} ${name} has version ${textOf(parts[1])} of the format, and this version of the package writes ${FORMAT_VERSION}; update it in this process`,
  );
}

/** The format of what is kept in Redis. A log with a higher one is read and not written. */
export const FORMAT_VERSION = 1;

import type { Logger } from '@landspout/ioloop';
import { replyCode } from '../connection/link-errors.ts';
import type { RedisLink } from '../connection/redis-link.ts';
import { RedisBackplaneError } from '../errors.ts';
import { textOf } from '../logs/replies.ts';

/** Scripts declare by flags that they may run when the memory is full: Redis 7.0 and newer. */
const MIN_MAJOR_VERSION = 7;

/**
 * Checks the server that has this key, if it permits that. A memory that evicts keys is only warned of.
 *
 * @throws RedisBackplaneError `ERR_TOPICS_REDIS_CONNECT` if it is too old; BackplaneError.
 */
export async function checkServer(link: RedisLink, key: string, logger: Logger): Promise<void> {
  const info = await readInfo(link, key);
  if (info === undefined) return;
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1];
  const version = field('redis_version') ?? 'unknown';
  if (Number.parseInt(version, 10) < MIN_MAJOR_VERSION) {
    throw new RedisBackplaneError(
      'ERR_TOPICS_REDIS_CONNECT',
      `Redis ${MIN_MAJOR_VERSION}.0 or newer was expected, not ${version}; update the server`,
    );
  }
  const policy = field('maxmemory_policy');
  if (policy === undefined || policy === 'noeviction' || field('maxmemory') === '0') return;
  logger.warn(
    { policy },
    'Redis evicts keys when its memory is full: topics and runs can be lost at any time; set maxmemory-policy noeviction',
  );
}

/** @returns undefined if the user may not read it. */
async function readInfo(link: RedisLink, key: string): Promise<string | undefined> {
  try {
    return textOf(await link.send(key, ['INFO']));
  } catch (error) {
    if (replyCode((error as Error).cause) === 'NOPERM') return undefined;
    throw error;
  }
}

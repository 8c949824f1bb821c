import { ArgumentChecks, CodedError } from '@landspout/ioloop/errors';

/** The ways in which only this backplane can fail; see also the errors of `@landspout/topics`. */
export const REDIS_ERRORS = {
  ERR_TOPICS_REDIS_USAGE: { meaning: 'An option is invalid; nothing was connected. See the message.' },
  ERR_TOPICS_REDIS_CONNECT: {
    meaning:
      'Redis could not be reached, or refused the client, when the backplane was opened. See the `cause`.',
  },
  ERR_TOPICS_REDIS_VERSION: {
    meaning:
      'A newer version of the package has written the log, so this one reads what it understands and does not write.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type RedisErrorCode = keyof typeof REDIS_ERRORS;

/** The caller passed something invalid. */
export class RedisUsageError extends CodedError<'ERR_TOPICS_REDIS_USAGE'> {
  override readonly name = 'RedisUsageError';
}

/** Redis cannot be used as it is. */
export class RedisBackplaneError extends CodedError<'ERR_TOPICS_REDIS_CONNECT' | 'ERR_TOPICS_REDIS_VERSION'> {
  override readonly name = 'RedisBackplaneError';
}

/** The checks of this package. */
export const redisChecks = new ArgumentChecks(
  (problem) => new RedisUsageError('ERR_TOPICS_REDIS_USAGE', problem),
);

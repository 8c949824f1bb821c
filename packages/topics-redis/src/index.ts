/**
 * A backplane of `@landspout/topics` on Redis: topics and runs that processes on many machines share.
 *
 * @packageDocumentation
 */

// The backplane.

export { RedisBackplane } from './backplane/redis-backplane.ts';
export type { RedisBackplaneOptions, RedisBackplaneSettings } from './backplane/redis-options.ts';

// What is connected to.

export type {
  ClusterOptions,
  RedisLinkOptions,
  RedisLinkSettings,
  SentinelOptions,
} from './connection/redis-options.ts';
export type { ServerOptions } from './connection/server-options.ts';

// Errors.

export { REDIS_ERRORS, RedisBackplaneError, type RedisErrorCode, RedisUsageError } from './errors.ts';

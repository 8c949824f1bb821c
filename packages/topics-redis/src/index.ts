/**
 * A backplane of `@landspout/topics` on Redis: topics and runs that processes on many machines share.
 *
 * @packageDocumentation
 */

// Errors.

export { REDIS_ERRORS, RedisBackplaneError, type RedisErrorCode, RedisUsageError } from './errors.ts';

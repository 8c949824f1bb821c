import { type Clock, consoleLogger, type Logger, systemClock } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { acceptLogger } from '@landspout/ioloop/reactor';
import {
  REDIS_LINK_OPTIONS,
  type RedisLinkOptions,
  refuseSocketOptions,
  requireLinkOptions,
} from '../connection/redis-options.ts';
import { redisChecks } from '../errors.ts';

/** Exactly one of `url`, `client`, `sentinel` and `cluster`, and settings. */
export type RedisBackplaneOptions = RedisLinkOptions & RedisBackplaneSettings;

/** Settings of the backplane itself. */
export interface RedisBackplaneSettings {
  /**
   * What all keys and channels begin with: 1 to 100 of the characters A-Z a-z 0-9 . _ ~ : / -. Backplanes with the same
   * prefix, on the same Redis, share their topics and runs. Default: `landspout`.
   */
  readonly prefix?: string | undefined;
  /**
   * How long this process may be silent before its members leave, in milliseconds by the clock of Redis, from 1,000.
   * Default: 15 s.
   */
  readonly leaseMs?: number | undefined;
  /** Most runs without an end, of all processes; more are refused with `ERR_RUN_LIMIT`. Default: 100,000. */
  readonly maxRuns?: number | undefined;
}

const OPTIONS: OptionNames<RedisBackplaneOptions> = {
  ...REDIS_LINK_OPTIONS,
  prefix: true,
  leaseMs: true,
  maxRuns: true,
};

const DEFAULT_PREFIX = 'landspout';
const DEFAULT_LEASE_MS = 15_000;
const MIN_LEASE_MS = 1000;
const DEFAULT_MAX_RUNS = 100_000;
/** No braces: they make the hash tag of a key. */
const PREFIX = /^[A-Za-z0-9._~:/-]{1,100}$/;

/** The options with their defaults, without those of the link. */
export interface BackplaneRules {
  readonly prefix: string;
  readonly leaseMs: number;
  readonly maxRuns: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** @throws RedisUsageError `ERR_TOPICS_REDIS_USAGE`. */
export function requireBackplaneOptions(operation: string, options: RedisBackplaneOptions): BackplaneRules {
  refuseSocketOptions(operation, options, 'write url, or client: { socket: { host, port } }');
  redisChecks.options(operation, options, OPTIONS);
  requireLinkOptions(operation, options);
  const { prefix = DEFAULT_PREFIX, leaseMs = DEFAULT_LEASE_MS, maxRuns = DEFAULT_MAX_RUNS } = options;
  const { logger, clock = systemClock } = options;
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    const expected = 'prefix: 1 to 100 of the characters A-Z a-z 0-9 . _ ~ : / -';
    throw redisChecks.wrong(operation, expected, prefix);
  }
  return {
    prefix,
    leaseMs: redisChecks.durationMs(operation, 'leaseMs', leaseMs, MIN_LEASE_MS),
    maxRuns: redisChecks.wholeNumber(operation, 'maxRuns', maxRuns, 1),
    logger: logger === undefined ? consoleLogger : acceptLogger(logger),
    clock: redisChecks.withMethods(operation, 'a clock', clock, 'now', 'wallTime', 'setTimeout'),
  };
}

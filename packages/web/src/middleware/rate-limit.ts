import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import { clientNetwork } from '@landspout/iostream/transports';
import { disown, HTTPError, WebUsageError, webChecks } from '../errors.ts';
import type { Middleware, MiddlewareContext } from '../handler/lifecycle.ts';
import { boundedKey, TokenBuckets } from './token-buckets.ts';

/**
 * Returns the key by which a request is counted, such as a user; undefined if it is not limited. Must be synchronous.
 */
export type RateLimitKey = (context: MiddlewareContext) => string | undefined;

export interface RateLimitOptions {
  /** The number of requests that are allowed per {@link windowMs}, on average. */
  readonly limit: number;
  /** The period for {@link limit}. Default: 60,000 (one minute). */
  readonly windowMs?: number;
  /** The number of requests that may arrive at once after a pause. Default: {@link limit}. */
  readonly burst?: number;
  /** The key by which requests are counted. Default: the address of the client; of an IPv6 address, its /64 prefix. */
  readonly key?: RateLimitKey;
  /** Maximum number of keys. If there are more, the least recently used one is forgotten. Default: 100,000. */
  readonly maxEntries?: number;
  /**
   * Whether responses have the headers `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (the number of
   * seconds until the whole burst is available). Default: false.
   */
  readonly headers?: boolean;
}

const RATE_LIMIT_OPTIONS: OptionNames<RateLimitOptions> = {
  limit: true,
  windowMs: true,
  burst: true,
  key: true,
  maxEntries: true,
  headers: true,
};

/**
 * Creates middleware that limits how many requests a client may make, with one token bucket per client. A request that
 * exceeds the limit gets a 429 with `Retry-After`, and does not use a token; such requests are logged at most once per
 * minute.
 *
 * Each middleware has its own buckets, in this process only. Routes that use the same middleware share the limit. An
 * entry takes about 200 bytes; keys longer than 128 characters are replaced by their hash. Behind a proxy, set the
 * option `trustedProxies` of the server, since otherwise all clients have the address of the proxy. All clients of a
 * Unix socket also share one bucket. The time is taken from `application.clock`.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown or invalid. Requests fail with it (500) if `key`
 *   returns anything but a string or undefined.
 *
 * @example
 * // Ten attempts at once, and then one every six seconds.
 * route('/login', Login, {}, { middleware: [rateLimit({ limit: 10 })] });
 */
export function rateLimit(options: RateLimitOptions): Middleware {
  webChecks.options('rateLimit', options, RATE_LIMIT_OPTIONS);
  const limit = webChecks.wholeNumber('rateLimit', 'limit', options.limit, 1, 1_000_000_000);
  const windowMs = webChecks.positiveNumber('rateLimit', 'windowMs', options.windowMs ?? 60_000);
  const capacity = webChecks.wholeNumber('rateLimit', 'burst', options.burst ?? limit, 1, 1_000_000_000);
  const maxEntries = webChecks.wholeNumber(
    'rateLimit',
    'maxEntries',
    options.maxEntries ?? 100_000,
    1,
    10_000_000,
  );
  const headers = webChecks.boolean('rateLimit', 'headers', options.headers ?? false);
  const keyOf = webChecks.callback('rateLimit', 'key', options.key ?? addressKey);
  const buckets = new TokenBuckets({ msPerToken: windowMs / limit, capacity }, maxEntries);

  return function rateLimit(context, next) {
    const key = checkedKey(keyOf(context));
    if (key === undefined) return next();
    const nowMs = context.application.clock.now();
    const waitMs = buckets.take(key, nowMs);
    if (headers) announce(context, key, nowMs);
    if (waitMs === 0) return next();
    throw new HTTPError(429, 'the rate limit is exceeded', {
      headers: { 'Retry-After': String(Math.ceil(waitMs / 1_000)) },
    });
  };

  function announce({ response }: MiddlewareContext, key: string, nowMs: number): void {
    const remaining = String(buckets.tokens(key, nowMs));
    const reset = String(Math.ceil(buckets.msUntilFull(key, nowMs) / 1_000));
    response.beforeHeaders(({ headers: sent }) => {
      sent.set('RateLimit-Limit', String(capacity));
      sent.set('RateLimit-Remaining', remaining);
      sent.set('RateLimit-Reset', reset);
    });
  }
}

const addressKey: RateLimitKey = ({ request }) => clientNetwork(request.remoteIp);

function checkedKey(key: unknown): string | undefined {
  if (key === undefined) return undefined;
  if (typeof key !== 'string') {
    disown(key);
    const problem = `rateLimit: key must return a string or undefined, got ${shownValue(key)}`;
    throw new WebUsageError('ERR_WEB_USAGE', problem);
  }
  return boundedKey(key);
}

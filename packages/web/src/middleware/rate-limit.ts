import { createHash } from 'node:crypto';
import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import { clientNetwork } from '@landspout/iostream/transports';
import { disown, HTTPError, WebUsageError, webChecks } from '../errors.ts';
import type { Middleware, MiddlewareContext } from '../handler/lifecycle.ts';
import { MAX_KEY_CHARS, TokenBuckets } from './token-buckets.ts';

/** Returns what requests are counted by, such as a user; undefined if the request is not limited. Synchronous. */
export type RateLimitKey = (context: MiddlewareContext) => string | undefined;

export interface RateLimitOptions {
  /** How many requests are allowed in {@link windowMs}, on average. */
  readonly limit: number;
  /** Default: 60,000, a minute. */
  readonly windowMs?: number;
  /** How many requests may come at once, after a pause. Default: {@link limit}. */
  readonly burst?: number;
  /** What requests are counted by. Default: the address of the client, an IPv6 address by its /64. */
  readonly key?: RateLimitKey;
  /** How many keys are counted. For one more, the one that was used least recently is forgotten. Default: 100,000. */
  readonly maxEntries?: number;
  /**
   * Whether responses have `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset`, the seconds until the whole
   * burst is available. Default: false.
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
 * Creates middleware that limits how many requests a client may make, with a token bucket for each. A request that
 * exceeds the limit gets a 429 with `Retry-After`, and does not count; the log has one record per minute about it.
 *
 * The buckets belong to this middleware in this process: used in several routes, they share the limit. An entry takes
 * about 200 bytes; keys longer than 128 characters are replaced by their hash. Behind a proxy, tell the server which
 * proxies to trust, since otherwise all clients have the address of the proxy; clients on a Unix socket share one
 * bucket, too. Time is that of `application.clock`.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown or invalid. Requests fail with it (500) if `key` returns
 *   anything but a string or undefined.
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
  return key.length <= MAX_KEY_CHARS ? key : createHash('sha256').update(key, 'utf16le').digest('base64');
}

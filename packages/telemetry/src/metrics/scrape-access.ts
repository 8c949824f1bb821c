import { createHash, timingSafeEqual } from 'node:crypto';
import { optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { AddressList } from '@landspout/iostream';
import type { HTTPServerRequest } from '@landspout/web';

/**
 * Which requests may read the metrics: `anyone`; those with one of these bearer tokens; those from these addresses; or
 * what a function decides. The address is that of the client, also behind trusted proxies; a request that another proxy
 * has forwarded is refused, because its address is that of the proxy.
 */
export type MetricsAccess =
  | 'anyone'
  | { readonly token: string | readonly string[] }
  | { readonly addresses: readonly string[] }
  | ((request: HTTPServerRequest) => boolean | PromiseLike<boolean>);

/** Shorter tokens can be guessed. */
const MIN_TOKEN_CHARS = 16;
const KINDS =
  "'anyone', { token } with a text of at least 16 characters, { addresses } with addresses and networks, or a function";

/**
 * Why a request is refused: 401 asks for a token, 403 does not. `forwarded` is a 403 whose cause is the configuration: the
 * proxy is not one of `trustedProxies`.
 */
export type Refusal = 401 | 403 | 'forwarded';

/** The headers by which proxies say for whom they forward a request. */
const FORWARDING = ['X-Forwarded-For', 'Forwarded', 'X-Real-IP', 'X-Forwarded-Proto', 'Via'];

/** Decides about one request. @returns undefined if it may read the metrics. */
export type AccessCheck = (request: HTTPServerRequest) => Promise<Refusal | undefined>;

/** @returns what is wrong with the value of the option; undefined if it can be used. */
export function accessProblem(allow: unknown): string | undefined {
  if (allow === undefined)
    return `allow must say who may read the metrics, which should not be public: ${KINDS}`;
  if (allow === 'anyone' || typeof allow === 'function') return undefined;
  if (typeof allow !== 'object' || allow === null)
    return `allow must be ${KINDS}, got ${typeof allow === 'string' ? 'a text' : shownValue(allow)}`;
  const known = 'token' in allow ? { token: true } : { addresses: true };
  const problem = optionsProblem(allow, known);
  if (problem !== undefined) return `allow: ${problem}; it must be ${KINDS}`;
  const { token, addresses } = allow as { readonly token?: unknown; readonly addresses?: unknown };
  return 'token' in allow ? tokenProblem(token) : addressesProblem(addresses);
}

/** @param allow - one that {@link accessProblem} has accepted. */
export function accessCheck(allow: MetricsAccess): AccessCheck {
  if (allow === 'anyone') return async () => undefined;
  if (typeof allow === 'function')
    return async (request) => ((await allow(request)) === true ? undefined : 403);
  if ('addresses' in allow) {
    const list = new AddressList(allow.addresses);
    return async ({ connection, headers }) => {
      if (!list.has(connection.remoteAddress)) return 403;
      const isForwarded = FORWARDING.some((name) => headers.has(name));
      return isForwarded && connection.isReportedByProxy !== true ? 'forwarded' : undefined;
    };
  }
  const digests = tokensOf(allow.token).map(digestOf);
  return async (request) => {
    const [, given] = /^bearer +([^ ]+) *$/i.exec(request.headers.get('Authorization') ?? '') ?? [];
    return given !== undefined && isListed(digests, digestOf(given)) ? undefined : 401;
  };
}

/** Compares with all, so that the time says nothing about them. */
function isListed(digests: readonly Buffer[], given: Buffer): boolean {
  let isFound = false;
  for (const digest of digests) if (timingSafeEqual(digest, given)) isFound = true;
  return isFound;
}

/** The same length for all texts, as the comparison needs it. */
function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function tokensOf(token: string | readonly string[]): readonly string[] {
  return typeof token === 'string' ? [token] : token;
}

/** The token itself is not in the message. */
function tokenProblem(token: unknown): string | undefined {
  const tokens: readonly unknown[] = Array.isArray(token) ? token : [token];
  const isValid = (one: unknown): boolean =>
    typeof one === 'string' && one.length >= MIN_TOKEN_CHARS && /^[\x21-\x7e]+$/.test(one);
  if (tokens.length > 0 && tokens.every(isValid)) return undefined;
  return `allow: token must be a text of at least ${MIN_TOKEN_CHARS} visible ASCII characters, or an array of such texts`;
}

function addressesProblem(addresses: unknown): string | undefined {
  try {
    new AddressList(addresses as readonly string[]);
    return undefined;
  } catch (error) {
    return `allow: addresses: ${(error as Error).message}`;
  }
}

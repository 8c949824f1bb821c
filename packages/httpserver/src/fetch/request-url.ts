import {
  type HTTPConnectionInfo,
  HTTPInputError,
  type RequestHead,
  requestHost,
  targetPath,
  targetQuery,
} from '@landspout/http1';
import { excerpt } from '@landspout/ioloop/errors';

/** Characters and sequences that the WHATWG URL parser changes or may change in a path or query. */
const MAY_CHANGE = /[^!$%&()*+,\-./0-9:;=?@A-Z_a-z~]|\/\.|%2e/i;

const SLASH = 0x2f;

/** The most hosts whose origin is kept. Clients choose the host. */
const MAX_KNOWN_ORIGINS = 256;

const origins = { http: new Map<string, string>(), https: new Map<string, string>() };

/**
 * Returns the URL of a request in the spelling of the WHATWG URL parser, like `new Request(url).url`.
 *
 * @param publicOrigins - those of the exchange.
 * @throws HTTPInputError (400) if the host is no host of a URL, such as `999.1.1.1`.
 */
export function requestUrl(
  { method, target, headers }: RequestHead,
  connection: HTTPConnectionInfo,
  publicOrigins?: readonly string[],
): string {
  const { protocol, forwardedHost } = connection;
  const isPath = target.charCodeAt(0) === SLASH;
  const field = isPath && forwardedHost !== undefined ? undefined : headers.get('Host');
  const origin =
    publicOrigins?.[0] ?? originOf(protocol, forwardedHost ?? requestHost(method, target, field));
  if (isPath) return MAY_CHANGE.test(target) ? parsed(origin, target) : origin + target;
  // RFC 9112 §3.3: the URL of `OPTIONS *` and of CONNECT has no path.
  if (target === '*' || method === 'CONNECT') return `${origin}/`;
  const query = targetQuery(target);
  const path = targetPath(target);
  return parsed(origin, target.includes('?') ? `${path}?${query}` : path);
}

function parsed(origin: string, local: string): string {
  try {
    return new URL(origin + local).href;
  } catch (error) {
    throw new HTTPInputError('the target of the request is no URL', 400, { cause: error });
  }
}

function originOf(protocol: 'http' | 'https', host: string): string {
  const known = origins[protocol];
  return known.get(host) ?? learnOrigin(known, protocol, host);
}

function learnOrigin(known: Map<string, string>, protocol: string, host: string): string {
  let origin: string;
  try {
    ({ origin } = new URL(`${protocol}://${host}`));
  } catch (error) {
    throw new HTTPInputError(`the host of the request is invalid: ${excerpt(host)}`, 400, { cause: error });
  }
  if (known.size >= MAX_KNOWN_ORIGINS) known.clear();
  // The host is a slice of the received head, which the map would keep in memory.
  known.set(Buffer.from(host, 'latin1').toString('latin1'), origin);
  return origin;
}

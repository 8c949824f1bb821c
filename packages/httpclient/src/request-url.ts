import { HTTPClientUsageError } from './errors.ts';
import type { BasicAuth } from './http-request.ts';

/** A URL, taken apart into what a connection, a request line and headers need. */
export interface RequestUrl {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** `host[:port]` as the Host header has it. */
  readonly authority: string;
  /** Path and query. */
  readonly target: string;
  /** From the user information, which is nowhere else. */
  readonly auth: BasicAuth | undefined;
  /** Without user information and fragment. */
  readonly href: string;
}

/**
 * What the URL parser of the web platform repairs in silence, or reads in another way than RFC 3986: blanks and
 * controls (CR and LF among them), backslashes, lone surrogates. A repaired URL may go elsewhere than a check
 * before us understood (ATT-38), so it is refused.
 */
const UNFIT = /[\p{Cc} \\]|\p{Surrogate}/u;

/** @throws HTTPClientUsageError `ERR_HTTPCLIENT_URL`, or `ERR_HTTPCLIENT_SCHEME`. */
export function parseRequestUrl(text: string): RequestUrl {
  if (UNFIT.test(text)) throw badUrl(text, 'it has blanks, controls or backslashes');
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) throw badUrl(text, 'it is not absolute');
  if (scheme !== 'http' && scheme !== 'https') {
    throw new HTTPClientUsageError(
      'ERR_HTTPCLIENT_SCHEME',
      `http or https was expected, not ${excerpt(scheme)}`,
    );
  }
  if (!text.startsWith('//', scheme.length + 1)) throw badUrl(text, 'it has no host');
  const url = parse(text);
  const secure = scheme === 'https';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  if (port === 0) throw badUrl(text, 'no server has port 0');
  const auth = authOf(url, text);
  url.username = '';
  url.password = '';
  url.hash = '';
  return {
    secure,
    host: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port,
    authority: url.host,
    target: url.pathname + url.search,
    auth,
    href: url.href,
  };
}

function parse(text: string): URL {
  try {
    return new URL(text);
  } catch (error) {
    throw badUrl(text, 'it cannot be parsed', error);
  }
}

function authOf(url: URL, text: string): BasicAuth | undefined {
  if (url.username === '' && url.password === '') return undefined;
  try {
    return { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  } catch (error) {
    throw badUrl(text, 'its user information is not percent-encoded UTF-8', error);
  }
}

function badUrl(text: string, why: string, cause?: unknown): HTTPClientUsageError {
  return new HTTPClientUsageError('ERR_HTTPCLIENT_URL', `cannot fetch ${excerpt(text)}: ${why}`, { cause });
}

/** Clipped, escaped, and without a password. */
function excerpt(text: string): string {
  const safe = text.replace(/\/\/[^/?#]*@/, '//***@');
  return JSON.stringify(safe.length > 80 ? `${safe.slice(0, 80)}…` : safe);
}

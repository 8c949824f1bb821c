import { urlConcat } from '@landspout/http1';
import { canonicalOrigin } from '@landspout/http1/protocol';
import { webChecks } from '../errors.ts';

/** Longer URLs are ignored: many servers and proxies refuse them as well. */
const MAX_URL_LENGTH = 4_096;
/**
 * Characters that browsers remove or treat as another character: for example, `/\t/evil` and `/\evil` lead to the host
 * `evil`. Lone surrogates cannot be encoded in UTF-8.
 */
const UNFIT = /[\p{Cc} \\]|\p{Surrogate}/u;
/** The scheme and host of an absolute URL. Browsers also accept `https:evil` and `https:/evil`, which are refused. */
const ABSOLUTE = /^https?:\/\/[^/?#]+/i;
/** Any scheme, or `//`: the URL may lead to another host. */
const LEADS_ELSEWHERE = /^(?:[A-Za-z][A-Za-z0-9+.-]*:|\/\/)/;
/** A placeholder for our origin while a path is parsed. Its top-level domain is reserved (RFC 2606 §2). */
const SOME_ORIGIN = 'http://next.invalid';

/**
 * Returns the path to redirect to after a login if `url` is a page of this site. `url` is the argument `next` of the
 * query or form, which an attacker can choose with a link to the login page. Never redirect to a `next` without this
 * check: `this.redirect(safeNext(next, this.request.publicOrigin) ?? '/')`.
 *
 * @param url - a path that starts with one slash, or an absolute URL of `publicOrigin`.
 * @param publicOrigin - our origin, such as `https://example.com`, or several. If undefined or invalid, only paths are
 *   accepted.
 * @returns path, query and fragment, normalised as in the URL standard; undefined for anything else, such as another
 *   origin, `//host`, control characters, spaces, backslashes, user information, or more than 4096 characters.
 */
export function safeNext(
  url: string | undefined,
  publicOrigin?: string | readonly string[],
): string | undefined {
  if (typeof url !== 'string' || url.length > MAX_URL_LENGTH || UNFIT.test(url)) return undefined;
  const local = localPart(url, publicOrigin);
  if (local === undefined) return undefined;
  let parsed: URL;
  try {
    parsed = new URL(SOME_ORIGIN + local);
  } catch {
    return undefined;
  }
  // Removing dot segments may leave two slashes at the start, which would be read as a host: `/.//evil`, `/%2e//evil`.
  if (parsed.origin !== SOME_ORIGIN || parsed.pathname.startsWith('//')) return undefined;
  return parsed.pathname + parsed.search + parsed.hash;
}

/** Returns the part of the URL after our origin; undefined if the URL has another origin or is relative to a page. */
function localPart(url: string, publicOrigin: string | readonly string[] = []): string | undefined {
  if (url.startsWith('/')) return url.startsWith('//') ? undefined : url;
  const origin = ABSOLUTE.exec(url)?.[0];
  const from = origin === undefined ? undefined : canonicalOrigin(origin);
  if (origin === undefined || from === undefined) return undefined;
  const own = typeof publicOrigin === 'string' ? [publicOrigin] : publicOrigin;
  if (!own.some((one) => canonicalOrigin(one) === from)) return undefined;
  const local = url.slice(origin.length);
  return local.startsWith('/') ? local : `/${local}`;
}

/**
 * Returns the URL of the login page with a query argument `next`, the page to return to. If `loginUrl` is absolute,
 * `next` is absolute too, because the login page may be on another host; otherwise it is a path. A login URL that
 * already has a query is returned unchanged.
 *
 * @param loginUrl - the login page, for example from the settings. A fragment stays at the end.
 * @param requestUrl - the absolute URL of the request. If {@link safeNext} would refuse it, there is no `next`.
 * @throws WebUsageError `ERR_WEB_USAGE` if an argument is not a string, or the login URL is empty.
 *
 * @example
 * loginRedirect('/login', 'https://example.com/private?id=1'); // /login?next=%2Fprivate%3Fid%3D1
 */
export function loginRedirect(loginUrl: string, requestUrl: string): string {
  if (typeof loginUrl !== 'string' || loginUrl === '') {
    throw webChecks.wrong('loginRedirect', 'a login URL, such as the setting loginUrl,', loginUrl);
  }
  if (typeof requestUrl !== 'string') {
    throw webChecks.wrong('loginRedirect', 'the URL of the request', requestUrl);
  }
  if (/^[^#]*\?/.test(loginUrl)) return loginUrl;
  const origin = ABSOLUTE.exec(requestUrl)?.[0];
  // Browsers do not escape a backslash in a query.
  const target = requestUrl.slice(origin?.length ?? 0).replaceAll('\\', '%5C');
  const path = safeNext(target === '' ? '/' : target);
  if (path === undefined) return loginUrl;
  return urlConcat(loginUrl, { next: LEADS_ELSEWHERE.test(loginUrl) ? `${origin ?? ''}${path}` : path });
}

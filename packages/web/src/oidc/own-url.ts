import { canonicalOrigin } from '@landspout/http1/protocol';
import { webChecks } from '../errors.ts';
import type { AnyHandler } from '../handler/lifecycle.ts';
import { safeNext } from '../response/login-redirect.ts';

/** A longer path is not kept in a cookie: five of them have to fit into the headers of a request. */
const MAX_NEXT_CHARS = 1_024;

/**
 * Returns an absolute URL of this site, for a provider.
 *
 * @param url - a path, an absolute URL, or undefined for the path of the request.
 * @throws WebUsageError `ERR_WEB_USAGE` if it is of another origin, or has a query or fragment, with which providers would
 *   not recognize it.
 */
export function ownUrl(
  operation: string,
  name: string,
  handler: AnyHandler,
  url: string | undefined,
): string {
  const { request } = handler;
  if (url === undefined) return request.fullUrl().replace(/[?#].*$/s, '');
  const expected = `${name}: a path or URL of this site, without query and fragment,`;
  const path = safeNext(url, originsOf(handler));
  if (path === undefined || /[?#]/.test(path)) throw webChecks.wrong(operation, expected, url);
  const origin = url.startsWith('/') ? request.publicOrigin : new URL(url).origin;
  return `${origin}${path}`;
}

/**
 * Returns the path to return to after a sign-in or sign-out: `next` if it is a page of this site, else the start page of
 * the application.
 */
export function ownPath(handler: AnyHandler, next: string | undefined): string {
  const path = safeNext(next, originsOf(handler));
  return path === undefined || path.length > MAX_NEXT_CHARS ? `${handler.request.mountPath}/` : path;
}

function originsOf({ request }: AnyHandler): readonly string[] {
  const origin = canonicalOrigin(request.publicOrigin);
  return request.ownOrigins ?? (origin === undefined ? [] : [origin]);
}

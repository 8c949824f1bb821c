import { HTTPError } from '../errors.ts';
import type { AnyHandler, AnyVerb, MiddlewareContext, VerbMethod } from '../handler/lifecycle.ts';
import { uriReference } from '../response/uri-reference.ts';

type Next = () => Promise<void> | undefined;

/** Returns the path that a request should have; undefined if its path is already right. */
type PathRule = (path: string) => string | undefined;

const requireSlash: PathRule = (path) => (path.endsWith('/') ? undefined : `${path}/`);

const requireNoSlash: PathRule = (path) => {
  // A regular expression would take quadratic time for slashes in the middle.
  let end = path.length;
  while (end > 0 && path[end - 1] === '/') end -= 1;
  return end === path.length || end === 0 ? undefined : path.slice(0, end);
};

/**
 * Requires a slash at the end of the path: a GET or HEAD without one is redirected, with a 301, to the path with it;
 * other methods result in a 404. The query is kept. The route must match both paths.
 *
 * Use it as middleware, for all methods of a route or class, or as a decorator of one method.
 *
 * @example
 * class Folder extends RequestHandler {
 *   static override readonly middleware = [addSlash];
 * }
 * new Application([[/\/folder\/?/, Folder]]);
 *
 * @example
 * class Folder extends RequestHandler {
 *   @addSlash
 *   override get() {}
 * }
 */
export function addSlash(context: MiddlewareContext, next: Next): unknown;
export function addSlash<Handler extends AnyHandler, Method extends AnyVerb>(
  verb: Method,
  context?: ClassMethodDecoratorContext<Handler>,
): Method;
export function addSlash(subject: MiddlewareContext | VerbMethod, next?: unknown): unknown {
  return typeof subject === 'function'
    ? decorated(subject, requireSlash)
    : corrected(subject, next as Next, requireSlash);
}

/**
 * Requires that the path does not end with a slash: a GET or HEAD whose path ends with one or more slashes is
 * redirected, with a 301, to the path without them; other methods result in a 404. The query is kept. The path `/` is
 * not redirected. The route must match both paths.
 *
 * Use it as middleware, for all methods of a route or class, or as a decorator of one method.
 *
 * @example
 * route('/page/*rest', Page, {}, { middleware: [removeSlash] });
 */
export function removeSlash(context: MiddlewareContext, next: Next): unknown;
export function removeSlash<Handler extends AnyHandler, Method extends AnyVerb>(
  verb: Method,
  context?: ClassMethodDecoratorContext<Handler>,
): Method;
export function removeSlash(subject: MiddlewareContext | VerbMethod, next?: unknown): unknown {
  return typeof subject === 'function'
    ? decorated(subject, requireNoSlash)
    : corrected(subject, next as Next, requireNoSlash);
}

function corrected({ request, response }: MiddlewareContext, next: Next, rule: PathRule): unknown {
  const path = rule(request.path);
  if (path === undefined) return next();
  response.setHeader('Location', locationOf(request, path));
  response.finish(301);
  return undefined;
}

function decorated(verb: VerbMethod, rule: PathRule): VerbMethod {
  return function requirePath(this: AnyHandler, ...args) {
    const path = rule(this.request.path);
    if (path === undefined) return verb.apply(this, args);
    return this.redirect(locationOf(this.request, path), { permanent: true });
  };
}

/** @throws HTTPError 404 if the method does not allow a redirect. */
function locationOf({ method, query, mountPath }: MiddlewareContext['request'], path: string): string {
  if (method !== 'GET' && method !== 'HEAD') throw new HTTPError(404);
  // A browser would treat `//name` as a URL with the host `name`, and the client must not choose the host.
  const local = mountPath + path.replace(/^\/{2,}/, '/');
  return uriReference(query === '' ? local : `${local}?${query}`);
}

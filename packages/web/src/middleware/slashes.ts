import { HTTPError } from '../errors.ts';
import type { Middleware, MiddlewareContext } from '../handler/lifecycle.ts';
import { uriReference } from '../response/uri-reference.ts';

/**
 * Requires a slash at the end of the path: a GET or HEAD without one is redirected, with a 301, to the path with it;
 * other methods result in a 404. The query is kept. The route must match both paths.
 *
 * @example
 * class Folder extends RequestHandler {
 *   static override readonly middleware = [addSlash];
 * }
 * new Application([[/\/folder\/?/, Folder]]);
 */
export const addSlash: Middleware = (context, next) => {
  const { path } = context.request;
  if (path.endsWith('/')) return next();
  return redirect(context, `${path}/`);
};

/**
 * Requires that the path does not end with a slash: a GET or HEAD that has some there is redirected, with a 301, to the
 * path without them; other methods result in a 404. The query is kept, and so is the path `/`. The route must match
 * both paths.
 *
 * @example
 * route('/page/*rest', Page, {}, { middleware: [removeSlash] });
 */
export const removeSlash: Middleware = (context, next) => {
  const { path } = context.request;
  if (!path.endsWith('/')) return next();
  let end = path.length;
  // A regular expression would take quadratic time for slashes in the middle.
  while (end > 0 && path[end - 1] === '/') end -= 1;
  return end === 0 ? next() : redirect(context, path.slice(0, end));
};

function redirect({ request, response }: MiddlewareContext, path: string): undefined {
  const { method, query } = request;
  if (method !== 'GET' && method !== 'HEAD') throw new HTTPError(404);
  // A browser reads `//name` as the name of a host, which the client must not choose.
  const local = path.replace(/^\/{2,}/, '/');
  response.setHeader('Location', uriReference(query === '' ? local : `${local}?${query}`));
  response.finish(301);
}

import type { HandlerClass } from '../handler/lifecycle.ts';
import type { RequestHandler } from '../handler/request-handler.ts';

/** One rule: a pattern, its handler, what the handler's `initialize` is given, and a name for `reverseUrl`. */
export type Route = readonly [
  pattern: string | RegExp,
  handler: HandlerClass,
  init?: object | undefined,
  name?: string,
];

/** Rules below a common prefix, which may have parameters of its own. */
export type NestedRoutes = readonly [prefix: string, routes: readonly RouteSpec[]];

export type RouteSpec = Route | NestedRoutes;

/**
 * Makes a rule whose types are checked: the handler must be written for this pattern, and `init` must be what its
 * `initialize` takes.
 *
 * @example
 * class UserHandler extends RequestHandler<'/user/:id'> {
 *   override get() {
 *     this.write(this.pathParams.id);
 *   }
 * }
 * const app = new Application([route('/user/:id', UserHandler, {}, 'user')]);
 */
export function route<Pattern extends string, Handler extends RequestHandler<Pattern>>(
  pattern: Pattern | RegExp,
  handler: HandlerClass<Handler>,
  init?: Parameters<Handler['initialize']>[0],
  name?: string,
): Route {
  return name === undefined ? [pattern, handler, init] : [pattern, handler, init, name];
}

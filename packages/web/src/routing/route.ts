import type { HandlerClass, PathParams } from '../handler/lifecycle.ts';
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
 * What {@link route} takes as handler: any, if the pattern has the parameters that the handler is written for. A handler
 * that names no pattern, as those that are ready to use, takes the parameters of each.
 */
type Fitting<Pattern extends string, Handler extends RequestHandler> = string extends Pattern
  ? unknown
  : PathParams<Pattern> extends Handler['pathParams']
    ? unknown
    : string extends keyof Handler['pathParams']
      ? unknown
      : { readonly 'the handler is written for parameters that the pattern lacks': Handler['pathParams'] };

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
export function route<Pattern extends string, Handler extends RequestHandler>(
  pattern: Pattern | RegExp,
  handler: HandlerClass<Handler> & Fitting<Pattern, Handler>,
  init?: Parameters<Handler['initialize']>[0],
  name?: string,
): Route {
  return name === undefined ? [pattern, handler, init] : [pattern, handler, init, name];
}

import type { HandlerClass, PathParams } from '../handler/lifecycle.ts';
import type { RequestHandler } from '../handler/request-handler.ts';

/** One route: a pattern, its handler class, the `init` value for the handler, and a name for `reverseUrl`. */
export type Route = readonly [
  pattern: string | RegExp,
  handler: HandlerClass,
  init?: object | undefined,
  name?: string,
];

/** Routes below a common prefix, which may contain parameters. */
export type NestedRoutes = readonly [prefix: string, routes: readonly RouteSpec[]];

export type RouteSpec = Route | NestedRoutes;

/**
 * Checks the handler of {@link route} at compile time: the pattern must have the parameters that the handler is written
 * for. A handler without a pattern, such as those that are ready to use, fits every pattern.
 */
type Fitting<Pattern extends string, Handler extends RequestHandler> = string extends Pattern
  ? unknown
  : PathParams<Pattern> extends Handler['pathParams']
    ? unknown
    : string extends keyof Handler['pathParams']
      ? unknown
      : { readonly 'the handler is written for parameters that the pattern lacks': Handler['pathParams'] };

/**
 * Makes a route whose types are checked: the handler must be written for this pattern, and `init` must have the type
 * that its `initialize` takes.
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

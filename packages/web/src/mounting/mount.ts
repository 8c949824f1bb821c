import type { HTTPServerConnectionDelegate } from '@landspout/http1';
import { type OptionNames, optionsProblem } from '@landspout/ioloop/errors';
import { badRoute } from '../routing/pattern.ts';
import type { NestedRoutes, Route, RouteGroupOptions } from '../routing/route.ts';
import { FallbackHandler, type FallbackHandlerInit } from './fallback-handler.ts';

/** Options of {@link mount}: those of the routes, such as middleware and limits, and whether the prefix is removed. */
export interface MountOptions extends RouteGroupOptions {
  /** Whether the delegate gets a `target` without the prefix. Default: true. */
  readonly stripPrefix?: boolean;
}

const MOUNT_OPTIONS: OptionNames<MountOptions> = {
  stripPrefix: true,
  middleware: true,
  maxBodyBytes: true,
  bodyTimeoutMs: true,
  handlerTimeoutMs: true,
  compressResponse: true,
};

/**
 * Makes the routes by which a delegate of http1, such as a `FetchContainer` or a `NodeContainer`, handles the requests
 * for a prefix and everything below it; see {@link FallbackHandler}.
 *
 * The delegate gets a `target` without the prefix: `/` for the prefix itself, with the query as it is. The prefix is
 * the `mountPath` of the head.
 *
 * The application matches the path as it was sent, but a Fetch handler gets the path of a URL, in which dot segments are
 * resolved, and other delegates may resolve them later. `/api/x/../admin` would bypass the routes and middleware for
 * `/api/admin`, and still be handled as `/admin`. So a path with a dot segment, in any spelling such as `%2e`, or with a
 * backslash is refused with 400 before any middleware runs. Delegates may differ in other ways: Express ignores case,
 * and Hono decodes `%61`. A check for a part of the delegate therefore belongs in the delegate, and a check for all of it
 * in `middleware`; a route before this one is not enough.
 *
 * @param prefix - without a slash at the end; may contain parameters such as `/:tenant`. `/` for all paths: list it
 *   after the other routes.
 * @param delegate - an Application of this package can be mounted without this function: `['/prefix', application]`.
 * @throws WebUsageError `ERR_WEB_ROUTE` if an option is unknown. Other mistakes are reported by the application, with the
 *   same code.
 *
 * @example
 * new Application([
 *   mount('/api', new FetchContainer(hono.fetch)),
 *   mount('/legacy', new NodeContainer(express), { maxBodyBytes: 1_000_000 }),
 * ]);
 */
export function mount(
  prefix: string,
  delegate: HTTPServerConnectionDelegate,
  options: MountOptions = {},
): NestedRoutes | Route {
  const problem = optionsProblem(options, MOUNT_OPTIONS);
  if (problem !== undefined) throw badRoute(String(prefix), problem);
  const { stripPrefix = true, ...group } = options;
  const init: FallbackHandlerInit = { fallback: delegate, stripPrefix };
  const below: Route = ['/*path', FallbackHandler, init, group];
  if (prefix === '/') return below;
  return [prefix, [['', FallbackHandler, init, group], below]];
}

import type {
  AnyApplication,
  AnyHandler,
  HandlerClass,
  Middleware,
  PathParams,
} from '../handler/lifecycle.ts';
import type { HostPattern } from './host-pattern.ts';

/** Loads a module whose default export is the handler class, when the first request for the route arrives. */
export type LazyHandler<Handler extends AnyHandler = AnyHandler> = () => Promise<{
  readonly default: HandlerClass<Handler>;
}>;

/** Options of one route, or of all routes below a prefix. */
export interface RouteGroupOptions {
  /** Runs after the middleware of the application and of surrounding routes, and before that of the handler class. */
  readonly middleware?: readonly Middleware[];
  /** Maximum number of bytes of a request body. Default: the limit of the server. */
  readonly maxBodyBytes?: number;
  /** Maximum time for a request body to arrive, in milliseconds; 0: no limit. Default: the limit of the server. */
  readonly bodyTimeoutMs?: number;
  /**
   * Maximum time for a handler in milliseconds, from its first asynchronous step. After that, the response is a 503, or
   * is cut off if its headers are already sent, and `this.signal` aborts. 0: no limit. Default: 0.
   */
  readonly handlerTimeoutMs?: number;
  /** Whether responses may be compressed, if the application has the setting `compressResponse`. Default: true. */
  readonly compressResponse?: boolean;
}

export interface RouteOptions extends RouteGroupOptions {
  /** The name for `reverseUrl`. */
  readonly name?: string;
}

/**
 * One route: a pattern, its handler class or a function that loads it, the `init` value for the handler, and a name for
 * `reverseUrl` or options.
 */
export type Route = readonly [
  pattern: string | RegExp,
  handler: HandlerClass | LazyHandler,
  init?: object | undefined,
  options?: string | RouteOptions | undefined,
];

/** Routes below a common prefix, which may contain parameters. */
export type NestedRoutes = readonly [prefix: string, routes: Routes, options?: RouteGroupOptions | undefined];

/** Routes, or a whole application, for some hosts only; made with `host`. */
export type HostRoutes = readonly [
  host: HostPattern,
  target: Routes | MountableApplication,
  options?: RouteGroupOptions | undefined,
];

/**
 * An application that is mounted at a prefix without parameters. It handles every request whose path starts with the
 * prefix and a slash; its own routes are matched with the rest of the path. The prefix alone is redirected to the
 * prefix with a slash.
 *
 * The middleware of the outer application runs first, then that of the mounted one. The handlers of the mounted
 * application use its settings: its cookies, error pages and `defaultHandlerClass`. If it has no logger or
 * no locales, it uses those of the outer application. Requests are logged only by the `logFunction` of the outer
 * application.
 */
export type MountedApplication = readonly [
  prefix: string,
  application: MountableApplication,
  options?: RouteGroupOptions | undefined,
];

export type RouteSpec = Route | NestedRoutes | HostRoutes | MountedApplication;

/** The key of the method by which an application is mounted into another. */
export const MOUNT = Symbol('mount');

/** An `Application`, as the target of a route. */
export interface MountableApplication {
  /**
   * @internal Called once by the router of the outer application.
   *
   * @throws WebUsageError `ERR_WEB_ROUTE` if it cannot be mounted.
   */
  [MOUNT](outer: AnyApplication): MountedParts;
}

/** What the router of the outer application needs from a mounted application. */
export interface MountedParts {
  readonly application: AnyApplication;
  readonly routes: readonly RouteSpec[];
  readonly middleware: readonly Middleware[];
  /** The handler for requests that none of its routes matches. */
  readonly fallback: HandlerClass;
  readonly fallbackInit: object | undefined;
  /** Redirects from the prefix to the prefix with a slash; its `init` contains the `url`. */
  readonly redirect: HandlerClass;
}

/** All routes of an application. Write `as const satisfies Routes` on a list that is declared separately. */
export type Routes = readonly RouteSpec[];

/** The names that a handler reads from its path; `string` if it is written for any pattern. */
type ReadParams<Handler extends AnyHandler> = keyof Handler['pathParams'];

type InitOf<Handler extends AnyHandler> = Parameters<Handler['initialize']>[0];

/** The type that a compiler error shows in place of an invalid route. */
interface RouteMistake<Problem extends string, Detail = unknown> {
  readonly 'this route is wrong': Problem;
  readonly detail: Detail;
}

/** `never` if nothing is wrong. */
type ParamMistake<Pattern, Handler extends AnyHandler> = Pattern extends string
  ? string extends Pattern
    ? never
    : string extends ReadParams<Handler>
      ? never
      : ReadParams<Handler> extends keyof PathParams<Pattern>
        ? never
        : RouteMistake<
            'the handler reads parameters that the pattern does not have',
            Exclude<ReadParams<Handler>, keyof PathParams<Pattern>>
          >
  : never;

type InitMistake<Init, Handler extends AnyHandler> = [Init] extends [undefined]
  ? Record<never, never> extends InitOf<Handler>
    ? never
    : RouteMistake<'the handler needs an init as third element', InitOf<Handler>>
  : [Exclude<Init, undefined>] extends [InitOf<Handler>]
    ? never
    : RouteMistake<'init must have the type that the handler declares in initialize', InitOf<Handler>>;

type SettingsMistake<Settings, Handler extends AnyHandler> = [Settings] extends [Handler['settings']]
  ? never
  : RouteMistake<'the handler needs settings that the application does not have', Handler['settings']>;

type MistakeOf<Pattern, Handler extends AnyHandler, Init, Settings> =
  | ParamMistake<Pattern, Handler>
  | InitMistake<Init, Handler>
  | SettingsMistake<Settings, Handler>;

type HandlerOf<Target> =
  Target extends HandlerClass<infer Handler>
    ? Handler
    : Target extends LazyHandler<infer Handler>
      ? Handler
      : never;

type Prefixed<Prefix extends string, Pattern> = Pattern extends string ? `${Prefix}${Pattern}` : Pattern;

type CheckedRoute<Spec, Settings, Prefix extends string> = Spec extends readonly [
  infer Pattern extends string | HostPattern,
  infer Nested extends readonly unknown[],
  ...infer Rest,
]
  ? readonly [
      Pattern,
      CheckedRoutes<Nested, Settings, Pattern extends string ? `${Prefix}${Pattern}` : Prefix>,
      ...Rest,
    ]
  : Spec extends readonly [infer Pattern, infer Target, ...infer Rest]
    ? [HandlerOf<Target>] extends [never]
      ? Spec
      : [MistakeOf<Prefixed<Prefix, Pattern>, HandlerOf<Target>, Rest[0], Settings>] extends [never]
        ? Spec
        : MistakeOf<Prefixed<Prefix, Pattern>, HandlerOf<Target>, Rest[0], Settings>
    : Spec;

/**
 * The type that routes must have so that each handler fits its route: the pattern has the parameters that the handler
 * reads, `init` has the type of the parameter of `initialize`, and the application has the settings that the handler
 * needs. A list whose type does not describe each element, such as `RouteSpec[]`, is not checked.
 */
export type CheckedRoutes<
  List extends readonly unknown[],
  Settings,
  Prefix extends string = '',
> = number extends List['length']
  ? List
  : { readonly [At in keyof List]: CheckedRoute<List[At], Settings, Prefix> };

/**
 * Makes a route whose types are checked at this call, for lists of routes that are assembled from parts: the handler
 * must be written for this pattern, and `init` must have the type of the parameter of `initialize`. Tuples in the list
 * that is passed to `Application` are checked in the same way.
 *
 * @example
 * const userPath = '/user/:id';
 * class UserHandler extends RequestHandler<typeof userPath> {
 *   override get() {
 *     this.write(this.pathParams.id);
 *   }
 * }
 * const app = new Application([route(userPath, UserHandler, {}, 'user')]);
 */
export function route<const Pattern extends string, Handler extends AnyHandler>(
  pattern: Pattern | RegExp,
  handler: (HandlerClass<Handler> | LazyHandler<Handler>) & Fitting<Pattern, Handler>,
  init?: InitOf<Handler>,
  options?: string | RouteOptions,
): Route {
  return options === undefined ? [pattern, handler, init] : [pattern, handler, init, options];
}

type Fitting<Pattern, Handler extends AnyHandler> = [ParamMistake<Pattern, Handler>] extends [never]
  ? unknown
  : ParamMistake<Pattern, Handler>;

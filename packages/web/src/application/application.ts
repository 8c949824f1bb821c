// The lifecycle of a request: finds its handler, calls it, and catches what it throws. In this package, only this
// folder and testing/ create servers.

import {
  type HTTPConnectionInfo,
  HTTPHeaders,
  type HTTPMessageDelegate,
  type HTTPServerConnectionDelegate,
  type HTTPServerExchange,
  type RefusalPage,
  type RequestRefusal,
} from '@landspout/http1';
import type { HTTPServer } from '@landspout/httpserver';
import { type Clock, consoleLogger, type Logger, systemClock } from '@landspout/ioloop';
import { type OptionNames, shownText, shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { acceptLogger, callReporting, RateLimitedLog } from '@landspout/ioloop/reactor';
import type { CookieSettings } from '../cookies/cookies.ts';
import { WebUsageError, webChecks } from '../errors.ts';
import type {
  AnyApplication,
  AnyHandler,
  HandlerClass,
  Middleware,
  MiddlewareContext,
  PathParams,
} from '../handler/lifecycle.ts';
import { ErrorHandler, MountRedirectHandler } from '../handler/ready-made.ts';
import { noTranslations } from '../handler/request-locale.ts';
import { verbOf } from '../handler/verbs.ts';
import type { Locales } from '../locale/locales.ts';
import { type FallbackHandlerInit, isDelegate, passesRequestsOn } from '../mounting/fallback-handler.ts';
import { type PublicOrigins, publicOriginsOf } from '../request/public-origins.ts';
import {
  type CompressionSettings,
  compressionSettings,
} from '../response/compression/compression-settings.ts';
import { errorPage } from '../response/error-page.ts';
import { HostPattern } from '../routing/host-pattern.ts';
import { badRoute, NO_PATTERN, type RoutePattern, reversePattern } from '../routing/pattern.ts';
import {
  type CheckedRoutes,
  MOUNT,
  type MountableApplication,
  type MountedParts,
  type RouteSpec,
  type Routes,
} from '../routing/route.ts';
import { type RoutedRequest, Router } from '../routing/router.ts';
import { type RouteMatch, Rule, type RulePlace } from '../routing/rule.ts';
import { StaticFileHandler } from '../static/static-file-handler.ts';
import { requireNoStaticSettings, staticRoutes } from '../static/static-routes.ts';
import {
  type ApplicationListenOptions,
  type ApplicationStartOptions,
  listenFor,
  startFor,
} from './application-server.ts';
import { RequestTask } from './request-task.ts';
import {
  type ApplicationSettings,
  accessLog,
  cookieSettingsOf,
  type FinishedRequest,
  hostPatternOf,
  type LogFunction,
  requireSettings,
  type StaticUrlOptions,
  type TemplateSettings,
  templateSettingsOf,
} from './settings.ts';

const STATIC_URL_OPTIONS: OptionNames<StaticUrlOptions> = { absolute: true, includeVersion: true };

/**
 * The arguments of `reverseUrl` after the pattern: an object with the pattern's parameters, or nothing if it has none.
 */
export type ReverseRest<Path extends string> = keyof PathParams<Path> extends never
  ? [params?: Record<never, never>]
  : [params: { readonly [Name in keyof PathParams<Path>]: string | number }];

/** A route, as {@link Application.routeTable} describes it. */
export interface RouteDescription {
  /** The pattern, including the prefixes of the routes around it. */
  readonly pattern: string;
  readonly name: string | undefined;
  /** The host pattern that the route is for; undefined for all hosts. */
  readonly host: string | undefined;
  /** The path at which the application of the route is mounted; '' if it is not mounted. */
  readonly mountPath: string;
  /** Undefined if the route loads it lazily and has not loaded it yet. */
  readonly handlerClass: HandlerClass | undefined;
  /**
   * The methods for which the handler class has one of its own, HEAD with GET; `*` for `all`. Empty if the class is not
   * loaded, or has none, for example because it responds in `prepare`. Methods that are fields of the class are missing.
   */
  readonly methods: readonly string[];
  /** The delegate, if the handler class is a FallbackHandler. */
  readonly fallback: HTTPServerConnectionDelegate | undefined;
  /** All middleware of the route, in order. Empty if the class is not loaded. */
  readonly middleware: readonly Middleware[];
  /** Loads the handler class. The next call of `routeTable` describes it. @throws what loading throws. */
  load(): Promise<void>;
}

/** The routes that were added for one host. */
interface VirtualHost {
  readonly host: HostPattern;
  readonly router: Router;
}

/**
 * A web application: its routes, and what their handlers share. It can be the delegate of any number of servers.
 *
 * Routes are tried in order; the first one whose pattern matches the undecoded path handles the request.
 *
 * @example
 * class Hello extends RequestHandler {
 *   override get() {
 *     this.write('Hello, world');
 *   }
 * }
 * const server = await new Application([['/', Hello]]).listen({ port: 8888 });
 * console.log(server.url);
 */
export class Application<Settings extends object = ApplicationSettings, const List extends Routes = Routes>
  implements HTTPServerConnectionDelegate, MountableApplication
{
  readonly settings: Settings & ApplicationSettings;
  readonly clock: Clock;
  /**
   * Log for events that clients can cause at will, such as refused requests: at most one record per minute for each
   * kind of event, with the count. With the `debug` setting, every event is logged.
   */
  readonly refusalLog: RateLimitedLog;
  readonly serveTraceback: boolean;
  /**
   * The headers that every response starts with. All responses share this object; it is copied when a handler changes
   * one.
   */
  readonly defaultHeaders: HTTPHeaders = new HTTPHeaders()
    .set('Server', 'Landspout')
    .set('Content-Type', 'text/html; charset=UTF-8');
  /** Used by the cookies of a response. */
  readonly cookieSettings: CookieSettings;
  /** The setting `compressResponse`; undefined if responses are not compressed. */
  readonly compression: CompressionSettings | undefined;
  /** Used by the handlers of this application to render pages. */
  readonly templates: TemplateSettings;
  /** Used by the requests of this application: the setting `publicOrigin`. */
  readonly publicOrigins: PublicOrigins;
  readonly #logger: Logger | undefined;
  readonly #logFunction: LogFunction | undefined;
  readonly #hostPattern: RegExp | undefined;
  readonly #routes: readonly RouteSpec[];
  readonly #router: Router;
  readonly #mounted = new Set<AnyApplication>();
  /** The delegates of this application and of those that are mounted in it. */
  readonly #fallbacks = new Set<HTTPServerConnectionDelegate>();
  /** The application that this one is mounted in. */
  #outer: AnyApplication | undefined = undefined;
  readonly #hosts: VirtualHost[] = [];
  readonly #named = new Map<string, Rule>();
  readonly #byPattern = new Map<string, Rule>();
  readonly #noMatch: RouteMatch;
  #misdirected: Rule | undefined = undefined;

  /**
   * @param routes - tried in order. The compiler checks that each handler fits its pattern, its `init` and the
   *   settings.
   * @param settings - the settings of {@link ApplicationSettings}, and any of your own; handlers find all on
   *   `this.settings`.
   * @throws WebUsageError `ERR_WEB_ROUTE` if a route is invalid: its pattern matches no path, its handler is not a class
   *   with a method for some verb, its `init` would be lost, or its name is already used. `ERR_WEB_USAGE` if a setting is unknown or invalid.
   */
  constructor(
    routes?: List & CheckedRoutes<List, Settings & ApplicationSettings>,
    settings: Settings & ApplicationSettings = {} as Settings & ApplicationSettings,
  ) {
    requireSettings(settings);
    this.settings = settings;
    this.#logger = settings.logger === undefined ? undefined : acceptLogger(settings.logger);
    this.#logFunction = settings.logFunction ?? (settings.debug === true ? accessLog : undefined);
    this.clock = settings.clock ?? systemClock;
    this.refusalLog = settings.debug === true ? new RateLimitedLog(this, 0) : new RateLimitedLog(this);
    this.serveTraceback = settings.serveTraceback ?? settings.debug ?? false;
    this.cookieSettings = cookieSettingsOf(settings, this.clock);
    const { compressResponse = false } = settings;
    this.compression = compressResponse === false ? undefined : compressionSettings(compressResponse);
    this.templates = templateSettingsOf(settings);
    this.publicOrigins = publicOriginsOf(settings.publicOrigin);
    this.#hostPattern = hostPatternOf(settings.hosts);
    this.#noMatch = this.#ruleWithoutRoute().match;
    this.#addFallback(this.#noMatch.rule);
    this.#routes = this.#withStaticRoutes(routes ?? []);
    this.#router = this.#routerOf(this.#routes);
  }

  /** The `logger` setting, or else the logger of the application that this one is mounted in. */
  get logger(): Logger {
    return this.#logger ?? this.#outer?.logger ?? consoleLogger;
  }

  /** The setting `locales`, or else the locales of the application that this one is mounted in, or else only `en_US`. */
  get locales(): Locales {
    const { locales = this.#outer?.locales } = this.settings as ApplicationSettings;
    return locales ?? noTranslations();
  }

  /**
   * Adds routes for one host. They are tried before the routes that were passed to the constructor.
   *
   * @param pattern - a name or a regular expression; see `host`. Hosts are tried in the order in which they were added.
   * @throws WebUsageError `ERR_WEB_ROUTE` if a route or the host is invalid, or this application is mounted in another.
   */
  addHandlers<const Added extends Routes>(
    pattern: string | RegExp,
    routes: Added & CheckedRoutes<Added, Settings & ApplicationSettings>,
  ): void {
    if (this.#outer !== undefined) {
      const problem = 'addHandlers: the application is mounted in another, whose routes are already compiled';
      throw new WebUsageError('ERR_WEB_ROUTE', problem);
    }
    this.#hosts.push({ host: new HostPattern(pattern), router: this.#routerOf(routes) });
  }

  /**
   * Creates a server for this application and starts to listen.
   *
   * @param options - where to listen, and the options of {@link HTTPServer}.
   * @returns the server: `server.url` is its address, `await server.closeAll()` closes it.
   * @throws SystemError such as `EADDRINUSE`; WebUsageError `ERR_WEB_USAGE` if an option is unknown; the errors of
   *   {@link HTTPServer} and its `listen` if an option is invalid.
   */
  listen(options: ApplicationListenOptions = {}, ...others: readonly never[]): Promise<HTTPServer> {
    return listenFor(this, options, others);
  }

  /**
   * Creates a server for this application, and serves in several processes that share one port. **Each process runs the
   * whole program from its first line**: code before this call runs in the parent and in every child, and code after it
   * runs only in the children. In the parent the promise never resolves.
   *
   * The parent restarts children that terminate, replaces all of them one by one on SIGHUP, and stops all on SIGTERM and
   * SIGINT; see {@link HTTPServer.start}. With `processes: 1` there is no parent: this process itself listens, and stops
   * on these signals.
   *
   * @param options - those of {@link HTTPServer} and of its `start`. Of the options of `listen`, only `port`, `host` and
   *   `backlog`.
   * @returns in each child, its server, when it listens. `server.stopping` aborts when the child begins to stop;
   *   `await server.stopOnSignals().stopped` waits until it has stopped, for example to close a backplane afterwards.
   *   `taskId()` of `@landspout/ioloop/processes` is the number of the child.
   * @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown; the errors of {@link HTTPServer} and its `start`.
   *
   * @example
   * const server = await app.start({ processes: 'cpus', port: 8888 });
   */
  start(options: ApplicationStartOptions): Promise<HTTPServer> {
    return startFor(this, options);
  }

  /**
   * Builds the path of a route.
   *
   * @param target - the name of a route, followed by one value per parameter of its pattern, in order; or its whole
   *   pattern, followed by an object of the parameters by name. Each value is escaped.
   * @throws WebUsageError `ERR_WEB_REVERSE` if there is no such route, a value is missing, there are too many values,
   *   or the pattern is a regular expression that consists of more than plain text and simple groups.
   */
  reverseUrl<const Path extends `/${string}`>(path: Path, ...rest: ReverseRest<Path>): string;
  reverseUrl(name: string, ...values: readonly (string | number)[]): string;
  reverseUrl(target: string, ...values: readonly unknown[]): string {
    const byName = this.#named.get(target)?.compiled;
    if (byName !== undefined) return reversePattern(byName, values as (string | number)[]);
    const byPattern = this.#byPattern.get(target)?.compiled;
    if (byPattern !== undefined) return reversePattern(byPattern, valuesOf(byPattern, values[0]));
    throw new WebUsageError(
      'ERR_WEB_REVERSE',
      `reverseUrl: no route has the name or pattern ${shownText(target)}`,
    );
  }

  /**
   * Makes the URL of a static file; see `RequestHandler.staticUrl`.
   *
   * @param context - of the request for which the URL is made.
   */
  staticUrl(path: string, options: StaticUrlOptions, { request, match }: MiddlewareContext): string {
    webChecks.options('staticUrl', options, STATIC_URL_OPTIONS);
    const { staticPath, staticHandlerClass = StaticFileHandler } = this.settings;
    if (staticPath === undefined) {
      throw new WebUsageError('ERR_WEB_USAGE', 'staticUrl: the application needs the setting staticPath');
    }
    const { absolute = false, includeVersion = true } = options;
    const url = staticHandlerClass.makeStaticUrl(this.settings, path, { includeVersion });
    // If staticUrlPrefix is the URL of a CDN, the result is already absolute.
    if (!url.startsWith('/')) return url;
    return `${absolute ? request.publicOrigin : ''}${request.mountPath}${match.mountPath}${url}`;
  }

  /**
   * Called when a response is complete; calls the `logFunction` setting, or {@link accessLog} if there is none and
   * `debug` is set. The application logs what it throws or rejects
   * with.
   */
  logRequest(finished: FinishedRequest): unknown {
    return this.#outermost.#logFunction?.(finished);
  }

  /** Whether {@link logRequest} logs anything. */
  get logsRequests(): boolean {
    return this.#outermost.#logFunction !== undefined;
  }

  /** Finds the handler for a request. */
  findRoute(request: RoutedRequest): RouteMatch {
    if (this.#hostPattern?.test(request.hostName) === false) return this.#wrongHost().match;
    if (this.#hosts.length > 0) {
      const { hostName } = request;
      for (const { host, router } of this.#hosts) {
        const match = host.matches(hostName) ? router.match(request) : undefined;
        if (match !== undefined) return match;
      }
    }
    return this.#router.match(request) ?? this.#noMatch;
  }

  /**
   * Describes the routes in the order in which they are tried: those of `addHandlers`, then those of the constructor
   * with `staticPath` first, each at its position in nested lists. A mounted application adds two: the redirect from its
   * prefix, and its `defaultHandlerClass` for the rest.
   */
  routeTable(): RouteDescription[] {
    const ofHosts = this.#hosts.flatMap(({ host, router }) =>
      router.rules.map((rule) => describeRoute(rule, host.text)),
    );
    return [...ofHosts, ...this.#router.rules.map((rule) => describeRoute(rule, rule.host?.text))];
  }

  /** Called by servers when a request has started. */
  startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate {
    return new RequestTask(this.#asAny, exchange);
  }

  /** Called by servers for a request that they refuse before its headers are complete. */
  refusalPage({ status, detail }: RequestRefusal): RefusalPage {
    return errorPage(undefined, { status, reason: '', detail });
  }

  /** Called by servers when a connection has ended: notifies the delegates of FallbackHandlers. */
  onClose(connection: HTTPConnectionInfo): void {
    for (const fallback of this.#fallbacks) this.#notify('onClose', () => fallback.onClose?.(connection));
  }

  /**
   * Called by each server after it has stopped: logs the counts that `refusalLog` has not logged yet, and notifies the
   * delegates of FallbackHandlers.
   */
  serverStopped(): void {
    this.refusalLog.flush();
    for (const mounted of this.#mounted) mounted.refusalLog.flush();
    for (const fallback of this.#fallbacks) this.#notify('serverStopped', () => fallback.serverStopped?.());
  }

  /** @internal Called by the router of the application that this one is mounted in. */
  [MOUNT](outer: AnyApplication): MountedParts {
    // The same outer application may call this again: if it is itself mounted, its routes are compiled a second time.
    if (this.#outer !== undefined && this.#outer !== outer)
      throw badMount('it is already mounted in another');
    for (const setting of ['hosts', 'publicOrigin'] as const) {
      if (this.settings[setting] !== undefined)
        throw badMount(`its setting ${setting} belongs to the outermost`);
    }
    if (this.#hosts.length > 0) throw badMount('it has routes of addHandlers; list them with host instead');
    this.#outer = outer;
    const { handlerClass, init } = this.#noMatch.rule;
    return {
      application: this.#asAny,
      routes: this.#routes,
      middleware: this.settings.middleware ?? [],
      fallback: handlerClass,
      fallbackInit: init,
      redirect: MountRedirectHandler,
    };
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      routes: describeRules(this.#router.rules),
      hosts: this.#hosts.length === 0 ? undefined : Object.fromEntries(this.#hosts.map(describeHost)),
      settings: undefined,
      refusalLog: undefined,
      clock: undefined,
      defaultHeaders: undefined,
      cookieSettings: undefined,
      publicOrigins: undefined,
      compression: undefined,
      templates: undefined,
    }));
  }

  /** This application, typed for code that does not depend on its settings. */
  get #asAny(): AnyApplication {
    return this as unknown as AnyApplication;
  }

  /** Calls a callback of a mounted delegate. If it fails, the others are called nevertheless. */
  #notify(name: string, call: () => unknown): void {
    const problem = `the ${name} callback of a mounted delegate threw or rejected`;
    callReporting(call, undefined, (error) => this.logger.error({ error }, problem));
  }

  get #outermost(): AnyApplication {
    return this.#outer === undefined ? this.#asAny : this.#outer.#outermost;
  }

  /** The {@link RulePlace} of rules that were not made from a route. */
  get #place(): RulePlace {
    const { middleware = [] } = this.settings;
    return { application: this.#asAny, mountPath: '', host: undefined, middleware };
  }

  /** RFC 9110 §15.5.20. */
  #wrongHost(): Rule {
    this.#misdirected ??= new Rule({
      target: ErrorHandler,
      init: { status: 421 },
      options: {},
      place: this.#place,
      pattern: NO_PATTERN,
      index: 0,
    });
    return this.#misdirected;
  }

  /** The rule for requests that no route matches. */
  #ruleWithoutRoute(): Rule {
    const { defaultHandlerClass, defaultHandlerInit } = this.settings;
    const setting = 'defaultHandlerClass';
    return new Rule({
      target: defaultHandlerClass ?? ErrorHandler,
      init: defaultHandlerClass === undefined ? { status: 404 } : defaultHandlerInit,
      options: {},
      place: this.#place,
      pattern: NO_PATTERN,
      index: 0,
      setting,
    });
  }

  #withStaticRoutes(routes: readonly RouteSpec[]): readonly RouteSpec[] {
    if (this.settings.staticPath === undefined) {
      requireNoStaticSettings(this.settings);
      return routes;
    }
    const taken = new Router(routes, this.#asAny).rules.map(({ pattern }) => pattern);
    return [...staticRoutes(this.settings, taken), ...routes];
  }

  #addFallback(rule: Rule): void {
    const fallback = fallbackOf(rule);
    if (fallback !== undefined) this.#fallbacks.add(fallback);
  }

  #routerOf(routes: readonly RouteSpec[]): Router {
    const router = new Router(routes, this.#asAny, this.settings.middleware);
    const named = new Map<string, Rule>();
    for (const rule of router.rules) {
      this.#addFallback(rule);
      if (!this.#byPattern.has(rule.pattern)) this.#byPattern.set(rule.pattern, rule);
      if (rule.application !== this.#asAny) {
        this.#mounted.add(rule.application);
      } else if (rule.name !== undefined) {
        const here = named.get(rule.name);
        requireFreeName(
          rule,
          here ?? this.#named.get(rule.name),
          here !== undefined && here.host === rule.host,
        );
        named.set(rule.name, rule);
      }
    }
    for (const [name, rule] of named) this.#named.set(name, rule);
    return router;
  }
}

function describeRoute(rule: Rule, host: string | undefined): RouteDescription {
  const { pattern, name, mountPath, chain: middleware, isLoaded } = rule;
  const handlerClass = isLoaded ? rule.handlerClass : undefined;
  const methods = handlerClass === undefined ? [] : methodsOf(handlerClass);
  return {
    pattern,
    name,
    host,
    mountPath,
    handlerClass,
    methods,
    fallback: fallbackOf(rule),
    middleware,
    load: () => rule.load(),
  };
}

/** The delegate of a FallbackHandler. A class that is not loaded yet may be one. */
function fallbackOf(rule: Rule): HTTPServerConnectionDelegate | undefined {
  const { fallback } = rule.init as Partial<FallbackHandlerInit>;
  if (!isDelegate(fallback)) return undefined;
  return !rule.isLoaded || passesRequestsOn(rule.handlerClass) ? fallback : undefined;
}

/** The methods of which an instance has its own, without asking `all`; `*` if the class has that. */
function methodsOf(handlerClass: HandlerClass): string[] {
  const verbs = (handlerClass as unknown as { readonly prototype: AnyHandler }).prototype;
  const all = verbs.all;
  const methods = handlerClass.supportedMethods.filter((method) => {
    const verb = verbOf(verbs, method, handlerClass.supportedMethods);
    return verb !== undefined && verb !== all;
  });
  return all === undefined ? methods : [...methods, '*'];
}

/** Describes each route in one line: its pattern and the class of its handler. */
function describeRules(rules: readonly Rule[]): readonly string[] {
  return rules.map((rule) => {
    const handler = rule.isLoaded ? rule.handlerClass.name : '(not loaded)';
    return `${rule.host === undefined ? '' : `${rule.host.text} `}${rule.pattern} ${handler}`;
  });
}

function describeHost({ host, router }: VirtualHost): readonly [string, readonly string[]] {
  return [host.text, describeRules(router.rules)];
}

function badMount(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_ROUTE', `an application cannot be mounted: ${problem}`);
}

/** Routes of different hosts may share a name if they have the same pattern. */
function requireFreeName(rule: Rule, other: Rule | undefined, isOfSameHost: boolean): void {
  if (other === undefined || (!isOfSameHost && other.pattern === rule.pattern)) return;
  const where = JSON.stringify(other.pattern);
  throw badRoute(rule.pattern, `the name ${JSON.stringify(rule.name)} is already used by the route ${where}`);
}

/** Returns the values of a pattern's parameters, in order. @throws WebUsageError `ERR_WEB_REVERSE`. */
function valuesOf({ text, paramNames }: RoutePattern, params: unknown = {}): (string | number)[] {
  return paramNames.map((name) => {
    const value = name === undefined ? undefined : (params as Record<string, unknown>)[name];
    if (typeof value === 'string' || typeof value === 'number') return value;
    const problem = `${text}: ${name ?? 'a group without a name'} must be a string or number, got ${shownValue(value)}`;
    throw new WebUsageError('ERR_WEB_REVERSE', `reverseUrl: ${problem}`);
  });
}

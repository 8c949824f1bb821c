// The life of a request: finds its handler, calls it, and catches what it throws. The only folder of this package that
// knows servers.

import {
  HTTPHeaders,
  type HTTPMessageDelegate,
  type HTTPServerConnectionDelegate,
  type HTTPServerExchange,
} from '@landspout/http1';
import { HTTP_SERVER_OPTIONS, HTTPServer, type HTTPServerOptions } from '@landspout/httpserver';
import { type Clock, consoleLogger, type Logger, systemClock } from '@landspout/ioloop';
import { type OptionNames, pickOptions } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { RateLimitedLog } from '@landspout/ioloop/reactor';
import { LISTEN_OPTIONS, listenOptionsProblem } from '@landspout/iostream/transports';
import { WebUsageError } from '../errors.ts';
import { ErrorHandler } from '../handler/ready-made.ts';
import type { RequestHandler } from '../handler/request-handler.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import { badRoute, reversePattern } from '../routing/pattern.ts';
import type { RouteSpec } from '../routing/route.ts';
import { type RouteMatch, Router, type Rule, requireHandler } from '../routing/router.ts';
import { RequestTask } from './request-task.ts';
import { type ApplicationSettings, requireSettings } from './settings.ts';

/** Where to listen, and the options of the server. */
export type ApplicationListenOptions = HTTPServerOptions & Parameters<HTTPServer['listen']>[0];

const APPLICATION_LISTEN_OPTIONS: OptionNames<ApplicationListenOptions> = {
  ...HTTP_SERVER_OPTIONS,
  ...LISTEN_OPTIONS,
};

/** The routes of one virtual host. */
interface VirtualHost {
  readonly pattern: RegExp;
  readonly router: Router;
}

/**
 * A web application: its routes, and what their handlers share. It can be the delegate of any number of servers.
 *
 * Routes are tried in order; the first whose pattern matches the undecoded path handles the request.
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
export class Application implements HTTPServerConnectionDelegate {
  readonly settings: ApplicationSettings;
  readonly logger: Logger;
  readonly clock: Clock;
  /**
   * Log for events that a client can cause at will, such as refused requests: one record per minute of each kind, with
   * the count. With the `debug` setting, every event is logged.
   */
  readonly refusalLog: RateLimitedLog;
  readonly serveTraceback: boolean;
  /** The headers that every response starts with. Shared: a handler gets a copy when it changes one. */
  readonly defaultHeaders: HTTPHeaders = new HTTPHeaders()
    .set('Server', 'Landspout')
    .set('Content-Type', 'text/html; charset=UTF-8');
  readonly #router: Router;
  readonly #hosts: VirtualHost[] = [];
  readonly #named = new Map<string, Rule>();
  readonly #noMatch: RouteMatch;

  /**
   * @throws WebUsageError `ERR_WEB_ROUTE` if a route is invalid: no request could reach it, its handler is not a class
   *   with a method for some verb, or its name is already taken. `ERR_WEB_USAGE` if a setting is unknown or invalid.
   */
  constructor(routes: readonly RouteSpec[] = [], settings: ApplicationSettings = {}) {
    requireSettings(settings);
    this.settings = settings;
    this.logger = settings.logger ?? consoleLogger;
    this.clock = settings.clock ?? systemClock;
    this.refusalLog = settings.debug === true ? new RateLimitedLog(this, 0) : new RateLimitedLog(this);
    this.serveTraceback = settings.serveTraceback ?? settings.debug ?? false;
    const { defaultHandlerClass, defaultHandlerInit } = settings;
    if (defaultHandlerClass !== undefined) {
      requireHandler('defaultHandlerClass', defaultHandlerClass, defaultHandlerInit ?? {});
    }
    this.#noMatch =
      defaultHandlerClass === undefined
        ? { handlerClass: ErrorHandler, init: { status: 404 }, groups: undefined }
        : { handlerClass: defaultHandlerClass, init: defaultHandlerInit ?? {}, groups: undefined };
    this.#router = this.#routerOf(routes);
  }

  /**
   * Adds routes for one host. They are tried before those of the constructor.
   *
   * @param host - a name, compared without regard to case and port, or a regular expression for the whole name. Hosts
   *   are tried in the order of these calls.
   */
  addHandlers(host: string | RegExp, routes: readonly RouteSpec[]): void {
    const source = typeof host === 'string' ? host.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&') : host.source;
    this.#hosts.push({ pattern: new RegExp(`^(?:${source})$`, 'i'), router: this.#routerOf(routes) });
  }

  /**
   * Creates a server for this application and starts to listen.
   *
   * @param options - where to listen, and the options of {@link HTTPServer}.
   * @returns the server: `server.url` is its address, `await server.closeAll()` closes it.
   * @throws SystemError such as `EADDRINUSE`; WebUsageError `ERR_WEB_USAGE` if an option is unknown; the errors of
   *   {@link HTTPServer} and its `listen` if an option is invalid.
   */
  async listen(options: ApplicationListenOptions = {}): Promise<HTTPServer> {
    const problem = listenOptionsProblem(options, APPLICATION_LISTEN_OPTIONS);
    if (problem !== undefined) throw new WebUsageError('ERR_WEB_USAGE', `listen: ${problem}`);
    const server = new HTTPServer(this, pickOptions(options, HTTP_SERVER_OPTIONS));
    await server.listen(pickOptions(options, LISTEN_OPTIONS));
    return server;
  }

  /**
   * Builds the path of the route with this name.
   *
   * @param values - one per parameter of its pattern, in order; each is escaped.
   * @throws WebUsageError `ERR_WEB_REVERSE` if the name is unknown, the number of values is wrong, or the pattern is a
   *   regular expression with more than plain text and simple groups.
   */
  reverseUrl(name: string, ...values: readonly (string | number)[]): string {
    const rule = this.#named.get(name);
    if (rule !== undefined) return reversePattern(rule.pattern, values);
    throw new WebUsageError('ERR_WEB_REVERSE', `reverseUrl: no route has the name ${name}`);
  }

  /** Called when a response is complete; calls the `logFunction` setting. If it throws or rejects, that is logged. */
  logRequest(handler: RequestHandler): unknown {
    return this.settings.logFunction?.(handler);
  }

  /** Finds the handler for a request. */
  findRoute(request: HTTPServerRequest): RouteMatch {
    const { path } = request;
    if (this.#hosts.length > 0) {
      const { hostName } = request;
      for (const { pattern, router } of this.#hosts) {
        const match = pattern.test(hostName) ? router.match(path) : undefined;
        if (match !== undefined) return match;
      }
    }
    return this.#router.match(path) ?? this.#noMatch;
  }

  /** Called by servers when a request has started. */
  startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate {
    return new RequestTask(this, exchange);
  }

  /** Called by servers when they have stopped: logs pending counts before the process may end. */
  serverStopped(): void {
    this.refusalLog.flush();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      routes: describeRules(this.#router.rules),
      hosts: this.#hosts.length === 0 ? undefined : Object.fromEntries(this.#hosts.map(describeHost)),
      settings: undefined,
      logger: undefined,
      refusalLog: undefined,
      clock: undefined,
      defaultHeaders: undefined,
    }));
  }

  #routerOf(routes: readonly RouteSpec[]): Router {
    const router = new Router(routes);
    const named = new Map<string, Rule>();
    for (const rule of router.rules) {
      if (rule.name === undefined) continue;
      requireFreeName(rule, named.get(rule.name) ?? this.#named.get(rule.name), named.has(rule.name));
      named.set(rule.name, rule);
    }
    for (const [name, rule] of named) this.#named.set(name, rule);
    return router;
  }
}

/** Describes each route in one line: its pattern and the class of its handler. */
function describeRules(rules: readonly Rule[]): readonly string[] {
  return rules.map(({ pattern, handlerClass }) => `${pattern.text} ${handlerClass.name}`);
}

function describeHost({ pattern, router }: VirtualHost): readonly [string, readonly string[]] {
  return [pattern.source, describeRules(router.rules)];
}

/** Routes of different hosts may share a name if they have the same pattern. */
function requireFreeName(rule: Rule, other: Rule | undefined, isOfSameHost: boolean): void {
  if (other === undefined || (!isOfSameHost && other.pattern.text === rule.pattern.text)) return;
  const where = JSON.stringify(other.pattern.text);
  throw badRoute(
    rule.pattern.text,
    `the name ${JSON.stringify(rule.name)} is already used by the route ${where}`,
  );
}

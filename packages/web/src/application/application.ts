// This room knows the whole life of a request: it finds the handler, calls it, and catches what it throws. It is the one room
// that knows servers.

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

/** The rules of one virtual host. */
interface VirtualHost {
  readonly pattern: RegExp;
  readonly router: Router;
}

/**
 * A web application: routes, and what their handlers share. It is the delegate of any number of servers.
 *
 * Rules are tried in order, and the first whose pattern matches the path, as it came, has the request.
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
   * Where handlers report what a peer can cause at will, such as a refused request: one record a minute of each kind,
   * with the count. With the `debug` setting each is written.
   */
  readonly refusalLog: RateLimitedLog;
  readonly serveTraceback: boolean;
  /** What every answer starts with. Shared: a handler gets a copy once it changes something. */
  readonly defaultHeaders: HTTPHeaders = new HTTPHeaders()
    .set('Server', 'Landspout')
    .set('Content-Type', 'text/html; charset=UTF-8');
  readonly #router: Router;
  readonly #hosts: VirtualHost[] = [];
  readonly #named = new Map<string, Rule>();
  readonly #noMatch: RouteMatch;

  /**
   * @throws WebUsageError `ERR_WEB_ROUTE` for a route that no request could reach or that no handler could serve, such as
   *   one whose pattern is a regular expression in a string, whose handler is no class with a verb, or whose name is that
   *   of another; `ERR_WEB_USAGE` for a setting that is not known.
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
   * Adds rules for one host, which are tried before those of the constructor.
   *
   * @param host - a name, compared without case and port, or an expression for all of it. Hosts are tried in the
   *   order of these calls.
   */
  addHandlers(host: string | RegExp, routes: readonly RouteSpec[]): void {
    const source = typeof host === 'string' ? host.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&') : host.source;
    this.#hosts.push({ pattern: new RegExp(`^(?:${source})$`, 'i'), router: this.#routerOf(routes) });
  }

  /**
   * Makes a server for this application and has it listen.
   *
   * @param options - where, and the options of {@link HTTPServer}.
   * @returns the server: `server.url` says where it is, `await server.closeAll()` ends it.
   * @throws SystemError such as `EADDRINUSE`; WebUsageError `ERR_WEB_USAGE` for an option that is not known; what
   *   {@link HTTPServer} and its `listen` throw for one that is invalid.
   */
  async listen(options: ApplicationListenOptions = {}): Promise<HTTPServer> {
    const problem = listenOptionsProblem(options, APPLICATION_LISTEN_OPTIONS);
    if (problem !== undefined) throw new WebUsageError('ERR_WEB_USAGE', `listen: ${problem}`);
    const server = new HTTPServer(this, pickOptions(options, HTTP_SERVER_OPTIONS));
    await server.listen(pickOptions(options, LISTEN_OPTIONS));
    return server;
  }

  /**
   * Makes the path that the rule of a name matches.
   *
   * @param values - one per parameter of its pattern, in order; each is escaped.
   * @throws WebUsageError `ERR_WEB_REVERSE` for an unknown name, a wrong number of values, or a regular expression
   *   with more than plain text and simple groups.
   */
  reverseUrl(name: string, ...values: readonly (string | number)[]): string {
    const rule = this.#named.get(name);
    if (rule !== undefined) return reversePattern(rule.pattern, values);
    throw new WebUsageError('ERR_WEB_REVERSE', `reverseUrl: no route has the name ${name}`);
  }

  /** Called when a response is complete; calls the `logFunction` setting. A promise that rejects is logged. */
  logRequest(handler: RequestHandler): unknown {
    return this.settings.logFunction?.(handler);
  }

  /** Finds who answers a request. */
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

  /** For servers: a request has begun. */
  startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate {
    return new RequestTask(this, exchange);
  }

  /** For servers: what was counted is logged before the process may end. */
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

/** Each route in one line: the pattern, and the class that has its requests. */
function describeRules(rules: readonly Rule[]): readonly string[] {
  return rules.map(({ pattern, handlerClass }) => `${pattern.text} ${handlerClass.name}`);
}

function describeHost({ pattern, router }: VirtualHost): readonly [string, readonly string[]] {
  return [pattern.source, describeRules(router.rules)];
}

/** Rules for different hosts may share a name where they share the path, too. */
function requireFreeName(rule: Rule, other: Rule | undefined, isOfSameHost: boolean): void {
  if (other === undefined || (!isOfSameHost && other.pattern.text === rule.pattern.text)) return;
  const where = JSON.stringify(other.pattern.text);
  throw badRoute(
    rule.pattern.text,
    `its name ${JSON.stringify(rule.name)} is that of the route ${where} too`,
  );
}

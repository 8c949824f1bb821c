import type { HTTPServerExchange, RequestHead } from '@landspout/http1';
import type { Logger } from '@landspout/ioloop';
import { Cookies } from '../cookies/cookies.ts';
import type { MiddlewareContext, PageInProgress, PathParams, RequestState } from '../handler/lifecycle.ts';
import { passesRequestsOn } from '../mounting/fallback-handler.ts';
import { isUnresolvedPath } from '../mounting/unresolved-path.ts';
import { HTTPServerRequest } from '../request/http-server-request.ts';
import { rememberMessagesBehind } from '../request/messages-behind.ts';
import { HTTPServerResponse, type ResponseOwner } from '../response/http-server-response.ts';
import { ResponseCoding } from '../response/response-coding.ts';
import { paramsByName, type RouteMatch, type Rule } from '../routing/rule.ts';
import type { Application } from './application.ts';
import { publishRoute } from './request-channels.ts';

const NO_ARGS: readonly undefined[] = Object.freeze([]);

/**
 * The request, its response and its route, as middleware, handler and response see them. It is the base of the task of
 * the request and not an object of its own, because one is created for every request.
 */
export abstract class RequestContext implements MiddlewareContext, ResponseOwner {
  /** The outermost application until the route is known, then the application of the route. */
  application: Application;
  readonly response: HTTPServerResponse;
  request!: HTTPServerRequest;
  pathArgs: readonly (string | undefined)[] = NO_ARGS;
  rendering: PageInProgress | undefined = undefined;
  #routeMatch!: RouteMatch;
  #pathParams: PathParams | undefined = undefined;
  #state: RequestState | undefined = undefined;

  constructor(application: Application, exchange: HTTPServerExchange) {
    this.application = application;
    this.response = new HTTPServerResponse(exchange, application.defaultHeaders, this);
  }

  /** Whether the handler may still write the response: it is not complete, and no error page has replaced it. */
  abstract get isOpen(): boolean;

  /** Creates the request, and finds its route. Called before everything else. */
  receive(head: RequestHead): Rule {
    const { connection, publicOrigins } = this.response.exchange;
    this.request = new HTTPServerRequest(head, connection, this.application.publicOrigins ?? publicOrigins);
    rememberMessagesBehind(this.request, this.response.exchange);
    this.#routeMatch = this.application.findRoute(this.request);
    const { rule } = this.#routeMatch;
    this.application = rule.application;
    publishRoute(this, rule);
    return rule;
  }

  /** The route and the values of its parameters. */
  get routeMatch(): RouteMatch {
    return this.#routeMatch;
  }

  get match(): Rule {
    return this.#routeMatch.rule;
  }

  /** Whether the handler gets the body in pieces. False while its class is not loaded. */
  get streamsBody(): boolean {
    const { match } = this;
    return match.isLoaded && match.handlerClass.streamRequestBody;
  }

  /**
   * Whether a delegate may resolve the path to another one than the routes were searched for: then it would bypass the
   * middleware and the handlers that are meant for that path.
   */
  get isForOtherPath(): boolean {
    return (
      this.streamsBody && passesRequestsOn(this.match.handlerClass) && isUnresolvedPath(this.request.path)
    );
  }

  get state(): RequestState {
    this.#state ??= {};
    return this.#state;
  }

  get status(): number {
    return this.response.status;
  }

  get log(): Logger {
    return this.request.logOf(this.application.logger);
  }

  get pathParams(): PathParams {
    const { rule, values } = this.#routeMatch;
    this.#pathParams ??= paramsByName(rule.compiled.paramNames, values);
    return this.#pathParams;
  }

  /** The error whose page is the response; undefined if there is none. */
  abstract get error(): unknown;

  /** Turns an error into a response, or closes the connection if the headers are already sent. */
  abstract failed(thrown: unknown): void;

  // ---- for the response ----

  makeCookies(response: HTTPServerResponse): Cookies {
    const { cookieSettings } = this.application;
    return new Cookies(this.request, cookieSettings, (operation) => response.requireUnsent(operation));
  }

  makeCoding(): ResponseCoding | undefined {
    const { compression } = this.application;
    if (compression === undefined || this.match.options.compressResponse === false) return undefined;
    return new ResponseCoding(compression, this.request);
  }

  abstract responseFailed(error: unknown): void;
  abstract responseEnded(): void;
  abstract responseDetached(): void;
}

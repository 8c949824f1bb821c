import type { HTTPServerConnectionDelegate } from '@landspout/http1';
import type { Logger } from '@landspout/ioloop';
import type { Application } from '../application/application.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import type { HTTPServerResponse } from '../response/http-server-response.ts';
import type { Awaitable, RequestHandler } from './request-handler.ts';

/** A handler for any path and any settings. */
// biome-ignore lint/suspicious/noExplicitAny: a handler is accepted whatever path and settings it is written for
export type AnyHandler = RequestHandler<any, any>;

/** The application of a request, whatever its settings are. */
export type AnyApplication = Application;

/** The route of a request. */
export interface MatchedRoute {
  /** The pattern of the route, including the prefixes of the routes around it; '' if no route matched. */
  readonly pattern: string;
  readonly name: string | undefined;
  readonly handlerClass: HandlerClass;
  /** The application that contains the route. */
  readonly application: AnyApplication;
  /** The path at which that application is mounted in another; '' if it is not mounted. */
  readonly mountPath: string;
}

/** Data that the middleware of one request share with each other and with the handler, which has it as `this.state`. */
// biome-ignore lint/suspicious/noExplicitAny: the program chooses the type of each value
export type RequestState = Record<string, any>;

/** What a middleware is called with: the request, its response and related objects. */
export interface MiddlewareContext<State extends object = RequestState> {
  /** The application of the matched route: the innermost one if applications are mounted. */
  readonly application: AnyApplication;
  readonly request: HTTPServerRequest;
  readonly response: HTTPServerResponse;
  readonly match: MatchedRoute;
  /** An object for data of this request; initially empty. */
  readonly state: State;
  /**
   * The logger of the application, for records about this request: if the request has an id, they include it as
   * `requestId`.
   */
  readonly log: Logger;
  /** The named parameters of the path, decoded. @throws HTTPError 400 if they cannot be decoded. */
  readonly pathParams: PathParams;
}

/**
 * A step in front of a handler. It runs when the headers have arrived, before the handler is created and before the
 * body is read, for every request of the application, including requests that no route matches, static files and
 * WebSockets.
 *
 * `next()` runs the rest: further middleware, then the handler. It returns `undefined` if everything finished
 * synchronously, otherwise a promise that never rejects: what further middleware or the handler throws becomes an error
 * page there. A middleware that does not call `next` must complete the response itself, with
 * `context.response.finish(status, body)`. A middleware may be asynchronous. What it throws becomes an error page.
 *
 * After `next` has returned, the headers may already have been sent. To set headers on every response, including error
 * pages, call `context.response.beforeHeaders` before `next`.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` from `next` if it is called twice.
 */
// biome-ignore lint/suspicious/noExplicitAny: a list takes middleware of any state
export type Middleware<State extends object = any> = (
  context: MiddlewareContext<State>,
  next: () => Promise<void> | undefined,
) => unknown;

/** A page some of whose values are awaited, or an event stream. */
export interface PageInProgress {
  /** Resolves when the response is complete. Rejects with the error of a value, or the reason of {@link stop}. */
  readonly done: Promise<void>;
  /** Stops it, because the page cannot be sent any more: closes the iterables that it reads. */
  stop(reason: Error): void;
  /** The client has half-closed the connection. It may still read a page; for an event stream, it is gone. */
  peerEnded?(): void;
}

/**
 * What the application passes to the constructor of a handler. Opaque: a handler class with its own constructor passes
 * it to `super`. Everything in it is also available on `this`, under other names.
 */
export interface HandlerContext extends MiddlewareContext {
  /**
   * @internal Groups of the pattern in order, decoded; undefined for a group that did not match. Set before `prepare`.
   */
  readonly pathArgs: readonly (string | undefined)[];
  /** @internal The page that the handler is rendering, while some of its values are awaited; or its event stream. */
  rendering: PageInProgress | undefined;
  /** @internal Called if an error page is made asynchronously: until it is complete, nothing else ends the response. */
  awaitErrorPage(error: unknown): void;
  /** @internal Passes the request on to a delegate, which then responds. */
  passTo(delegate: HTTPServerConnectionDelegate, stripPrefix: boolean): void;
  /** @internal Called with an error of the handler that nothing else caught. */
  failed(error: unknown): void;
}

/** The name of the parameter in one segment of a pattern: `:id` or `*rest`. */
type SegmentParam<Segment extends string> = Segment extends `:${infer Name}`
  ? Name
  : Segment extends `*${infer Name}`
    ? Name
    : never;

type ParamNames<Pattern extends string> = Pattern extends `${infer Segment}/${infer Rest}`
  ? SegmentParam<Segment> | ParamNames<Rest>
  : SegmentParam<Pattern>;

/**
 * The parameters of a route pattern: `{ readonly id: string }` for `'/user/:id'`. For a pattern that the compiler does
 * not know, such as a regular expression, any name is allowed.
 */
export type PathParams<Pattern extends string = string> = string extends Pattern
  ? Readonly<Record<string, string>>
  : { readonly [Name in ParamNames<Pattern>]: string };

/** How a route uses a handler class: the argument of `routeProblem`. */
export interface RouteUse {
  readonly handlerClass: HandlerClass;
  /** The `init` of the route. */
  readonly init: object;
  /** How many parameters, or groups, the route's pattern has. */
  readonly paramCount: number;
  /** The names of the parameters that have a name. */
  readonly paramNames: readonly string[];
}

/** A handler class; the application creates one instance per request. */
export interface HandlerClass<Handler extends AnyHandler = AnyHandler> {
  new (context: HandlerContext): Handler;
  /** See `RequestHandler.streamRequestBody`. */
  readonly streamRequestBody: boolean;
  /** See `RequestHandler.supportedMethods`. */
  readonly supportedMethods: readonly string[];
  /** See `RequestHandler.middleware`. */
  readonly middleware: readonly Middleware[];
  /** See `RequestHandler.routeProblem`. */
  readonly routeProblem: (use: RouteUse) => string | undefined;
}

/**
 * The parameter type of a mixin: the class of any handler, abstract or not. With a mixin, subclasses of RequestHandler,
 * StaticFileHandler and WebSocketHandler can share methods.
 *
 * Give the function a return type, as below: `declaration: true` and TypeScript before 7 need it.
 *
 * @example
 * interface UserMembers {
 *   getCurrentUser(): string | undefined;
 * }
 * function withUser<Base extends HandlerMixinBase>(base: Base): Base & (abstract new (...args: any[]) => UserMembers) {
 *   abstract class WithUser extends base implements UserMembers {
 *     override getCurrentUser(): string | undefined {
 *       return this.getSignedCookie('user');
 *     }
 *   }
 *   return WithUser;
 * }
 * class Page extends withUser(RequestHandler)<'/page/:id'> {}
 * abstract class Feed extends withUser(WebSocketHandler) {}
 */
// biome-ignore lint/suspicious/noExplicitAny: the compiler requires this of mixins
export type HandlerMixinBase = abstract new (...args: any[]) => RequestHandler<'', any>;

/** The method of a handler for a verb. */
// biome-ignore lint/suspicious/noExplicitAny: a verb declares the parameters of its own pattern
export type VerbMethod<Handler = AnyHandler> = (this: Handler, ...args: any[]) => Awaitable;

/** A verb of any handler: the parameter type and return type of decorators. */
// biome-ignore lint/suspicious/noExplicitAny: a verb may be written for its own class
export type AnyVerb = VerbMethod<any>;

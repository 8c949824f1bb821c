import type { Application } from '../application/application.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import type { ResponseDraft } from '../response/response-draft.ts';
import type { Awaitable, RequestHandler } from './request-handler.ts';

/**
 * What the application passes to the constructor of a handler. Opaque: a handler class with its own constructor passes
 * it to `super`. Everything in it is also available on `this`, under other names.
 */
export interface HandlerContext {
  readonly application: Application;
  readonly request: HTTPServerRequest;
  /** @internal */
  readonly response: ResponseDraft;
  /** @internal Named groups of the pattern, decoded. */
  readonly pathParams: PathParams;
  /**
   * @internal Groups of the pattern in order, decoded; undefined for a group that did not match. Set before `prepare`.
   */
  readonly pathArgs: readonly (string | undefined)[];
  /** @internal Called when the response is complete. */
  answered(): void;
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

/** How a route uses a handler class; passed to `routeProblem`. */
export interface RouteUse {
  readonly handlerClass: HandlerClass;
  /** The `init` value of the route. */
  readonly init: object;
  /** The number of parameters or groups in the pattern of the route. */
  readonly paramCount: number;
  /** The names of those that have one. */
  readonly paramNames: readonly string[];
}

/** A handler class; the application creates one instance per request. */
export interface HandlerClass<Handler extends RequestHandler = RequestHandler> {
  new (context: HandlerContext): Handler;
  /** See `RequestHandler.streamRequestBody`. */
  readonly streamRequestBody: boolean;
  /** See `RequestHandler.supportedMethods`. */
  readonly supportedMethods: readonly string[];
  /** See `RequestHandler.routeProblem`. */
  readonly routeProblem: (use: RouteUse) => string | undefined;
}

type Verb = (this: RequestHandler) => Awaitable;

/** Returns the method of a handler for an HTTP method, or undefined. `supportedMethods` was checked before. */
export function verbOf(handler: RequestHandler, method: string): Verb | undefined {
  switch (method) {
    case 'GET':
      return handler.get;
    case 'HEAD':
      return handler.head ?? handler.get;
    case 'POST':
      return handler.post;
    case 'PUT':
      return handler.put;
    case 'PATCH':
      return handler.patch;
    case 'DELETE':
      return handler.delete;
    case 'OPTIONS':
      return handler.options;
    default: {
      const verb: unknown = (handler as unknown as Record<string, unknown>)[method.toLowerCase()];
      return typeof verb === 'function' ? (verb as Verb) : undefined;
    }
  }
}

/** Builds the value of Allow, which a 405 must have (RFC 9110 §15.5.6). */
export function allowedMethods(handler: RequestHandler, supported: readonly string[]): string {
  return supported.filter((method) => verbOf(handler, method) !== undefined).join(', ');
}

import type { Application } from '../application/application.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import type { ResponseDraft } from '../response/response-draft.ts';
import type { Awaitable, RequestHandler } from './request-handler.ts';

/**
 * What the application gives to the constructor of a handler. Opaque: a handler class with a constructor of its own
 * passes it on, and finds all of it under other names on `this`.
 */
export interface HandlerContext {
  readonly application: Application;
  readonly request: HTTPServerRequest;
  /** @internal */
  readonly response: ResponseDraft;
  /** @internal Named groups of the pattern, decoded. */
  readonly pathParams: PathParams;
  /** @internal Groups of the pattern in order, decoded; undefined for one that took no part. Set before `prepare`. */
  readonly pathArgs: readonly (string | undefined)[];
  /** @internal The answer is complete. */
  answered(): void;
  /** @internal An error of the handler that nobody else caught. */
  failed(error: unknown): void;
}

/** The parameter that one segment of a pattern names: `:id` and `*rest`, and nothing else. */
type SegmentParam<Segment extends string> = Segment extends `:${infer Name}`
  ? Name
  : Segment extends `*${infer Name}`
    ? Name
    : never;

type ParamNames<Pattern extends string> = Pattern extends `${infer Segment}/${infer Rest}`
  ? SegmentParam<Segment> | ParamNames<Rest>
  : SegmentParam<Pattern>;

/**
 * The parameters of a route pattern: `{ readonly id: string }` of `'/user/:id'`. Of a pattern that is not known to
 * the compiler, such as a regular expression, any name that may be there.
 */
export type PathParams<Pattern extends string = string> = string extends Pattern
  ? Readonly<Record<string, string>>
  : { readonly [Name in ParamNames<Pattern>]: string };

/** How a route uses a class of handlers: what `routeProblem` looks at. */
export interface RouteUse {
  readonly handlerClass: HandlerClass;
  /** As it was given to the route. */
  readonly init: object;
  /** How many parameters, or groups, the route's pattern has. */
  readonly paramCount: number;
  /** Those of them that have a name. */
  readonly paramNames: readonly string[];
}

/** A class of handlers: one of it is made for each request. */
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

/** The method of a handler that answers an HTTP method, or undefined. `supported` was checked before. */
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

/** The value of Allow, which a 405 must have (RFC 9110 §15.5.6). */
export function allowedMethods(handler: RequestHandler, supported: readonly string[]): string {
  return supported.filter((method) => verbOf(handler, method) !== undefined).join(', ');
}

// This room knows what a handler can do with its request and response, and the handlers that are ready to use. It does not know
// how a handler is found, or in which order its methods are called; of the application it knows the type alone.

import { STATUS_REASONS } from '@landspout/http1';
import { isThenable, reportRejection } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { Application } from '../application/application.ts';
import { HTTPError } from '../errors.ts';
import { printable, requestSummary } from '../request/log-text.ts';
import type { HandlerContext, PathParams } from './handler-context.ts';
import { HandlerResponse } from './handler-response.ts';

/** The verbs that a handler may define without further ado. */
const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'DELETE', 'PATCH', 'PUT', 'OPTIONS'];

/** What a hook that may wait returns. */
export type Awaitable = void | PromiseLike<void>;

/**
 * Answers one request. Write a subclass with a method for each verb; one object of it is made per request.
 *
 * In order: {@link setDefaultHeaders}, {@link initialize}, {@link prepare}, the verb, {@link finish} (by itself),
 * {@link onFinish}. What throws {@link HTTPError} is answered with that status, and any other error with a 500; an
 * error after the head was sent cuts the connection. HEAD runs `get`, without sending the body, where there is no
 * `head`; a verb that is not defined is a 405.
 *
 * @typeParam Pattern - the route's pattern, which types {@link pathParams}.
 *
 * @example
 * class Hello extends RequestHandler<'/hello/:name'> {
 *   override get() {
 *     this.write(`Hello, ${this.pathParams.name}`);
 *   }
 * }
 */
export class RequestHandler<Pattern extends string = string> extends HandlerResponse {
  /**
   * Whether the body is given to {@link dataReceived} as it comes, instead of being collected first. Then `prepare`
   * runs when the head has come, and the verb after the last of the body.
   */
  static readonly streamRequestBody: boolean = false;

  /**
   * Methods that may reach a handler at all. A subclass that lists more, such as `PROPFIND`, answers them with a
   * method of that name in lower case.
   */
  static readonly supportedMethods: readonly string[] = METHODS;

  /**
   * Checks how a route uses this class, once, when the application is made. Override it in a class that others route to,
   * so that a mistake in its `init` is found before the first request.
   *
   * @returns what is wrong, with a remedy: the route is refused with `ERR_WEB_ROUTE`. `undefined` if nothing is.
   */
  static routeProblem(_use: RouteUse): string | undefined {
    return undefined;
  }

  readonly application: Application;
  readonly #context: HandlerContext;

  /** For the application. Use {@link initialize} for what a handler is given. */
  constructor(context: HandlerContext) {
    super(context);
    this.application = context.application;
    this.#context = context;
  }

  get?(): Awaitable;
  head?(): Awaitable;
  post?(): Awaitable;
  delete?(): Awaitable;
  patch?(): Awaitable;
  put?(): Awaitable;
  options?(): Awaitable;

  /** The named parameters of the path, decoded. A path that cannot be decoded is a 400. */
  get pathParams(): PathParams<Pattern> {
    return this.#context.pathParams as PathParams<Pattern>;
  }

  /** The groups of the route's pattern in order, decoded; undefined for one that took no part. */
  get pathArgs(): readonly (string | undefined)[] {
    return this.#context.pathArgs;
  }

  /**
   * Aborts when the peer ends or leaves before the answer is complete. See `HTTPServerRequest.signal`. A handler that
   * rejects because of that is no error: a peer that can still read gets a 499.
   */
  get signal(): AbortSignal {
    return this.request.signal;
  }

  /** Takes what the route gives to its handlers. If it returns a promise, that is awaited before {@link prepare}. */
  initialize(_init: object): Awaitable {}

  /** Runs before every verb. An answer that is finished here is the answer: the verb does not run. */
  prepare(): Awaitable {}

  /** Hears a piece of the body, yours to keep. No more is read until the promise settles. See {@link streamRequestBody}. */
  dataReceived(_chunk: Uint8Array): Awaitable {}

  /** Runs once, when the answer is complete or the peer has left and the handler is done. Nothing more can be sent. */
  onFinish(): Awaitable {}

  /**
   * Hears, at most once, that the peer has left before the answer was complete, or with `reason.code`
   * `ERR_HTTP_PEER_ENDED` that its writing side has ended. The handler runs on; give {@link signal} to what it waits for.
   */
  onConnectionClose(_reason: Error): Awaitable {}

  /**
   * Answers with an error page, in place of all that was written and set before. Once the head was sent it cuts the
   * connection instead, so that the peer does not take half an answer for a whole one.
   *
   * @param status - 400 to 599.
   * @param error - what happened; its headers and reason are used where it is an {@link HTTPError}.
   */
  sendError(status = 500, error?: unknown): void {
    const response = this.#context.response;
    if (response.headSent) {
      response.requireUnfinished('sendError');
      response.abort(error instanceof Error ? error : new HTTPError(status));
      this.#context.answered();
      return;
    }
    this.clear();
    const refusal = error instanceof HTTPError ? error : undefined;
    this.setStatus(status, refusal?.reason);
    const extra = refusal?.extraHeaders() ?? [];
    for (const [name] of extra) this.clearHeader(name);
    for (const [name, value] of extra) this.addHeader(name, value);
    const waiting = this.writeError(status, error);
    const finished = isThenable(waiting)
      ? Promise.resolve(waiting).then(() => this.#finishError())
      : this.#finishError();
    reportRejection(finished, (failure) => this.#context.failed(failure));
  }

  /** Writes the page of an error: the status, or with the `serveTraceback` setting the stack as text. Override to design it. */
  writeError(status: number, error?: unknown): Awaitable {
    if (this.application.serveTraceback && error instanceof Error) {
      this.setHeader('Content-Type', 'text/plain; charset=UTF-8');
      this.write(`${error.stack ?? error.message}\n`);
      return;
    }
    this.write(errorPage(status, this.#context.response.reason));
  }

  /**
   * Logs an error of this handler: an {@link HTTPError} as a warning where it has something to say, all others with
   * their stack. Peers cause a status under 500 at will, so that of each such status one record a minute is written,
   * with the count; see `Application.refusalLog`.
   */
  logException(error: unknown): void {
    const { logger, refusalLog } = this.application;
    const summary = requestSummary(this.request);
    if (!(error instanceof HTTPError)) {
      logger.error({ error }, `uncaught exception: ${summary}`);
      return;
    }
    const { status } = error;
    const message = `${printable(error.message)}: ${summary}`;
    if (status >= 500) logger.warn({ status }, message);
    else if (error.logMessage !== undefined) refusalLog.warn(`HTTPError ${status}`, { status }, message);
  }

  [INSPECT](): object {
    return inspection(this, ['request', 'status', 'headSent', 'finished'], () => ({
      headers: this.#context.response.presentHeaders,
      application: undefined,
    }));
  }

  #finishError(): unknown {
    return this.finished ? undefined : this.finish();
  }
}

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

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** The page of an error: its status and reason, escaped, and nothing else. */
function errorPage(status: number, reason: string): string {
  const known = reason === '' ? (STATUS_REASONS[status] ?? 'Unknown') : reason;
  const title = `${status}: ${known.replace(/[&<>"']/g, (char) => ENTITIES[char] as string)}`;
  return `<!DOCTYPE html><html><title>${title}</title><body>${title}</body></html>\n`;
}

// Delegates of http1 inside an application, such as a FetchContainer, a NodeContainer or a proxy.

import type { HTTPServerConnectionDelegate } from '@landspout/http1';
import { containerRemedy } from '@landspout/httpserver';
import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';
import type { HandlerContext, RouteUse } from '../handler/lifecycle.ts';
import { type Awaitable, RequestHandler } from '../handler/request-handler.ts';

export interface FallbackHandlerInit {
  /** Handles the requests of the route. It may be mounted at several routes and in several applications. */
  readonly fallback: HTTPServerConnectionDelegate;
  /**
   * Whether the delegate gets a `target` without the start of the path: without everything before the parameter
   * `*name`, or without the whole path if the route has no such parameter. What was removed is the `mountPath` of the
   * head. Default: false.
   */
  readonly stripPrefix?: boolean;
}

const INIT: OptionNames<FallbackHandlerInit> = { fallback: true, stripPrefix: true };

/**
 * Passes each request of its route, with any method, to a delegate of http1, such as a `FetchContainer`, a
 * `NodeContainer` or a delegate of your own. For a prefix and everything below it, use {@link mount}.
 *
 * The response of the delegate is a response of the application: middleware, the hooks of `beforeHeaders`, cookies that
 * middleware sets, the setting `compressResponse` (unless the delegate has encoded the body) and the log of requests
 * apply to it. Its headers are those of the delegate, those that middleware has set, and `Server`. It gets no `ETag`. If
 * the delegate takes over the connection with `detach`, it writes its response itself, so none of this applies.
 *
 * A request whose path has a dot segment, such as `..` or `%2e`, or a backslash gets a 400 before any middleware runs;
 * {@link mount} has the reason.
 *
 * There is no check for an XSRF token, because the delegate has its own checks. If the delegate throws, the response is
 * an error page of the application. `handlerTimeoutMs` of the route begins when the delegate is called; after that,
 * `connectionClosed` of the delegate is called with the HTTPError 503.
 *
 * A subclass may check requests in `prepare`, and call `super.prepare()` to pass them on.
 *
 * @example
 * const app = new Application([
 *   ['/health', Health],
 *   ['/*path', FallbackHandler, { fallback: new FetchContainer(hono.fetch) }],
 * ]);
 */
export class FallbackHandler extends RequestHandler {
  static override readonly streamRequestBody: boolean = true;
  static override routeProblem({ handlerClass, init }: RouteUse): string | undefined {
    if (!handlerClass.streamRequestBody) return 'streamRequestBody of a FallbackHandler must be true';
    if (handlerClass.prototype.initialize !== FallbackHandler.prototype.initialize) return undefined;
    const unknown = optionsProblem(init, INIT);
    if (unknown !== undefined) return unknown;
    const { fallback, stripPrefix = false } = init as Partial<FallbackHandlerInit>;
    if (!isDelegate(fallback)) {
      const remedy = `such as ${containerRemedy(fallback) ?? 'new FetchContainer(app.fetch)'}`;
      return `fallback must be a delegate with a method startRequest, ${remedy}, got ${shownValue(fallback)}`;
    }
    if (typeof stripPrefix === 'boolean') return undefined;
    return `stripPrefix must be true or false, got ${shownValue(stripPrefix)}`;
  }

  readonly #context: HandlerContext;
  #init: FallbackHandlerInit | undefined = undefined;

  constructor(context: HandlerContext) {
    super(context);
    this.#context = context;
  }

  override initialize(init: FallbackHandlerInit): Awaitable {
    this.#init = init;
  }

  /** Passes on the request. */
  override prepare(): Awaitable {
    if (this.#init === undefined) throw notPassed('initialize must call super.initialize');
    const { fallback, stripPrefix = false } = this.#init;
    this.#context.passTo(fallback, stripPrefix);
  }

  /** The delegate has its own checks. */
  override checkXsrfCookie(): Awaitable {}

  override all(): Awaitable {
    throw notPassed('prepare must call super.prepare, or complete the response');
  }
}

/** Whether the requests of a handler are passed on to a delegate. */
export function passesRequestsOn({ prototype }: { readonly prototype: unknown }): boolean {
  return prototype instanceof FallbackHandler || prototype === FallbackHandler.prototype;
}

/** Whether a value is a delegate of http1. */
export function isDelegate(value: unknown): value is HTTPServerConnectionDelegate {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as Partial<HTTPServerConnectionDelegate>).startRequest === 'function';
}

function notPassed(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', `FallbackHandler: the request was not passed on: ${problem}`);
}

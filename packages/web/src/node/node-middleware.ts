import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NodeMessagesBehind } from '@landspout/httpserver';
import type { NodeHandler } from '@landspout/httpserver/node';
import { shownValue } from '@landspout/ioloop/errors';
import { isThenable } from '@landspout/ioloop/reactor';
import type { RequestTask } from '../application/request-task.ts';
import { HTTPError, WebUsageError, webChecks } from '../errors.ts';
import type { Middleware, MiddlewareContext } from '../handler/lifecycle.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import { messagesBehind } from '../request/messages-behind.ts';
import { NodePair, pairOf } from './node-pair.ts';

/**
 * Makes middleware of an Application from Connect or Express middleware, such as helmet, cors, compression, morgan,
 * express-session, passport, or body parsers.
 *
 * All of one request share one pair of `request` and `response`, which have the classes of node:http. When the
 * middleware calls `next()`, the request goes on, and the response of the handler is written through the methods of
 * `response`, which the middleware may have replaced: headers that it has set are sent, unless the handler sets them
 * too (`Set-Cookie` and `Vary` have the values of both). If it responds itself, nothing more runs; hooks of
 * `beforeHeaders` and the log of requests apply to its response. `next(error)` is a response with the `status` or
 * `statusCode` of the error if that is from 400 to 599, else a 500.
 *
 * A middleware may read the body. The handler gets the body too, which is kept in memory for it, also if it streams the
 * body; a limit is `maxBodyBytes` of the route or the server. A middleware that begins to read the body after the
 * handler has started finds it empty.
 *
 * Middleware that calls methods of Express, such as `response.json`, works only inside an Express application; see
 * `NodeContainer`. If the handler takes over the connection, such as a WebSocketHandler, headers that middleware has set
 * on `response` are not sent.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if `middleware` is not a function, or takes an error as its first parameter.
 *
 * @example
 * const app = new Application(routes, { middleware: [nodeMiddleware(helmet()), nodeMiddleware(session(options))] });
 */
export function nodeMiddleware(middleware: NodeHandler): Middleware {
  webChecks.callback('nodeMiddleware', 'middleware', middleware);
  if (middleware.length > 3) {
    const remedy = 'use the setting writeError of the application';
    const problem = `it has ${middleware.length} parameters, like a handler of errors, which is never called; ${remedy}`;
    throw new WebUsageError('ERR_WEB_USAGE', `nodeMiddleware: ${problem}`);
  }
  return (context, next) => run(middleware, context, next);
}

/**
 * Returns the request of node:http with what middleware has added, such as `session` or `user`: the one that
 * `nodeMiddleware` has created; else, in an application that `toNodeHandler` serves, the one of the server in front, such
 * as an Express application; else, in an application that is mounted in another one, that of the other one.
 *
 * The one that `nodeMiddleware` creates begins with what middleware in front of the application has added, as does the
 * request of a mounted `NodeContainer` or `FetchContainer`.
 *
 * @param owner - a handler, or the context of a middleware.
 * @throws WebUsageError `ERR_WEB_USAGE` if no `nodeMiddleware` has run for the request, and no server of node:http is in
 *   front.
 *
 * @example
 * const { session } = nodeRequestOf<{ session: Session }>(this);
 */
export function nodeRequestOf<Added extends object = object>(owner: {
  readonly request: HTTPServerRequest;
}): IncomingMessage & Added {
  return requireMessages('nodeRequestOf', owner).request as IncomingMessage & Added;
}

/** Returns the response that belongs to {@link nodeRequestOf}, for example for its `locals`. Do not write to it. */
export function nodeResponseOf<Added extends object = object>(owner: {
  readonly request: HTTPServerRequest;
}): ServerResponse & Added {
  return requireMessages('nodeResponseOf', owner).response as ServerResponse & Added;
}

function requireMessages(
  operation: string,
  { request }: { readonly request: HTTPServerRequest },
): NodeMessagesBehind {
  const messages = pairOf(request) ?? messagesBehind(request);
  if (messages !== undefined) return messages;
  const problem = 'no nodeMiddleware has run for this request, and no server of node:http is in front';
  throw new WebUsageError('ERR_WEB_USAGE', `${operation}: ${problem}`);
}

/** Calls a middleware. @returns like a {@link Middleware}. */
function run(
  middleware: NodeHandler,
  context: MiddlewareContext,
  next: () => Promise<void> | undefined,
): unknown {
  // The only implementation of a context.
  const pair = pairOf(context.request) ?? new NodePair(context as RequestTask);
  const step = new Step(next, context);
  const returned: unknown = middleware(pair.request, pair.response, (error) => step.goOn(error));
  if (isThenable(returned)) returned.then(undefined, (error: unknown) => step.fail(error));
  return step.outcome(pair);
}

/** One call of a middleware: it goes on, fails, or responds. */
class Step {
  readonly #next: () => Promise<void> | undefined;
  readonly #context: MiddlewareContext;
  #isDecided = false;
  #rest: Promise<void> | undefined = undefined;
  #failure: { readonly error: unknown } | undefined = undefined;
  #settle: (() => void) | undefined = undefined;

  constructor(next: () => Promise<void> | undefined, context: MiddlewareContext) {
    this.#next = next;
    this.#context = context;
  }

  goOn(error: unknown): void {
    if (isError(error)) {
      this.fail(asHttpError(error));
      return;
    }
    // A middleware that has responded must not call next, but some do.
    if (this.#isDecided || this.#context.response.headSent) return;
    this.#isDecided = true;
    this.#rest = this.#next();
    this.#settle?.();
  }

  fail(error: unknown): void {
    if (this.#settle === undefined && this.#isDecided) {
      // The request has gone on, so that the error can only be logged, or cut the response off.
      (this.#context as RequestTask).failed(error);
      return;
    }
    this.#isDecided = true;
    this.#failure = { error };
    this.#settle?.();
  }

  /** @returns a promise if the middleware has not decided yet, or the rest is asynchronous. */
  outcome(pair: NodePair): Promise<void> | undefined {
    if (!this.#isDecided) {
      return new Promise<void>((resolve) => {
        this.#settle = resolve;
        pair.whenEnded(resolve);
      }).then(() => {
        this.#settle = undefined;
        return this.#result();
      });
    }
    return this.#result();
  }

  #result(): Promise<void> | undefined {
    this.#isDecided = true;
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#rest;
  }
}

/** Whether an argument of `next` is an error: Express uses two texts to leave its routes. */
function isError(error: unknown): boolean {
  return error !== undefined && error !== null && error !== 'route' && error !== 'router';
}

/** Returns an error with the status that the errors of middleware have, such as those of http-errors. */
function asHttpError(error: unknown): unknown {
  if (!(error instanceof Error)) {
    const problem = `next was called with ${shownValue(error)}, and an Error was expected`;
    return new WebUsageError('ERR_WEB_USAGE', `nodeMiddleware: ${problem}`);
  }
  if (error instanceof HTTPError) return error;
  const { status, statusCode, expose, headers } = error as {
    readonly status?: unknown;
    readonly statusCode?: unknown;
    readonly expose?: unknown;
    readonly headers?: unknown;
  };
  const found = [status, statusCode].find(
    (one) => Number.isInteger(one) && Number(one) >= 400 && Number(one) <= 599,
  );
  if (found === undefined) return error;
  const isShown = expose === true && error.message !== '';
  return new HTTPError(found as number, found === 500 ? error.message : undefined, {
    cause: error,
    ...(isShown ? { detail: error.message } : {}),
    ...(isRecord(headers) ? { headers } : {}),
  });
}

function isRecord(headers: unknown): headers is Record<string, string> {
  return typeof headers === 'object' && headers !== null;
}

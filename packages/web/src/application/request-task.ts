import type { HTTPMessageDelegate, HTTPServerExchange, RequestHead } from '@landspout/http1';
import { isCancellation } from '@landspout/ioloop';
import { callReporting, isThenable, reportRejection } from '@landspout/ioloop/reactor';
import { Finish, HTTPError } from '../errors.ts';
import { allowedMethods, type HandlerContext, type PathParams, verbOf } from '../handler/lifecycle.ts';
import type { RequestHandler } from '../handler/request-handler.ts';
import { HTTPServerRequest } from '../request/http-server-request.ts';
import { percentDecode } from '../request/url-encoding.ts';
import { ResponseDraft } from '../response/response-draft.ts';
import type { RouteMatch } from '../routing/router.ts';
import type { Application } from './application.ts';

const NO_PARAMS: PathParams = Object.freeze(Object.create(null));
const NO_ARGS: readonly undefined[] = Object.freeze([]);

/**
 * The life of one request: finds its handler, calls its methods in order, and catches everything that they throw.
 *
 * A handler that is synchronous costs no promise, closure or timer.
 */
export class RequestTask implements HTTPMessageDelegate, HandlerContext {
  readonly application: Application;
  readonly response: ResponseDraft;
  request!: HTTPServerRequest;
  pathArgs: readonly (string | undefined)[] = NO_ARGS;
  #match!: RouteMatch;
  #handler: RequestHandler | undefined = undefined;
  #chunks: Uint8Array[] | undefined = undefined;
  /** Whether a promise of the handler is pending. */
  #waiting = false;
  /** Whether an error page is being written: if that fails too, a plain response is sent. */
  #failing = false;
  #closeHeard = false;
  #pathParams: PathParams | undefined = undefined;

  constructor(application: Application, exchange: HTTPServerExchange) {
    this.application = application;
    this.response = new ResponseDraft(exchange, application.defaultHeaders);
  }

  // ---- called by the connection, for the request message ----

  get collectsBody(): boolean {
    return this.#handler === undefined;
  }

  headersReceived(head: RequestHead): void | Promise<void> {
    this.request = new HTTPServerRequest(head, this.response.exchange.connection);
    this.#match = this.application.findRoute(this.request);
    if (!this.#match.handlerClass.streamRequestBody) return;
    const handler = this.#makeHandler();
    return handler === undefined ? undefined : this.#prepare(handler);
  }

  dataReceived(chunk: Uint8Array): void | Promise<void> {
    const handler = this.#handler;
    if (handler === undefined) {
      this.#chunks ??= [];
      this.#chunks.push(chunk);
      return;
    }
    try {
      const waiting = handler.dataReceived(chunk);
      if (isThenable(waiting)) return this.#settle(waiting);
    } catch (error) {
      this.failed(error);
    }
  }

  finish(): void {
    if (this.#handler !== undefined) {
      this.#callVerb(this.#handler);
      return;
    }
    const chunks = this.#chunks;
    if (chunks !== undefined) {
      this.request.body = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
      this.#chunks = undefined;
    }
    const handler = this.#makeHandler();
    if (handler === undefined) return;
    const waiting = this.#prepare(handler);
    if (waiting === undefined) this.#callVerb(handler);
    else void waiting.then(() => this.#callVerb(handler));
  }

  connectionClosed(reason: Error): void {
    this.request.connectionClosed(reason);
    if (this.response.exchange.isCut) {
      this.#chunks = undefined;
      this.response.gone = reason;
    }
    // The connection refused the body with this status, which the access log must show.
    const { status } = reason as { status?: unknown };
    if (typeof status === 'number' && !this.response.headSent) this.response.status = status;
    const handler = this.#handler;
    if (handler === undefined || this.response.ended) return;
    if (!this.#closeHeard) {
      this.#closeHeard = true;
      this.#callHook(() => handler.onConnectionClose(reason));
    }
    if (!this.#waiting) this.#endIfGone();
  }

  // ---- called by the handler ----

  get pathParams(): PathParams {
    this.#pathParams ??= paramsOf(this.#match.groups?.groups);
    return this.#pathParams;
  }

  answered(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    try {
      this.#watchHook(this.application.logRequest(handler), 'the logFunction setting threw or rejected');
    } catch (error) {
      this.application.logger.error({ error }, 'the logFunction setting threw or rejected');
    }
    try {
      this.#watchHook(handler.onFinish(), 'onFinish threw or rejected');
    } catch (error) {
      this.application.logger.error({ error }, 'onFinish threw or rejected');
    }
  }

  /** Turns an error of the handler into a response, or closes the connection if the headers are already sent. */
  failed(error: unknown): void {
    const { response } = this;
    const handler = this.#handler;
    if (error instanceof Finish && handler !== undefined && !response.ended) {
      this.#finishWith(handler, error);
      return;
    }
    this.#log(error);
    if (response.ended) return;
    if (response.gone === undefined && this.#isOfClosing(error)) {
      this.#giveUp();
      return;
    }
    if (response.gone !== undefined) {
      this.#endIfGone();
    } else if (handler === undefined || this.#failing) {
      this.#answerPlainly(error);
    } else {
      this.#failing = true;
      try {
        this.#watch(handler.sendError(error instanceof HTTPError ? error.status : 500, error));
      } catch (failure) {
        this.failed(failure);
      }
    }
  }

  // ---- the steps ----

  #makeHandler(): RequestHandler | undefined {
    try {
      this.#handler = new this.#match.handlerClass(this);
    } catch (error) {
      this.failed(error);
    }
    return this.#handler;
  }

  /** Runs everything before the verb. Returns a promise, which never rejects, if one of the steps is asynchronous. */
  #prepare(handler: RequestHandler): Promise<void> | undefined {
    try {
      const setting: unknown = handler.setDefaultHeaders();
      const waiting = isThenable(setting)
        ? this.#after(setting, () => this.#initialize(handler))
        : this.#initialize(handler);
      if (isThenable(waiting)) return this.#settle(waiting);
    } catch (error) {
      this.failed(error);
    }
    return undefined;
  }

  #initialize(handler: RequestHandler): unknown {
    const initializing: unknown = handler.initialize(this.#match.init);
    if (isThenable(initializing)) return this.#after(initializing, () => this.#callPrepare(handler));
    return this.#callPrepare(handler);
  }

  /** Continues after a step has settled, unless a response exists by then. */
  async #after(step: PromiseLike<unknown>, next: () => unknown): Promise<unknown> {
    await step;
    return this.response.ended || this.#failing ? undefined : next();
  }

  #callPrepare(handler: RequestHandler): unknown {
    const { groups, handlerClass } = this.#match;
    const { method } = this.request;
    if (method !== 'GET' && !handlerClass.supportedMethods.includes(method)) throw this.#notAllowed(handler);
    if (groups !== undefined) this.#decodePath(groups);
    return handler.prepare();
  }

  #callVerb(handler: RequestHandler): void {
    // `prepare` has responded or failed.
    if (this.response.ended || this.#failing) return;
    try {
      const verb = verbOf(handler, this.request.method);
      if (verb === undefined) throw this.#notAllowed(handler);
      const waiting = verb.call(handler);
      if (isThenable(waiting)) void this.#settle(waiting, handler);
      else if (!this.response.ended) this.#watch(handler.finish());
    } catch (error) {
      this.failed(error);
    }
  }

  /** Waits for a step, and then completes the response if `finishes` is given. Never rejects. */
  async #settle(step: PromiseLike<unknown>, finishes?: RequestHandler): Promise<void> {
    this.#waiting = true;
    try {
      await step;
      if (finishes !== undefined && !this.response.ended) this.#watch(finishes.finish());
    } catch (error) {
      this.failed(error);
    }
    this.#waiting = false;
    // A streamed request may never reach its verb, so it is ended here. A complete request still runs its verb if the
    // client has left: it may be a beacon.
    if (this.#match.handlerClass.streamRequestBody) this.#endIfGone();
  }

  #decodePath(groups: RegExpExecArray): void {
    const args: (string | undefined)[] = [];
    for (let at = 1; at < groups.length; at += 1) args.push(decodeGroup(groups[at]));
    this.pathArgs = args;
  }

  #notAllowed(handler: RequestHandler): HTTPError {
    const headers = { Allow: allowedMethods(handler, this.#match.handlerClass.supportedMethods) };
    return new HTTPError(405, undefined, { headers });
  }

  // ---- errors ----

  #finishWith(handler: RequestHandler, { chunk }: Finish): void {
    try {
      this.#watch(handler.finish(chunk));
    } catch (error) {
      this.failed(error);
    }
  }

  /** The last resort: the handler could not be constructed, or its error page failed too. */
  #answerPlainly(error: unknown): void {
    const { response } = this;
    try {
      if (response.headSent) throw error;
      response.reset();
      response.status = 500;
      response.append('500: Internal Server Error\n');
      response.finish();
    } catch (failure) {
      response.abort(failure instanceof Error ? failure : new Error(String(failure)));
    }
    this.answered();
  }

  /**
   * The handler stopped because its client has ended its side, which is not an error. The client may still read: it
   * gets a 499, or an incomplete response if the headers are already sent.
   */
  #giveUp(): void {
    const { response } = this;
    if (response.headSent) {
      response.abort(this.request.closeReason as Error);
    } else {
      response.reset();
      response.status = 499;
      response.headers.set('Content-Type', 'text/plain; charset=UTF-8').set('Connection', 'close');
      response.append('499: Client Closed Request\n');
      response.finish();
    }
    this.answered();
  }

  /** Ends a request whose client is gone: the handler can no longer respond. */
  #endIfGone(): void {
    if (this.response.gone === undefined || this.response.ended) return;
    this.response.finish();
    this.answered();
  }

  #log(error: unknown): void {
    const { logger, settings } = this.application;
    if (this.#isOfClosing(error)) {
      // Without an access log, this is the only record of a 499.
      const { gone, ended } = this.response;
      const isOnlyRecord = gone === undefined && !ended && settings.logFunction === undefined;
      logger[isOnlyRecord ? 'info' : 'debug']({ error }, 'a handler failed after its client had left');
      return;
    }
    const handler = this.#handler;
    if (handler === undefined) logger.error({ error }, 'constructing a handler failed');
    else this.#callHook(() => handler.logException(error));
  }

  /** Whether an error only says that the client has left, which is not a fault of the program. */
  #isOfClosing(error: unknown): boolean {
    const { closeReason } = this.request;
    if (closeReason === undefined) return false;
    if (this.response.gone !== undefined) return true;
    return isCancellation(error, closeReason);
  }

  #callHook(hook: () => unknown): void {
    callReporting(hook, undefined, (error) =>
      this.application.logger.error({ error }, 'a callback of a handler threw or rejected'),
    );
  }

  /**
   * Watches a step that is not awaited, but that a subclass may have made asynchronous: its rejection is an error of
   * the handler.
   */
  #watch(step: unknown): void {
    if (isThenable(step)) reportRejection(step, (error) => this.failed(error));
  }

  /** Like {@link #callHook}, without a closure for a synchronous callback. */
  #watchHook(result: unknown, message: string): void {
    if (!isThenable(result)) return;
    reportRejection(result, (error) => this.application.logger.error({ error }, message));
  }
}

/** Without a prototype, since the groups of a regular expression may have any name. */
function paramsOf(groups: Readonly<Record<string, string | undefined>> | undefined): PathParams {
  if (groups === undefined) return NO_PARAMS;
  const params: Record<string, string> = Object.create(null);
  for (const name of Object.keys(groups)) {
    const value = decodeGroup(groups[name]);
    if (value !== undefined) params[name] = value;
  }
  return params;
}

function decodeGroup(group: string | undefined): string | undefined {
  return group === undefined ? group : percentDecode(group);
}

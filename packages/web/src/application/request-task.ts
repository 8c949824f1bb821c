import type {
  HTTPHeaders,
  HTTPMessageDelegate,
  HTTPServerConnectionDelegate,
  HTTPServerExchange,
  RequestHead,
  RequestRefusal,
} from '@landspout/http1';
import { BodyChunks } from '@landspout/http1/server';
import { type ClockTimer, isCancellation, type Logger } from '@landspout/ioloop';
import { errorOf } from '@landspout/ioloop/errors';
import { callReporting, isThenable, reportRejection } from '@landspout/ioloop/reactor';
import { Cookies } from '../cookies/cookies.ts';
import { requiresXsrfToken } from '../cookies/xsrf.ts';
import { Finish, HTTPError, statusOfError, WebUsageError } from '../errors.ts';
import type {
  AnyHandler,
  HandlerContext,
  MatchedRoute,
  PageInProgress,
  PathParams,
  RequestState,
  VerbMethod,
} from '../handler/lifecycle.ts';
import { replaced } from '../handler/page-renderer.ts';
import { allowedMethods, notAllowed, requireMethod, verbOf } from '../handler/verbs.ts';
import { Html } from '../html/html-value.ts';
import { FallbackHandler, passesRequestsOn } from '../mounting/fallback-handler.ts';
import { PassedRequest, type PassingHost } from '../mounting/passed-request.ts';
import { isUnresolvedPath } from '../mounting/unresolved-path.ts';
import { HTTPServerRequest } from '../request/http-server-request.ts';
import { logRequestError } from '../request/log-text.ts';
import { rememberMessagesBehind } from '../request/messages-behind.ts';
import { announcesBody } from '../request/unparsed-body.ts';
import { appendErrorPage, respondWithClosed, respondWithError } from '../response/error-response.ts';
import { HTTPServerResponse, type ResponseOwner } from '../response/http-server-response.ts';
import { ResponseCoding } from '../response/response-coding.ts';
import { paramsByName, paramsInOrder, pathBeforeRest, type RouteMatch, type Rule } from '../routing/rule.ts';
import type { Application } from './application.ts';
import { Passage, type PassageOwner } from './passage.ts';

const RESPONSE_ENDED = 'the response was completed by something other than the mounted delegate';

const UNRESOLVED_DETAIL = 'the path must have neither dot segments, such as .. or %2e, nor backslashes';

/** Sees what the connection reports about a request, beside its handler. */
export interface RequestObserver {
  /** @returns a promise until which no more of the body is read; ignored after the handler has started. */
  dataReceived(chunk: Uint8Array): Promise<void> | undefined;
  finish(trailers: HTTPHeaders | undefined): void;
  connectionClosed(reason: Error): void;
  /** The rest of the request is refused. The response must be complete when the connection has called `refused`. */
  refused(reason: Error): void;
  /** The handler is started, and will get the body. */
  handlerStarts(): void;
  /** The response is complete or cut off. */
  responseEnded(): void;
}

const NO_ARGS: readonly undefined[] = Object.freeze([]);

/**
 * One request from its headers to the end of its response: finds the route, runs its middleware, creates and calls the
 * handler, and catches everything that they throw.
 *
 * If neither middleware nor handler waits for anything, no promise or timer is created. Without middleware, no closure
 * is created either.
 */
export class RequestTask
  implements HTTPMessageDelegate, HandlerContext, ResponseOwner, PassageOwner, PassingHost
{
  /** The outermost application until the route is known, then the application of the route. */
  application: Application;
  readonly response: HTTPServerResponse;
  request!: HTTPServerRequest;
  pathArgs: readonly (string | undefined)[] = NO_ARGS;
  rendering: PageInProgress | undefined = undefined;
  #match!: RouteMatch;
  #handler: AnyHandler | undefined = undefined;
  /** The request, if a FallbackHandler has passed it on to a delegate. */
  #passed: PassedRequest | undefined = undefined;
  /** The body of a handler that does not stream it; or what arrived of it before the handler was started. */
  #chunks: BodyChunks | undefined = undefined;
  /** Set by `nodeMiddleware`. */
  #observer: RequestObserver | undefined = undefined;
  #trailers: HTTPHeaders | undefined = undefined;
  /** Whether a promise of the handler is pending. */
  #waiting = false;
  /** The error whose page is being made. If making that page fails too, a plain page is sent. */
  #failure: { readonly error: unknown } | undefined = undefined;
  #closeNotified = false;
  #pathParams: PathParams | undefined = undefined;
  #state: RequestState | undefined = undefined;
  /** The run through the middleware, if there is any. */
  #passage: Passage | undefined = undefined;
  /** Whether the response is complete or cut off; middleware may still run. */
  #hasResponded = false;
  #isFinished = false;
  #timer: ClockTimer | undefined = undefined;
  /** Whether the whole request was received, so that the handler need not wait for the body. */
  #isComplete = false;

  constructor(application: Application, exchange: HTTPServerExchange) {
    this.application = application;
    this.response = new HTTPServerResponse(exchange, application.defaultHeaders, this);
  }

  // ---- the message, called by the connection ----

  get collectsBody(): boolean {
    if (this.#passed !== undefined) return this.#passed.collectsBody;
    return this.#handler === undefined && !this.#streamsBody;
  }

  headersReceived(head: RequestHead): void | Promise<void> {
    const { connection, publicOrigins } = this.response.exchange;
    this.request = new HTTPServerRequest(head, connection, this.application.publicOrigins ?? publicOrigins);
    rememberMessagesBehind(this.request, this.response.exchange);
    this.#match = this.application.findRoute(this.request);
    const { rule } = this.#match;
    this.application = rule.application;
    if (!rule.isLoaded) return this.#load(rule);
    return this.#begin(rule);
  }

  dataReceived(chunk: Uint8Array): void | Promise<void> {
    const waiting = this.#observer?.dataReceived(chunk);
    const handler = this.#handler;
    if (handler !== undefined && this.#chunks === undefined) return this.#deliver(handler, chunk);
    this.#chunks ??= new BodyChunks();
    this.#chunks.push(chunk);
    return waiting;
  }

  /** Passes a piece of the body to a handler that streams it. */
  #deliver(handler: AnyHandler, chunk: Uint8Array): void | Promise<void> {
    if (this.#passed !== undefined) return this.#passed.dataReceived(chunk);
    try {
      const waiting = handler.dataReceived(chunk);
      if (isThenable(waiting)) return this.#settle(waiting);
    } catch (error) {
      this.failed(error);
    }
  }

  finish(trailers?: HTTPHeaders): void {
    this.#isComplete = true;
    this.#observer?.finish(trailers);
    if (this.response.ended) return;
    const handler = this.#handler;
    const chunks = this.#chunks;
    if (this.#streamsBody && (handler === undefined || chunks !== undefined)) {
      // The body was read before the handler was started, which gets it then.
      this.#trailers = trailers;
      return;
    }
    if (handler !== undefined) {
      this.#bodyEnded(handler, trailers);
      return;
    }
    if (chunks !== undefined) {
      this.request.body = chunks.takeAll();
      this.#chunks = undefined;
    }
    if (this.#passage === undefined) void this.#pass();
    else if (this.#passage.hasEntered) this.#runHandler();
  }

  #bodyEnded(handler: AnyHandler, trailers: HTTPHeaders | undefined): void {
    if (this.#passed === undefined) this.#callVerb(handler);
    else this.#passed.finish(trailers);
  }

  refused(refusal: RequestRefusal): void {
    const { status, detail, headers, error } = refusal;
    this.#chunks = undefined;
    this.request.connectionClosed(error);
    const handler = this.#handler;
    if (this.response.ended) return;
    this.#observer?.refused(error);
    if (this.#passed?.refused(refusal) === true) return;
    if (handler !== undefined) this.#notifyClosed(handler, error);
    // `error` is not set as the cause: an error caused by the end of the request would not be logged or sent.
    this.failed(new HTTPError(status, undefined, { detail, headers: headers ?? [] }));
  }

  connectionClosed(reason: Error): void {
    this.request.connectionClosed(reason);
    if (this.response.exchange.isCut) {
      this.#chunks = undefined;
      this.response.connectionLost(reason);
      this.rendering?.stop(reason);
    } else {
      this.rendering?.peerEnded?.();
    }
    // The connection has refused the body with this status; set it so that it is logged.
    const { status } = reason as { status?: unknown };
    if (typeof status === 'number' && !this.response.headSent) this.response.status = status;
    const handler = this.#handler;
    this.#passed?.connectionClosed(reason);
    this.#observer?.connectionClosed(reason);
    if (this.response.ended) return;
    if (handler !== undefined) this.#notifyClosed(handler, reason);
    const isEntered = handler !== undefined || this.#passage?.hasEntered === true;
    if (isEntered && !this.#waiting) this.#endIfGone();
  }

  #notifyClosed(handler: AnyHandler, reason: Error): void {
    if (this.#closeNotified) return;
    this.#closeNotified = true;
    this.#callHook(() => handler.onConnectionClose(reason));
  }

  // ---- the context, used by the handler and its response ----

  get match(): MatchedRoute {
    return this.#match.rule;
  }

  get state(): RequestState {
    this.#state ??= {};
    return this.#state;
  }

  get status(): number {
    return this.response.status;
  }

  get error(): unknown {
    return this.#failure?.error;
  }

  get log(): Logger {
    return this.request.logOf(this.application.logger);
  }

  get pathParams(): PathParams {
    const { rule, values } = this.#match;
    this.#pathParams ??= paramsByName(rule.compiled.paramNames, values);
    return this.#pathParams;
  }

  makeCookies(response: HTTPServerResponse): Cookies {
    const { cookieSettings } = this.application;
    return new Cookies(this.request, cookieSettings, (operation) => response.requireUnsent(operation));
  }

  makeCoding(): ResponseCoding | undefined {
    const { compression } = this.application;
    if (compression === undefined || this.#match.rule.options.compressResponse === false) return undefined;
    return new ResponseCoding(compression, this.request);
  }

  responseFailed(error: unknown): void {
    this.#log(error);
  }

  responseEnded(): void {
    this.#hasResponded = true;
    if (this.rendering !== undefined) this.rendering.stop(replaced('another response'));
    this.#passed?.responseEnded();
    this.#observer?.responseEnded();
    const passage = this.#passage;
    if (passage === undefined || passage.isOver) this.#finished();
    else passage.leaveHandler();
  }

  /** Turns an error into a response, or closes the connection if the headers are already sent. */
  failed(thrown: unknown): void {
    const { response } = this;
    const handler = this.#handler;
    const error = readable(thrown);
    if (error instanceof Finish && !response.ended) {
      this.#finishWith(error);
      return;
    }
    // The page of the handler was stopped by an error page, which is being made.
    if (this.#failure !== undefined && !response.ended && isTooLate(error)) return;
    this.#log(error);
    if (response.ended) return;
    if (response.gone === undefined && this.#isOfClosing(error)) {
      this.#giveUp();
      return;
    }
    if (response.gone !== undefined) {
      this.#endIfGone();
    } else if (handler === undefined || this.#failure !== undefined) {
      this.#respondPlainly(error);
    } else {
      this.#failure = { error };
      try {
        this.#watch(handler.sendError(statusOfError(error), error));
      } catch (failure) {
        this.failed(failure);
      }
    }
  }

  passTo(delegate: HTTPServerConnectionDelegate, stripPrefix: boolean): void {
    if (this.response.ended || this.response.gone !== undefined) return;
    const { request } = this;
    const head = request.headBelow(stripPrefix ? pathBeforeRest(this.#match, request.path) : '');
    this.#passed = new PassedRequest(this);
    this.#passed.begin(delegate, head);
    this.#limitTime();
  }

  detached(): void {
    this.#timer?.cancel();
    this.#passage?.leaveHandler();
  }

  get endReason(): Error {
    const reason = this.response.gone ?? this.error ?? this.request.closeReason;
    return reason instanceof Error ? reason : new WebUsageError('ERR_WEB_FINISHED', RESPONSE_ENDED);
  }

  hookFailed(error: unknown): void {
    this.#report('error', error, 'a callback of a mounted delegate threw or rejected');
  }

  awaitErrorPage(error: unknown): void {
    this.#failure ??= { error };
    this.#limitTime();
  }

  // ---- the steps ----

  async #load(rule: Rule): Promise<void> {
    try {
      await rule.load();
    } catch (error) {
      this.failed(error);
      return;
    }
    if (!this.response.ended && this.response.gone === undefined) await this.#begin(rule);
  }

  #begin(rule: Rule): void | Promise<void> {
    if (this.#isForOtherPath(rule)) {
      this.failed(new HTTPError(400, undefined, { detail: UNRESOLVED_DETAIL }));
      return;
    }
    const { maxBodyBytes, bodyTimeoutMs } = rule.options;
    if (maxBodyBytes !== undefined) this.response.exchange.setMaxBodyBytes(maxBodyBytes);
    if (bodyTimeoutMs !== undefined) this.response.exchange.setBodyTimeoutMs(bodyTimeoutMs);
    const streams = this.#streamsBody;
    if (rule.chain.length === 0) return streams ? this.#startHandler() : undefined;
    // Without a body, the end of the request follows at once; the middleware starts then, with the request complete.
    if (!streams && !announcesBody(this.request.headers)) return;
    const passing = this.#pass();
    if (passing === undefined || this.response.ended) return;
    return this.#passage?.bodyWanted();
  }

  /**
   * Whether a delegate may resolve the path to another one than the routes were searched for: then it would bypass the
   * middleware and the handlers that are meant for that path.
   */
  #isForOtherPath(rule: Rule): boolean {
    return this.#streamsBody && passesRequestsOn(rule.handlerClass) && isUnresolvedPath(this.request.path);
  }

  /** Runs the middleware and then the handler. @returns a promise if a step is asynchronous. It never rejects. */
  #pass(): Promise<void> | undefined {
    const { chain } = this.#match.rule;
    if (chain.length > 0) {
      this.#passage = new Passage(this, chain);
      return this.#passage.run();
    }
    this.#runHandler();
    return undefined;
  }

  passageOver(): void {
    // If the client has disconnected, a middleware may have returned without a response.
    if (!this.#waiting) this.#endIfGone();
    // False if another protocol has taken over the connection.
    if (this.#hasResponded) this.#finished();
  }

  enterHandler(): void {
    if (this.response.ended) return;
    if (this.response.gone !== undefined) {
      this.#endIfGone();
      return;
    }
    const passage = this.#passage;
    if (this.#streamsBody) {
      const preparing = this.#startHandler();
      if (preparing === undefined) this.#takeBody();
      else void preparing.then(() => this.#takeBody());
    } else {
      this.#observer?.handlerStarts();
      passage?.takeBody();
      if (this.#isComplete) this.#runHandler();
    }
  }

  /** Gives a handler that streams the body what has arrived of it, and lets the rest arrive. */
  #takeBody(): void {
    this.#observer?.handlerStarts();
    const handler = this.#handler;
    if (handler !== undefined && (this.#chunks !== undefined || this.#isComplete))
      void this.#handOver(handler);
    this.#passage?.takeBody();
  }

  async #handOver(handler: AnyHandler): Promise<void> {
    // While there are chunks, those that arrive are added to them.
    this.#chunks ??= new BodyChunks();
    for (let chunk = this.#chunks.shift(); chunk !== undefined; chunk = this.#chunks?.shift())
      await this.#deliver(handler, chunk);
    this.#chunks = undefined;
    if (this.#isComplete && !this.response.ended) this.#bodyEnded(handler, this.#trailers);
  }

  /** Used by `nodeMiddleware`. */
  observe(observer: RequestObserver): void {
    this.#observer = observer;
  }

  /** Used by `nodeMiddleware`: lets the body arrive before the handler is started. */
  wantBody(): void {
    this.#passage?.takeBody();
  }

  get isDone(): boolean {
    return this.response.ended && !this.#waiting;
  }

  /** Runs the handler of a complete request. */
  #runHandler(): void {
    const preparing = this.#startHandler();
    const handler = this.#handler;
    if (handler === undefined) return;
    if (preparing === undefined) this.#callVerb(handler);
    else void preparing.then(() => this.#callVerb(handler));
  }

  /** Creates the handler and prepares it. @returns a promise if a step is asynchronous. It never rejects. */
  #startHandler(): Promise<void> | undefined {
    try {
      this.#handler = new this.#match.rule.handlerClass(this);
    } catch (error) {
      this.failed(error);
      return undefined;
    }
    const preparing = this.#prepare(this.#handler);
    if (preparing === undefined) return this.#passed?.held;
    return this.#streamsBody ? preparing.then(() => this.#passed?.held) : preparing;
  }

  /** Whether the handler gets the body in pieces. False while its class is not loaded. */
  get #streamsBody(): boolean {
    const { rule } = this.#match;
    return rule.isLoaded && rule.handlerClass.streamRequestBody;
  }

  /** Runs everything that precedes the verb. @returns a promise if a step is asynchronous. It never rejects. */
  #prepare(handler: AnyHandler): Promise<void> | undefined {
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

  #initialize(handler: AnyHandler): unknown {
    const initializing: unknown = handler.initialize(this.#match.rule.init);
    if (isThenable(initializing)) return this.#after(initializing, () => this.#callPrepare(handler));
    return this.#callPrepare(handler);
  }

  /** Calls `next` after a step has settled, unless the response is complete by then. */
  async #after(step: PromiseLike<unknown>, next: () => unknown): Promise<unknown> {
    await step;
    return this.#isOpen() ? next() : undefined;
  }

  #callPrepare(handler: AnyHandler): unknown {
    const { rule, values } = this.#match;
    const { method } = this.request;
    requireMethod(handler, rule.handlerClass, method);
    // A delegate gets the path as it is, even if it cannot be decoded.
    if (values.length > 0 && !(handler instanceof FallbackHandler)) this.pathArgs = paramsInOrder(values);
    // Parse the form now, so that a malformed one is refused before the code of the handler relies on it.
    if (this.request.body.length > 0) void this.request.bodyArguments;
    if (this.application.settings.xsrfCookies === true && requiresXsrfToken(method))
      return this.#checkXsrf(handler);
    return handler.prepare() ?? this.rendering?.done;
  }

  #checkXsrf(handler: AnyHandler): unknown {
    const checking: unknown = handler.checkXsrfCookie();
    if (isThenable(checking)) return this.#after(checking, () => handler.prepare());
    return handler.prepare() ?? this.rendering?.done;
  }

  #callVerb(handler: AnyHandler): void {
    // `prepare` has responded or failed.
    if (!this.#isOpen()) return;
    try {
      const { method } = this.request;
      const verb = verbOf(handler, method, this.#match.rule.handlerClass.supportedMethods);
      if (verb === undefined) {
        if (method !== 'OPTIONS') throw notAllowed(handler, this.#match.rule.handlerClass);
        this.#describeOptions(handler);
        return;
      }
      const waiting = this.#callWithPath(handler, verb);
      // A page whose promise the handler did not return is awaited too.
      const page = this.rendering?.done;
      if (page !== undefined && (waiting === page || !isThenable(waiting))) this.#settlePage(page, handler);
      else if (isThenable(waiting)) void this.#settle(waiting, handler);
      else if (this.#isOpen()) this.#finish(handler, waiting);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Whether the handler's verb may still write the response: it is not complete, and no error page has replaced it. */
  #isOpen(): boolean {
    return !this.response.ended && this.#failure === undefined;
  }

  #callWithPath(handler: AnyHandler, verb: VerbMethod): unknown {
    if (this.pathArgs.length === 0) return verb.call(handler);
    return this.#match.rule.hasNames
      ? verb.call(handler, this.pathParams)
      : verb.apply(handler, [...this.pathArgs]);
  }

  /** Responds to an OPTIONS that the handler does not define (RFC 9110 §9.3.7). */
  #describeOptions(handler: AnyHandler): void {
    handler.setHeader('Allow', allowedMethods(handler, this.#match.rule.handlerClass.supportedMethods));
    handler.setStatus(204);
    this.#watch(handler.finish());
  }

  /** Completes the response after the verb has returned. */
  #finish(handler: AnyHandler, returned: unknown): void {
    if (returned !== undefined) requireNoContent(returned, this.request.method, this.response);
    this.#watch(handler.finish());
  }

  /** Waits for a step, and then completes the response if `finishes` is given. Never rejects. */
  async #settle(step: PromiseLike<unknown>, finishes?: AnyHandler): Promise<void> {
    this.#waiting = true;
    this.#limitTime();
    try {
      const result = await step;
      if (this.rendering !== undefined) await this.rendering.done;
      if (finishes !== undefined && this.#isOpen()) this.#finish(finishes, result);
    } catch (error) {
      this.failed(error);
    }
    this.#waiting = false;
    // For a streaming handler whose client has disconnected, the verb is never called, so end the request here. If the
    // request is complete, the verb is still called: the request may be a beacon.
    if (this.#streamsBody) this.#endIfGone();
    this.#passage?.leaveHandler();
  }

  /**
   * Like {@link #settle}, but no function is waiting until the page is complete: an event stream may last for hours, and a
   * server may have very many.
   */
  #settlePage(page: Promise<void>, handler: AnyHandler): void {
    this.#waiting = true;
    this.#limitTime();
    const settled = (): void => void this.#settle(page, handler);
    page.then(settled, settled);
  }

  /** Starts the timeout of a handler that waits, if its route has one. */
  #limitTime(): void {
    const { handlerTimeoutMs = 0 } = this.#match.rule.options;
    if (handlerTimeoutMs === 0 || this.#timer !== undefined || this.response.ended) return;
    this.#timer = this.application.clock.setTimeout(
      () => this.#timePassed(handlerTimeoutMs),
      handlerTimeoutMs,
    );
  }

  #timePassed(limitMs: number): void {
    if (this.response.ended) return;
    // The log and the middleware must not wait for a handler that may never settle.
    this.#waiting = false;
    if (this.response.gone !== undefined) {
      this.#endIfGone();
    } else {
      const reason = new HTTPError(503, `the handler did not respond within ${limitMs} ms`);
      this.failed(reason);
      // This aborts what the handler still waits for. What it throws because of that is not logged as an error.
      this.request.connectionClosed(reason);
    }
    this.#passage?.leaveHandler();
  }

  /** Called when the response is complete and the middleware has returned: logs the request and calls `onFinish`. */
  #finished(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#timer?.cancel();
    try {
      this.#watchHook(this.application.logRequest(this), 'logFunction threw or rejected');
    } catch (error) {
      this.#report('error', error, 'logFunction threw or rejected');
    }
    try {
      this.#watchHook(this.#handler?.onFinish(), 'onFinish threw or rejected');
    } catch (error) {
      this.#report('error', error, 'onFinish threw or rejected');
    }
  }

  // ---- errors ----

  #finishWith({ chunk }: Finish): void {
    const handler = this.#handler;
    const failed = (error: unknown): void => this.failed(error instanceof Finish ? endless(error) : error);
    try {
      if (handler === undefined) this.response.finish(undefined, chunk);
      else reportRejection(handler.finish(chunk), failed);
    } catch (error) {
      failed(error);
    }
  }

  /** Responds without a handler, because there is none yet or because making its error page failed. */
  #respondPlainly(error: unknown): void {
    const { response } = this;
    if (response.headSent) {
      response.abort(errorOf(error));
      return;
    }
    const shown = this.#failure === undefined ? error : undefined;
    this.#failure ??= { error };
    try {
      const { settings, serveTraceback } = this.application;
      const { writeError } = settings;
      const write = (): void => {
        if (writeError === undefined || shown === undefined)
          appendErrorPage(this.request, response, shown, serveTraceback);
        else writeError(this, shown);
      };
      respondWithError(this.request, response, shown, write);
    } catch (failure) {
      // Either a `beforeHeaders` hook threw (it is not called again), or the headers or data of the error are invalid.
      this.#log(failure);
      this.#writeLastPage();
    }
  }

  #writeLastPage(): void {
    if (this.response.ended) return;
    try {
      respondWithError(this.request, this.response, undefined);
    } catch (failure) {
      this.response.abort(errorOf(failure));
    }
  }

  /**
   * Ends a request whose handler stopped because the client has half-closed, which is not an error. The client may
   * still read: it gets a 499 or, if the headers were already sent, sees that the response is incomplete.
   */
  #giveUp(): void {
    if (this.response.headSent) this.response.abort(this.request.closeReason as Error);
    else respondWithClosed(this.response);
  }

  /** Ends a request whose client has disconnected: nothing that the handler still writes can be sent. */
  #endIfGone(): void {
    if (this.response.gone === undefined || this.response.ended) return;
    this.response.end();
  }

  #log(error: unknown): void {
    if (this.#isOfClosing(error)) {
      // Without an access log, nothing else would record a 499.
      const { gone, ended } = this.response;
      const isOnlyRecord = gone === undefined && !ended && !this.application.logsRequests;
      this.#report(isOnlyRecord ? 'info' : 'debug', error, 'a handler failed after its client had left');
      return;
    }
    const handler = this.#handler;
    this.#callHook(() => {
      if (handler === undefined) logRequestError(error, this.request, this.application);
      else return handler.logException(error);
    });
  }

  /** Whether an error only reports that the client has disconnected, which is not a fault of the program. */
  #isOfClosing(error: unknown): boolean {
    const { closeReason } = this.request;
    if (closeReason === undefined) return false;
    if (this.response.gone !== undefined || isCancellation(error, closeReason)) return true;
    // The handler wrote after its timeout had ended the response with a 503.
    return closeReason instanceof HTTPError && isTooLate(error);
  }

  /** Writes a record. If the logger throws, the client must still get its response, and the process must not end. */
  #report(level: 'debug' | 'info' | 'error', error: unknown, message: string): void {
    try {
      this.log[level]({ error }, message);
    } catch {
      // The logger itself failed, so there is no place to report that.
    }
  }

  #callHook(hook: () => unknown): void {
    callReporting(hook, undefined, (error) =>
      this.#report('error', error, 'a hook of a handler threw or rejected'),
    );
  }

  /** Handles the rejection of a step that is not awaited; a subclass may have made the step asynchronous. */
  #watch(step: unknown): void {
    if (isThenable(step)) reportRejection(step, (error) => this.failed(error));
  }

  /** Like {@link #callHook}, but needs no closure, for a hook that was already called. */
  #watchHook(result: unknown, message: string): void {
    if (!isThenable(result)) return;
    reportRejection(result, (error) => this.#report('error', error, message));
  }
}

/**
 * Returns what was thrown; if that cannot be inspected, such as a proxy whose traps throw, an Error that describes it.
 */
function readable(thrown: unknown): unknown {
  try {
    if (!(thrown instanceof Error)) return thrown;
  } catch {
    // See below.
  }
  return errorOf(thrown);
}

/**
 * In plain JavaScript, a handler may return its content by mistake, which would be an empty response. Objects and lists
 * are refused for GET and HEAD only: other methods may return the result of what they did.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if nothing was written, and the handler returned text, bytes, HTML, a Response,
 *   or data for a GET.
 */
function requireNoContent(returned: unknown, method: string, { unsent, headSent }: HTTPServerResponse): void {
  if (headSent || !unsent.isEmpty) return;
  // Without the global class, which Node loads only when it is read.
  const isResponse = Object.prototype.toString.call(returned) === '[object Response]';
  const isText = typeof returned === 'string' || returned instanceof Uint8Array || Html.isHtml(returned);
  const isRead = method === 'GET' || method === 'HEAD';
  if (!isText && !isResponse && !(isRead && isData(returned))) return;
  const remedy = isResponse ? 'call this.write, or mount a FetchContainer' : 'call this.write or this.render';
  const problem = `the handler returned its content, which is not sent: ${remedy}`;
  throw new WebUsageError('ERR_WEB_USAGE', problem);
}

/** Whether a value is a list or a plain object. */
function isData(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** The error for a {@link Finish} that was thrown while the response was being finished because of an earlier one. */
function endless(cause: Finish): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', 'finish must not throw Finish', { cause });
}

function isTooLate(error: unknown): boolean {
  return error instanceof WebUsageError && error.code === 'ERR_WEB_FINISHED';
}

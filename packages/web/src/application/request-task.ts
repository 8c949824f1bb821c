import type {
  HTTPHeaders,
  HTTPMessageDelegate,
  HTTPServerConnectionDelegate,
  RequestHead,
  RequestRefusal,
} from '@landspout/http1';
import { BodyChunks } from '@landspout/http1/server';
import type { ClockTimer } from '@landspout/ioloop';
import { errorOf } from '@landspout/ioloop/errors';
import { isThenable, reportRejection } from '@landspout/ioloop/reactor';
import { Finish, HTTPError, statusOfError, WebUsageError } from '../errors.ts';
import type { AnyHandler, HandlerContext } from '../handler/lifecycle.ts';
import { replaced } from '../handler/page-renderer.ts';
import { notAllowed, verbOf } from '../handler/verbs.ts';
import { PassedRequest, type PassingHost } from '../mounting/passed-request.ts';
import { announcesBody } from '../request/unparsed-body.ts';
import { pathBeforeRest, type Rule } from '../routing/rule.ts';
import { callVerb, describeOptions, prepareHandler, requireNoContent } from './handler-steps.ts';
import { Passage, type PassageOwner } from './passage.ts';
import { publishRequestEnd, rememberPassing } from './request-channels.ts';
import { RequestContext } from './request-context.ts';
import { finishWith, giveUp, readable, respondPlainly } from './request-failures.ts';
import { callFinishHooks, callHook, isOfClosing, isTooLate, logFailure, report } from './request-hooks.ts';
import type { RequestObserver } from './request-observer.ts';

const RESPONSE_ENDED = 'the response was completed by something other than the mounted delegate';

const UNRESOLVED_DETAIL = 'the path must have neither dot segments, such as .. or %2e, nor backslashes';

/**
 * One request from its headers to the end of its response: finds the route, runs its middleware, creates and calls the
 * handler, and catches everything that they throw.
 *
 * If neither middleware nor handler waits for anything, no promise or timer is created. Without middleware, no closure
 * is created either.
 */
export class RequestTask
  extends RequestContext
  implements HTTPMessageDelegate, HandlerContext, PassageOwner, PassingHost
{
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
  /** The run through the middleware, if there is any. */
  #passage: Passage | undefined = undefined;
  /** Whether the response is complete or cut off; middleware may still run. */
  #hasResponded = false;
  #isFinished = false;
  #timer: ClockTimer | undefined = undefined;
  /** Whether the whole request was received, so that the handler need not wait for the body. */
  #isComplete = false;

  // ---- the message, called by the connection ----

  get collectsBody(): boolean {
    if (this.#passed !== undefined) return this.#passed.collectsBody;
    return this.#handler === undefined && !this.streamsBody;
  }

  headersReceived(head: RequestHead): void | Promise<void> {
    const rule = this.receive(head);
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
    if (this.streamsBody && (handler === undefined || chunks !== undefined)) {
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
    callHook(this, () => handler.onConnectionClose(reason));
  }

  // ---- the context, used by the handler and its response ----

  get error(): unknown {
    return this.#failure?.error;
  }

  responseFailed(error: unknown): void {
    logFailure(this, this.#handler, error);
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

  responseDetached(): void {
    if (this.#passage === undefined) publishRequestEnd(this);
  }

  /** Turns an error into a response, or closes the connection if the headers are already sent. */
  failed(thrown: unknown): void {
    const { response } = this;
    const handler = this.#handler;
    const error = readable(thrown);
    if (error instanceof Finish && !response.ended) {
      finishWith(this, handler, error);
      return;
    }
    // The page of the handler was stopped by an error page, which is being made.
    if (this.#failure !== undefined && !response.ended && isTooLate(error)) return;
    logFailure(this, handler, error);
    if (response.ended) return;
    if (response.gone === undefined && isOfClosing(this, error)) {
      giveUp(this);
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
    const head = request.headBelow(stripPrefix ? pathBeforeRest(this.routeMatch, request.path) : '');
    rememberPassing(request.head, head, this.routeMatch);
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
    report(this, 'error', error, 'a callback of a mounted delegate threw or rejected');
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
    if (this.isForOtherPath) {
      this.failed(new HTTPError(400, undefined, { detail: UNRESOLVED_DETAIL }));
      return;
    }
    const { maxBodyBytes, bodyTimeoutMs } = rule.options;
    if (maxBodyBytes !== undefined) this.response.exchange.setMaxBodyBytes(maxBodyBytes);
    if (bodyTimeoutMs !== undefined) this.response.exchange.setBodyTimeoutMs(bodyTimeoutMs);
    const streams = this.streamsBody;
    if (rule.chain.length === 0) return streams ? this.#startHandler() : undefined;
    // Without a body, the end of the request follows at once; the middleware starts then, with the request complete.
    if (!streams && !announcesBody(this.request.headers)) return;
    const passing = this.#pass();
    if (passing === undefined || this.response.ended) return;
    return this.#passage?.bodyWanted();
  }

  /** Runs the middleware and then the handler. @returns a promise if a step is asynchronous. It never rejects. */
  #pass(): Promise<void> | undefined {
    const { chain } = this.match;
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
    if (this.#hasResponded) this.#finished();
    else if (this.response.isDetached) publishRequestEnd(this);
  }

  enterHandler(): void {
    if (this.response.ended) return;
    if (this.response.gone !== undefined) {
      this.#endIfGone();
      return;
    }
    const passage = this.#passage;
    if (this.streamsBody) {
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
      this.#handler = new this.match.handlerClass(this);
    } catch (error) {
      this.failed(error);
      return undefined;
    }
    const preparing = this.#prepare(this.#handler);
    if (preparing === undefined) return this.#passed?.held;
    return this.streamsBody ? preparing.then(() => this.#passed?.held) : preparing;
  }

  /** Runs everything that precedes the verb. @returns a promise if a step is asynchronous. It never rejects. */
  #prepare(handler: AnyHandler): Promise<void> | undefined {
    try {
      const waiting = prepareHandler(this, handler);
      if (isThenable(waiting)) return this.#settle(waiting);
    } catch (error) {
      this.failed(error);
    }
    return undefined;
  }

  #callVerb(handler: AnyHandler): void {
    // `prepare` has responded or failed.
    if (!this.isOpen) return;
    try {
      const { method } = this.request;
      const verb = verbOf(handler, method, this.match.handlerClass.supportedMethods);
      if (verb === undefined) {
        if (method !== 'OPTIONS') throw notAllowed(handler, this.match.handlerClass);
        this.#watch(describeOptions(this, handler));
        return;
      }
      const waiting = callVerb(this, handler, verb);
      // A page whose promise the handler did not return is awaited too.
      const page = this.rendering?.done;
      if (page !== undefined && (waiting === page || !isThenable(waiting))) this.#settlePage(page, handler);
      else if (isThenable(waiting)) void this.#settle(waiting, handler);
      else if (this.isOpen) this.#finish(handler, waiting);
    } catch (error) {
      this.failed(error);
    }
  }

  get isOpen(): boolean {
    return !this.response.ended && this.#failure === undefined;
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
      if (finishes !== undefined && this.isOpen) this.#finish(finishes, result);
    } catch (error) {
      this.failed(error);
    }
    this.#waiting = false;
    // For a streaming handler whose client has disconnected, the verb is never called, so end the request here. If the
    // request is complete, the verb is still called: the request may be a beacon.
    if (this.streamsBody) this.#endIfGone();
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
    const { handlerTimeoutMs = 0 } = this.match.options;
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
    callFinishHooks(this, this.#handler);
    publishRequestEnd(this);
  }

  // ---- errors ----

  /** Responds without a handler, because there is none yet or because making its error page failed. */
  #respondPlainly(error: unknown): void {
    const { response } = this;
    if (response.headSent) {
      response.abort(errorOf(error));
      return;
    }
    const shown = this.#failure === undefined ? error : undefined;
    this.#failure ??= { error };
    respondPlainly(this, this.#handler, shown);
  }

  /** Ends a request whose client has disconnected: nothing that the handler still writes can be sent. */
  #endIfGone(): void {
    if (this.response.gone === undefined || this.response.ended) return;
    this.response.end();
  }

  /** Handles the rejection of a step that is not awaited; a subclass may have made the step asynchronous. */
  #watch(step: unknown): void {
    if (isThenable(step)) reportRejection(step, (error) => this.failed(error));
  }
}

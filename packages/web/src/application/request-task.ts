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
 * The life of one request: finds its handler, calls it in order, and catches all that it throws.
 *
 * A handler that does not wait is answered without a promise, a closure or a timer being made.
 */
export class RequestTask implements HTTPMessageDelegate, HandlerContext {
  readonly application: Application;
  readonly response: ResponseDraft;
  request!: HTTPServerRequest;
  pathArgs: readonly (string | undefined)[] = NO_ARGS;
  #match!: RouteMatch;
  #handler: RequestHandler | undefined = undefined;
  #chunks: Uint8Array[] | undefined = undefined;
  /** A promise of the handler is being waited for. */
  #waiting = false;
  /** An error page is being made: if that fails too, a plain one must do. */
  #failing = false;
  #closeHeard = false;
  #pathParams: PathParams | undefined = undefined;

  constructor(application: Application, exchange: HTTPServerExchange) {
    this.application = application;
    this.response = new ResponseDraft(exchange, application.defaultHeaders);
  }

  // ---- the message, called by its connection ----

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
    // The connection has refused the body with this status, which the log is to have.
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

  // ---- what the path said, and the answer, called by its handler ----

  get pathParams(): PathParams {
    this.#pathParams ??= paramsOf(this.#match.groups?.groups);
    return this.#pathParams;
  }

  answered(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    try {
      this.#watchHook(this.application.logRequest(handler), 'logFunction failed');
    } catch (error) {
      this.application.logger.error({ error }, 'logFunction failed');
    }
    try {
      this.#watchHook(handler.onFinish(), 'onFinish failed');
    } catch (error) {
      this.application.logger.error({ error }, 'onFinish failed');
    }
  }

  /** Turns an error of the handler into an answer, or into the connection's end once the head is out. */
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

  /** All that comes before the verb. A promise is returned, which never rejects, where `prepare` waits. */
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

  /** Goes on when a step has settled, unless there is a response by then. */
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
    // Prepare has answered, or failed.
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

  /** Waits for a step. With `finishes` the answer is complete after it. Never rejects. */
  async #settle(step: PromiseLike<unknown>, finishes?: RequestHandler): Promise<void> {
    this.#waiting = true;
    try {
      await step;
      if (finishes !== undefined && !this.response.ended) this.#watch(finishes.finish());
    } catch (error) {
      this.failed(error);
    }
    this.#waiting = false;
    // Without a verb to come, nobody else would end it. A complete request still gets its verb: it may be a beacon.
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

  // ---- what goes wrong ----

  #finishWith(handler: RequestHandler, { chunk }: Finish): void {
    try {
      this.#watch(handler.finish(chunk));
    } catch (error) {
      this.failed(error);
    }
  }

  /** The last resort: the handler could not be made, or could not even make its error page. */
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
   * The handler gave up because its client has ended its side, which is no error. The client may still read: it gets a
   * 499, or sees that the response is incomplete if its headers were sent.
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

  /** Ends the life of a request whose peer is gone: nothing that its handler still does can be an answer. */
  #endIfGone(): void {
    if (this.response.gone === undefined || this.response.ended) return;
    this.response.finish();
    this.answered();
  }

  #log(error: unknown): void {
    const { logger, settings } = this.application;
    if (this.#isOfClosing(error)) {
      // Without an access log nothing else tells of a 499.
      const { gone, ended } = this.response;
      const isOnlyRecord = gone === undefined && !ended && settings.logFunction === undefined;
      logger[isOnlyRecord ? 'info' : 'debug']({ error }, 'a handler failed after its peer had left');
      return;
    }
    const handler = this.#handler;
    if (handler === undefined) logger.error({ error }, 'a handler could not be made');
    else this.#callHook(() => handler.logException(error));
  }

  /** Whether an error only repeats that the peer has left, which is nobody's fault. */
  #isOfClosing(error: unknown): boolean {
    const { closeReason } = this.request;
    if (closeReason === undefined) return false;
    if (this.response.gone !== undefined) return true;
    return isCancellation(error, closeReason);
  }

  #callHook(hook: () => unknown): void {
    callReporting(hook, undefined, (error) =>
      this.application.logger.error({ error }, 'a hook of a handler failed'),
    );
  }

  /** A step that is not waited for, and that a subclass may have made asynchronous: its failure is the handler's. */
  #watch(step: unknown): void {
    if (isThenable(step)) reportRejection(step, (error) => this.failed(error));
  }

  /** As {@link #callHook}, without a closure for a hook that is synchronous. */
  #watchHook(result: unknown, message: string): void {
    if (!isThenable(result)) return;
    reportRejection(result, (error) => this.application.logger.error({ error }, message));
  }
}

/** Without a prototype, since the names of a regular expression may be any. */
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

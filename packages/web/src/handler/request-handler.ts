// This room knows what a handler can do with its request and response, and the handlers that are ready to use. It does not know
// how a handler is found, or in which order its methods are called; of the application it knows the type alone.

import type { HTTPHeaders, HTTPServerExchange } from '@landspout/http1';
import { type OptionNames, optionsProblem } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isThenable, reportRejection } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import type { Application } from '../application/application.ts';
import { type Chunk, HTTPError, WebUsageError } from '../errors.ts';
import {
  type ArgumentOptions,
  everyArgument,
  jsonOf,
  lastArgument,
  type SingleRest,
  withoutControls,
} from '../request/arguments.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import { printable, requestSummary } from '../request/log-text.ts';
import {
  applyPreconditions,
  type CurrentValidators,
  listsEntityTag,
  reads,
  requirePreconditions,
} from '../response/conditional.ts';
import { bodyEntityTag, errorPage, type HeaderValue } from '../response/response-draft.ts';
import { uriReference } from '../response/uri-reference.ts';
import type { HandlerContext, PathParams, RouteUse } from './lifecycle.ts';

/** The verbs that a handler may define without further ado. */
const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'DELETE', 'PATCH', 'PUT', 'OPTIONS'];

/** What a hook that may wait returns. */
export type Awaitable = void | PromiseLike<void>;

export interface RedirectOptions {
  /** Whether the move is for good: 301 instead of 302. Default false. */
  readonly permanent?: boolean;
  /** Another status, 300 to 399. */
  readonly status?: number;
}

const REDIRECT_OPTIONS: OptionNames<RedirectOptions> = { permanent: true, status: true };

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
export class RequestHandler<Pattern extends string = string> {
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
  readonly request: HTTPServerRequest;
  readonly #context: HandlerContext;

  /** For the application. Use {@link initialize} for what a handler is given. */
  constructor(context: HandlerContext) {
    this.application = context.application;
    this.request = context.request;
    this.#context = context;
  }

  // ---- what a subclass writes ----

  get?(): Awaitable;
  head?(): Awaitable;
  post?(): Awaitable;
  delete?(): Awaitable;
  patch?(): Awaitable;
  put?(): Awaitable;
  options?(): Awaitable;

  /** Changes the headers that each answer of this class starts with. Called before anything else, and by {@link clear}. */
  setDefaultHeaders(): void {}

  /** Takes what the route gives to its handlers. If it returns a promise, that is awaited before {@link prepare}. */
  initialize(_init: object): Awaitable {}

  /** Runs before every verb. An answer that is finished here is the answer: the verb does not run. */
  prepare(): Awaitable {}

  /** Is given a piece of the body, yours to keep. No more is read until the promise settles. See {@link streamRequestBody}. */
  dataReceived(_chunk: Uint8Array): Awaitable {}

  /** Runs once, when the answer is complete or the peer has left and the handler is done. Nothing more can be sent. */
  onFinish(): Awaitable {}

  /**
   * Called at most once, when the peer has left before the answer was complete, or with `reason.code`
   * `ERR_HTTP_PEER_ENDED` when its writing side has ended. The handler runs on; give {@link signal} to what it waits for.
   */
  onConnectionClose(_reason: Error): Awaitable {}

  // ---- the request ----

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

  /**
   * The last value of an argument, from the body or else the query.
   *
   * @param rest - what stands for a missing argument, and options.
   * @throws MissingArgumentError `ERR_WEB_MISSING_ARGUMENT` (400) when it is missing and there is no fallback.
   * @throws HTTPError 400 for an invalid query or form, such as one with a broken escape.
   */
  getArgument<Fallback = never>(name: string, ...rest: SingleRest<Fallback>): string | Fallback {
    return lastArgument(this, this.request.arguments, name, rest);
  }

  /** As {@link getArgument}, of the query only. */
  getQueryArgument<Fallback = never>(name: string, ...rest: SingleRest<Fallback>): string | Fallback {
    return lastArgument(this, this.request.queryArguments, name, rest);
  }

  /** As {@link getArgument}, of an urlencoded body only. */
  getBodyArgument<Fallback = never>(name: string, ...rest: SingleRest<Fallback>): string | Fallback {
    return lastArgument(this, this.request.bodyArguments, name, rest);
  }

  /** Every value of an argument, those of the query first; none where it is missing. */
  getArguments(name: string, options?: ArgumentOptions): string[] {
    return everyArgument(this, this.request.arguments, name, options);
  }

  /** As {@link getArguments}, of the query only. */
  getQueryArguments(name: string, options?: ArgumentOptions): string[] {
    return everyArgument(this, this.request.queryArguments, name, options);
  }

  /** As {@link getArguments}, of an urlencoded body only. */
  getBodyArguments(name: string, options?: ArgumentOptions): string[] {
    return everyArgument(this, this.request.bodyArguments, name, options);
  }

  /**
   * The body as JSON, whatever its Content-Type says. A `__proto__` in it is a plain property.
   *
   * @throws HTTPError 400 where it is none.
   */
  getJsonBody(): unknown {
    return jsonOf(this.request.body);
  }

  /** Has the last word on each value, before it is stripped: makes controls spaces. Override to check values. */
  decodeArgument(value: string, _name: string): string {
    return withoutControls(value);
  }

  // ---- the response ----

  /** The status that is or will be sent. */
  get status(): number {
    return this.#context.response.status;
  }

  /** Whether the head was sent, so that status and headers can no longer change. */
  get headSent(): boolean {
    return this.#context.response.headSent;
  }

  /** Whether the answer is complete, was cut, or was given away by {@link detach}. */
  get finished(): boolean {
    return this.#context.response.ended;
  }

  /**
   * Sets the status.
   *
   * @param status - 200 to 599. Interim ones are not answers.
   * @param reason - a phrase of your own; one with controls or HTML in it is replaced by the registered one.
   * @throws WebUsageError `ERR_WEB_USAGE`; `ERR_WEB_HEAD_SENT` once the head was sent.
   */
  setStatus(status: number, reason = ''): void {
    this.#context.response.setStatus(status, reason);
  }

  /**
   * Sets a header, in place of all its values.
   *
   * @throws Http1UsageError for a name or value that must not reach the wire, such as one with a line end.
   * @throws WebUsageError `ERR_WEB_USAGE` for another type; `ERR_WEB_HEAD_SENT` once the head was sent.
   */
  setHeader(name: string, value: HeaderValue): void {
    this.#context.response.setHeader(name, value);
  }

  /** Adds one more value of a header. Throws as {@link setHeader}. */
  addHeader(name: string, value: HeaderValue): void {
    this.#context.response.addHeader(name, value);
  }

  /** Removes all values of a header. */
  clearHeader(name: string): void {
    this.#context.response.clearHeader(name);
  }

  /** Forgets status, headers and what was written, and sets the default headers again. */
  clear(): void {
    const { response } = this.#context;
    response.requireUnsent('clear');
    response.reset();
    reportRejection(this.setDefaultHeaders(), (error) => this.#context.failed(error));
  }

  /**
   * Writes a piece of the body. It is kept until {@link flush} or the end of the handler.
   *
   * @param chunk - an object is sent as JSON, with that Content-Type. A list is refused, since old browsers ran one
   *   that another site had asked for: wrap it in an object.
   * @throws WebUsageError `ERR_WEB_USAGE` for anything else, such as a promise; `ERR_WEB_FINISHED`.
   */
  write(chunk: Chunk): void {
    const becameJson = this.#context.response.write(chunk);
    if (becameJson && !this.headSent) this.setHeader('Content-Type', 'application/json; charset=UTF-8');
  }

  /**
   * Sends the head, if that is still to be done, and what was written.
   *
   * The first call evaluates the preconditions of a GET or HEAD as {@link finish} does, against the `ETag` and
   * `Last-Modified` that the handler has set. After a 304 the handler may go on: what it writes is dropped.
   *
   * @returns when the peer has taken so much that writing more makes sense. Awaiting it is what bounds the memory of
   *   a long answer. It rejects once the peer has left; ignoring that is safe.
   * @throws WebUsageError `ERR_WEB_FINISHED`; `ERR_WEB_BODY_FORBIDDEN` for a 204, 205 or 304 with a body.
   * @throws HTTPError 412 if a precondition failed; nothing has been sent.
   */
  flush(): Promise<void> {
    const { response } = this.#context;
    applyPreconditions(this.request, response);
    return response.flush();
  }

  /**
   * Completes the answer. Called by itself when the handler returns or its promise resolves.
   *
   * A 200 to GET or HEAD that was not flushed gets an `ETag` from {@link computeEtag}, unless the handler has set one.
   * The preconditions of a GET or HEAD are then evaluated against `ETag` and `Last-Modified` of a response with a 2xx
   * status (RFC 9110 §13.2.2): it becomes a 304 if the client has that version, and a 412 if If-Match or
   * If-Unmodified-Since fails. For other methods see {@link checkPreconditions}.
   *
   * @throws WebUsageError as {@link write} and {@link flush}.
   * @throws HTTPError 412 if a precondition failed; nothing has been sent, and the response is not complete.
   */
  finish(chunk?: Chunk): void {
    const { response } = this.#context;
    if (chunk !== undefined) this.write(chunk);
    if (response.status === 200 && !response.headSent && reads(this.request)) this.#tag();
    applyPreconditions(this.request, response);
    response.finish();
    this.#context.answered();
  }

  /**
   * Responds with a redirect.
   *
   * @param url - absolute or relative. What no URI has, such as blanks, quotes and characters beyond ASCII, is
   *   percent-encoded, and escapes that are there stay (RFC 9110 §10.2.2, RFC 3986). Where it leads is not checked:
   *   never pass on a URL that the client chose.
   * @throws Http1UsageError `ERR_HTTP1_HEADER_VALUE` for a CR, LF or NUL; nothing was sent.
   * @throws WebUsageError `ERR_WEB_USAGE`, `ERR_WEB_HEAD_SENT`.
   */
  redirect(url: string, options: RedirectOptions = {}): void {
    const unknown = optionsProblem(options, REDIRECT_OPTIONS);
    if (unknown !== undefined) throw new WebUsageError('ERR_WEB_USAGE', `redirect: ${unknown}`);
    const status = options.status ?? (options.permanent === true ? 301 : 302);
    this.#context.response.requireStatus('redirect', status, 300, 399);
    if (typeof url !== 'string') {
      throw new WebUsageError('ERR_WEB_USAGE', `redirect: a URL was expected as text, not ${typeof url}`);
    }
    this.setHeader('Location', uriReference(url));
    this.setStatus(status);
    this.finish();
  }

  /**
   * The version of what was written, as an entity tag with its quotes; undefined for none. A tag that the handler has
   * set itself comes first. Override to take it from somewhere cheaper, or to have none.
   */
  computeEtag(): string | undefined {
    return bodyEntityTag(this.#context.response);
  }

  /**
   * Throws if a precondition of the request fails (RFC 9110 §13). Call it in `put`, `patch`, `delete` or `post`, before
   * anything is changed and after all other checks: a request that would be refused anyway is refused for that reason
   * (§13.2.1). For a GET or HEAD, {@link finish} and {@link flush} do it; calling it earlier saves the work of a
   * response that is not sent. Between this call and the change nothing may be awaited that lets another request in,
   * unless the storage compares once more. Which fields fail when: see {@link CurrentValidators}.
   *
   * @param current - the state before the change. With neither `etag` nor `lastModified` the target has no current
   *   representation.
   * @throws HTTPError 412 if one fails: nothing was sent, and thrown on it becomes the response.
   * @throws WebUsageError `ERR_WEB_USAGE` for a tag without its quotes, and for an invalid date.
   *
   * @example
   * override async put() {
   *   const page = await pages.find(this.pathParams.name);
   *   this.checkPreconditions({ etag: page && `"${page.version}"` });
   *   await pages.replace(this.pathParams.name, page?.version, this.request.body);
   * }
   */
  checkPreconditions(current: CurrentValidators): void {
    requirePreconditions(this.request, current);
  }

  /** Whether the peer has the version that `ETag` names, so that a 304 is enough. */
  checkEtag(): boolean {
    const tag = this.#context.response.header('ETag');
    const field = this.request.headers.get('If-None-Match');
    return tag !== undefined && field !== undefined && listsEntityTag(field, tag);
  }

  /**
   * Takes the connection over: no more HTTP happens on it, and `onFinish` is not called. Nothing of an answer may have
   * been sent. What the peer sent behind its head comes first.
   *
   * @param onStopping - called once when the server begins to stop (`HTTPServer.stop`), which then waits for the
   *   stream to be closed.
   * @returns the stream; yours to close.
   * @throws WebUsageError `ERR_WEB_HEAD_SENT`, `ERR_WEB_FINISHED`; HTTPUsageError when the connection is gone.
   */
  detach(onStopping?: () => void): IOStream {
    return this.#context.response.detach(onStopping);
  }

  /** The headers as they stand, for a handler that writes its own head after {@link detach}. */
  protected get responseHeaders(): HTTPHeaders {
    return this.#context.response.headers;
  }

  /** The way below this class, for handlers that speak another protocol. */
  protected get exchange(): HTTPServerExchange {
    return this.#context.response.exchange;
  }

  // ---- errors ----

  /**
   * Answers with an error page, in place of all that was written and set before. Once the head was sent it cuts the
   * connection instead, so that the peer does not take half an answer for a whole one.
   *
   * @param status - 400 to 599.
   * @param error - what happened; its headers and reason are used where it is an {@link HTTPError}.
   */
  sendError(status = 500, error?: unknown): void {
    const { response } = this.#context;
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

  #tag(): void {
    if (this.#context.response.header('ETag') !== undefined) return;
    const tag = this.computeEtag();
    if (tag !== undefined) this.setHeader('ETag', tag);
  }

  #finishError(): unknown {
    return this.finished ? undefined : this.finish();
  }
}

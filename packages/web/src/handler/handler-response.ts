import { formatHttpDate, type HTTPHeaders, type HTTPServerExchange, jsonText } from '@landspout/http1';
import { reportRejection } from '@landspout/ioloop';
import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import type { IOStream } from '@landspout/iostream';
import { type Chunk, HTTPError, WebUsageError } from '../errors.ts';
import {
  evaluatePreconditions,
  isEntityTag,
  listsEntityTag,
  type Representation,
  representationOf,
} from '../response/conditional.ts';
import { bodyEntityTag, type ResponseDraft } from '../response/response-draft.ts';
import { uriReference } from '../response/uri-reference.ts';
import { HandlerArguments } from './handler-arguments.ts';
import type { HandlerContext } from './handler-context.ts';

/** A date becomes an HTTP date. */
export type HeaderValue = string | number | Date;

export interface RedirectOptions {
  /** Whether the move is for good: 301 instead of 302. Default false. */
  readonly permanent?: boolean;
  /** Another status, 300 to 399. */
  readonly status?: number;
}

/** What a handler knows of the current representation of its target, for `checkPreconditions`. */
export interface CurrentValidators {
  /** Its entity tag with the quotes, such as `"v1"` or `W/"v1"`. null or undefined if it has none. */
  readonly etag?: string | null | undefined;
  /** When it was modified last; milliseconds are ignored. null or undefined if that is not known. */
  readonly lastModified?: Date | null | undefined;
}

const REDIRECT_OPTIONS: OptionNames<RedirectOptions> = { permanent: true, status: true };

/** How a handler answers: the part of `RequestHandler` for status, headers and body. */
export abstract class HandlerResponse extends HandlerArguments {
  readonly #context: HandlerContext;
  readonly #response: ResponseDraft;

  constructor(context: HandlerContext) {
    super(context);
    this.#context = context;
    this.#response = context.response;
  }

  /** The status that is or will be sent. */
  get status(): number {
    return this.#response.status;
  }

  /** Whether the head was sent, so that status and headers can no longer change. */
  get headSent(): boolean {
    return this.#response.headSent;
  }

  /** Whether the answer is complete, was cut, or was given away by {@link detach}. */
  get finished(): boolean {
    return this.#response.ended;
  }

  /**
   * Sets the status.
   *
   * @param status - 200 to 599. Interim ones are not answers.
   * @param reason - a phrase of your own; one with controls or HTML in it is replaced by the registered one.
   * @throws WebUsageError `ERR_WEB_USAGE`; `ERR_WEB_HEAD_SENT` once the head was sent.
   */
  setStatus(status: number, reason = ''): void {
    this.#response.requireUnsent('setStatus');
    requireStatus('setStatus', status, 200, 599);
    this.#response.status = status;
    this.#response.reason = reason;
  }

  /**
   * Sets a header, in place of all its values.
   *
   * @throws Http1UsageError for a name or value that must not reach the wire, such as one with a line end.
   * @throws WebUsageError `ERR_WEB_USAGE` for another type; `ERR_WEB_HEAD_SENT` once the head was sent.
   */
  setHeader(name: string, value: HeaderValue): void {
    this.#response.requireUnsent('setHeader');
    const text = headerText(name, value);
    this.#response.headers.set(name, text);
  }

  /** Adds one more value of a header. Throws as {@link setHeader}. */
  addHeader(name: string, value: HeaderValue): void {
    this.#response.requireUnsent('addHeader');
    const text = headerText(name, value);
    this.#response.headers.add(name, text);
  }

  /** Removes all values of a header. */
  clearHeader(name: string): void {
    this.#response.requireUnsent('clearHeader');
    if (this.#response.header(name) !== undefined) this.#response.headers.delete(name);
  }

  /** Forgets status, headers and what was written, and sets the default headers again. */
  clear(): void {
    this.#response.requireUnsent('clear');
    this.#response.reset();
    reportRejection(this.setDefaultHeaders(), (error) => this.#context.failed(error));
  }

  /** Changes the headers that each answer of this class starts with. Called before anything else, and by {@link clear}. */
  setDefaultHeaders(): void {}

  /**
   * Writes a piece of the body. It is kept until {@link flush} or the end of the handler.
   *
   * @param chunk - an object is sent as JSON, with that Content-Type. A list is refused, since old browsers ran one
   *   that another site had asked for: wrap it in an object.
   * @throws WebUsageError `ERR_WEB_USAGE` for anything else, such as a promise; `ERR_WEB_FINISHED`.
   */
  write(chunk: Chunk): void {
    this.#response.requireUnfinished('write');
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) {
      this.#response.append(chunk);
      return;
    }
    const json = Array.isArray(chunk) ? undefined : jsonText(chunk);
    if (json === undefined) throw unwritable(chunk);
    if (!this.#response.headSent) this.setHeader('Content-Type', 'application/json; charset=UTF-8');
    this.#response.append(json);
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
    this.#applyPreconditions();
    return this.#response.flush();
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
    const response = this.#response;
    if (chunk !== undefined) this.write(chunk);
    if (response.status === 200) this.#tag();
    this.#applyPreconditions();
    response.finish();
    this.#context.answered();
  }

  /**
   * Responds with a redirect.
   *
   * @param url - absolute or relative. What no URI has, such as blanks, quotes and characters beyond ASCII, is
   *   percent-encoded, and escapes that are there stay (RFC 9110 §10.2.2, RFC 3986). Where it leads is not checked:
   *   never pass on a URL that the client chose.
   * @throws Http1UsageError `ERR_HTTP1_HEADER_VALUE` for a CR, LF or NUL, which nobody means; nothing was sent.
   * @throws WebUsageError `ERR_WEB_USAGE`, `ERR_WEB_HEAD_SENT`.
   */
  redirect(url: string, options: RedirectOptions = {}): void {
    const unknown = optionsProblem(options, REDIRECT_OPTIONS);
    if (unknown !== undefined) throw new WebUsageError('ERR_WEB_USAGE', `redirect: ${unknown}`);
    this.#response.requireUnsent('redirect');
    const status = options.status ?? (options.permanent === true ? 301 : 302);
    requireStatus('redirect', status, 300, 399);
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
    return bodyEntityTag(this.#response);
  }

  /**
   * Throws if a precondition of the request fails (RFC 9110 §13). Call it in `put`, `patch`, `delete` or `post`, before
   * anything is changed and after all other checks: a request that would be refused anyway is refused for that reason
   * (§13.2.1). For a GET or HEAD, {@link finish} and {@link flush} do it; calling it earlier saves the work of a
   * response that nobody gets. Between this call and the change nothing may be awaited that lets another request in,
   * unless the storage compares once more.
   *
   * In the order of §13.2.2:
   * 1. If-Match fails unless one of its tags equals `etag`, neither of them weak. `*` fails if there is no current
   *    representation.
   * 2. If-Unmodified-Since, without If-Match, fails if `lastModified` is later.
   * 3. If-None-Match fails if one of its tags equals `etag`, weak or not. `*` fails if there is a current
   *    representation, so that with it a PUT only ever creates.
   *
   * A date that is no HTTP-date, and one without a `lastModified` to compare with, is ignored. For GET and HEAD a
   * failing If-None-Match, like If-Modified-Since, is a 304 and left to {@link finish}. OPTIONS, CONNECT and TRACE
   * have no preconditions.
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
    const { method, headers } = this.request;
    if (evaluatePreconditions(method, headers, representation(current), Date.now()) === 'failed')
      throw new HTTPError(412);
  }

  /** Whether the peer has the version that `ETag` names, so that a 304 is enough. */
  checkEtag(): boolean {
    const tag = this.#response.header('ETag');
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
    return this.#response.detach(onStopping);
  }

  /** The headers as they stand, for a handler that writes its own head after {@link detach}. */
  protected get responseHeaders(): HTTPHeaders {
    return this.#response.headers;
  }

  /** The way below this class, for handlers that speak another protocol. */
  protected get exchange(): HTTPServerExchange {
    return this.#response.exchange;
  }

  #tag(): void {
    const response = this.#response;
    if (response.headSent || !this.#reads() || response.header('ETag') !== undefined) return;
    const tag = this.computeEtag();
    if (tag !== undefined) this.setHeader('ETag', tag);
  }

  /** Only for a success: what else a response says, it says whatever the conditions are (RFC 9110 §13.2.1). */
  #applyPreconditions(): void {
    const response = this.#response;
    const { status } = response;
    if (response.headSent || response.gone !== undefined || status < 200 || status > 299) return;
    if (!this.request.mayHavePrecondition || !this.#reads()) return;
    const nowMs = Date.now();
    const current = representationOf(response.headers, nowMs);
    const result = evaluatePreconditions(this.request.method, this.request.headers, current, nowMs);
    if (result === 'failed') throw new HTTPError(412);
    if (result === 'not-modified') response.becomeNotModified();
  }

  #reads(): boolean {
    const { method } = this.request;
    return method === 'GET' || method === 'HEAD';
  }
}

/** undefined if there is none. */
function representation(current: CurrentValidators): Representation | undefined {
  const etag = current.etag ?? undefined;
  const lastModified = current.lastModified ?? undefined;
  if (etag !== undefined && !(typeof etag === 'string' && isEntityTag(etag))) {
    throw preconditionUsage(
      `etag: an entity tag with its quotes was expected, such as '"v1"', not ${String(etag)}`,
    );
  }
  if (lastModified === undefined) return etag === undefined ? undefined : { etag, lastModifiedMs: undefined };
  const modifiedMs = lastModified instanceof Date ? lastModified.getTime() : Number.NaN;
  if (Number.isNaN(modifiedMs)) {
    throw preconditionUsage(`lastModified: a valid Date was expected, not ${String(lastModified)}`);
  }
  return { etag, lastModifiedMs: Math.floor(modifiedMs / 1000) * 1000 };
}

function preconditionUsage(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', `checkPreconditions: ${problem}`);
}

function requireStatus(operation: string, status: number, least: number, most: number): void {
  if (Number.isInteger(status) && status >= least && status <= most) return;
  const problem = `a status of ${least} to ${most} was expected, not ${shownValue(status)}`;
  throw new WebUsageError('ERR_WEB_USAGE', `${operation}: ${problem}`);
}

function headerText(name: string, value: HeaderValue): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (value instanceof Date) return formatHttpDate(value.getTime());
  throw new WebUsageError(
    'ERR_WEB_USAGE',
    `header ${name}: a string, number or date was expected, not ${shownValue(value)}`,
  );
}

function unwritable(chunk: unknown): WebUsageError {
  const expected = 'text, a Uint8Array or a plain object was expected';
  return new WebUsageError(
    'ERR_WEB_USAGE',
    `write: ${expected}, not ${shownValue(chunk)}${remedyFor(chunk)}`,
  );
}

function remedyFor(chunk: unknown): string {
  if (Array.isArray(chunk)) return ' (wrap it in an object: { items: [] })';
  if (chunk instanceof Map) return ' (Object.fromEntries makes an object of it)';
  if (chunk instanceof Set) return ' (wrap it in an object: { items: [...set] })';
  if (typeof chunk === 'function') return ' (call it?)';
  return typeof chunk === 'number' || typeof chunk === 'bigint' ? ' (String makes text of it)' : '';
}

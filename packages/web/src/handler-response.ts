import { formatHttpDate, type HTTPHeaders, type HTTPServerExchange } from '@landspout/http1';
import type { IOStream } from '@landspout/iostream';
import { bodyEntityTag, listsEntityTag } from './entity-tag.ts';
import { WebUsageError } from './errors.ts';
import { HandlerArguments } from './handler-arguments.ts';
import type { HandlerContext } from './handler-context.ts';
import type { ResponseDraft } from './response-draft.ts';

/** Text is sent as UTF-8; an object as JSON. Bytes belong to the answer from here on. */
export type Chunk = string | Uint8Array | object;

/** A date becomes an HTTP date. */
export type HeaderValue = string | number | Date;

export interface RedirectOptions {
  /** Whether the move is for good: 301 instead of 302. Default false. */
  readonly permanent?: boolean;
  /** Another status, 300 to 399. */
  readonly status?: number;
}

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
    this.setDefaultHeaders();
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
    const json = jsonText(chunk);
    if (!this.#response.headSent) this.setHeader('Content-Type', 'application/json; charset=UTF-8');
    this.#response.append(json);
  }

  /**
   * Sends the head, if that is still to be done, and what was written.
   *
   * @returns when the peer has taken so much that writing more makes sense. Awaiting it is what bounds the memory of
   *   a long answer. It rejects once the peer has left; ignoring that is safe.
   * @throws WebUsageError `ERR_WEB_FINISHED`; `ERR_WEB_BODY_FORBIDDEN` for a 204, 205 or 304 with a body.
   */
  flush(): Promise<void> {
    return this.#response.flush();
  }

  /**
   * Completes the answer. Called by itself when the handler returns or its promise resolves.
   *
   * An answer that was not flushed gets an `ETag` from {@link computeEtag} where it is a 200 to GET or HEAD, and
   * becomes a 304 where the peer has that version.
   *
   * @throws WebUsageError as {@link write} and {@link flush}.
   */
  finish(chunk?: Chunk): void {
    const response = this.#response;
    if (chunk !== undefined) this.write(chunk);
    if (!response.headSent && response.status === 200) this.#tag();
    response.finish();
    this.#context.answered();
  }

  /**
   * Answers with a redirect.
   *
   * @param url - characters beyond ASCII are escaped. It is not checked: never pass on one that the peer chose.
   * @throws Http1UsageError for line ends and controls; WebUsageError `ERR_WEB_USAGE`, `ERR_WEB_HEAD_SENT`.
   */
  redirect(url: string, options: RedirectOptions = {}): void {
    this.#response.requireUnsent('redirect');
    const status = options.status ?? (options.permanent === true ? 301 : 302);
    requireStatus('redirect', status, 300, 399);
    this.setHeader(
      'Location',
      url.replace(/[\u0080-\uffff]+/g, (text) => percentBytes(text)),
    );
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
    const { method } = this.request;
    if (method !== 'GET' && method !== 'HEAD') return;
    if (this.#response.header('ETag') === undefined) {
      const tag = this.computeEtag();
      if (tag === undefined) return;
      this.setHeader('ETag', tag);
    }
    if (this.checkEtag()) this.#response.becomeNotModified();
  }
}

function requireStatus(operation: string, status: number, least: number, most: number): void {
  if (Number.isInteger(status) && status >= least && status <= most) return;
  const problem = `a status of ${least} to ${most} was expected, not ${status}`;
  throw new WebUsageError('ERR_WEB_USAGE', `${operation}: ${problem}`);
}

function headerText(name: string, value: HeaderValue): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (value instanceof Date) return formatHttpDate(value.getTime());
  throw new WebUsageError('ERR_WEB_USAGE', `header ${name}: a string, number or date was expected`);
}

function jsonText(chunk: object): string {
  const refused =
    typeof chunk !== 'object' ||
    chunk === null ||
    Array.isArray(chunk) ||
    ArrayBuffer.isView(chunk) ||
    chunk instanceof ArrayBuffer ||
    chunk instanceof Map ||
    chunk instanceof Set ||
    typeof (chunk as { then?: unknown }).then === 'function';
  const json: string | undefined = refused ? undefined : JSON.stringify(chunk);
  if (json === undefined) {
    throw new WebUsageError('ERR_WEB_USAGE', 'write: text, a Uint8Array or a plain object was expected');
  }
  return json;
}

function percentBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex').replace(/../g, '%$&').toUpperCase();
}

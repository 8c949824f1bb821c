import { formatHttpDate, type HTTPHeaders } from '@landspout/http1';
import { shownValue } from '@landspout/ioloop/errors';
import { isThenable } from '@landspout/ioloop/reactor';
import { disown, WebUsageError, webChecks } from '../errors.ts';

/** The value of a header. A Date is sent as an HTTP-date. */
export type HeaderValue = string | number | Date;

/** RFC 9110 §15.3.5, §15.3.6, §15.4.5: responses with these statuses have no content. */
export const isBodiless = (status: number) => status === 204 || status === 205 || status === 304;

/**
 * Status and headers of one response, until they are sent. It is the base of the response and not an object of its own,
 * because one is created for every request.
 */
export abstract class ResponseHead {
  status = 200;
  /** The reason phrase; '' for the registered one. */
  reason = '';
  /** The default headers, shared by all responses of an application; copied when a response changes a header. */
  readonly #defaults: HTTPHeaders;
  #headers: HTTPHeaders | undefined = undefined;
  #hooks: ((response: this) => void)[] | undefined = undefined;
  /** Whether the head is that of a mounted delegate, which is sent as it is. */
  #isPassed = false;

  constructor(defaults: HTTPHeaders) {
    this.#defaults = defaults;
  }

  /** @throws WebUsageError `ERR_WEB_FINISHED` or `ERR_WEB_HEAD_SENT`. */
  abstract requireUnsent(operation: string): void;

  /** The headers, for changing them. */
  get headers(): HTTPHeaders {
    this.#headers ??= this.#defaults.copy();
    return this.#headers;
  }

  /** The current headers. They must not be changed, because they may be shared by all responses. */
  get presentHeaders(): HTTPHeaders {
    return this.#headers ?? this.#defaults;
  }

  /** Returns one header without copying the default headers. */
  header(name: string): string | undefined {
    return (this.#headers ?? this.#defaults).get(name);
  }

  /** @throws WebUsageError like `RequestHandler.setStatus`. */
  setStatus(status: number, reason: string): void {
    this.requireStatus('setStatus', status, 200, 599);
    this.status = status;
    this.reason = reason;
  }

  setHeader(name: string, value: HeaderValue): void {
    this.requireUnsent('setHeader');
    const text = headerText(name, value);
    this.headers.set(name, text);
  }

  addHeader(name: string, value: HeaderValue): void {
    this.requireUnsent('addHeader');
    const text = headerText(name, value);
    this.headers.add(name, text);
  }

  clearHeader(name: string): void {
    this.requireUnsent('clearHeader');
    if (this.header(name) !== undefined) this.headers.delete(name);
  }

  /**
   * Calls `hook` once, just before the headers are sent. It is also called for an error page, which discards all
   * headers that were set before. Hooks are called in the order in which they were added. If one throws, the response
   * becomes a 500, for which no hooks are called.
   *
   * @throws WebUsageError `ERR_WEB_HEAD_SENT`.
   */
  beforeHeaders(hook: (response: this) => void): void {
    this.requireUnsent('beforeHeaders');
    webChecks.callback('beforeHeaders', 'hook', hook);
    this.#hooks ??= [];
    this.#hooks.push(hook);
  }

  /**
   * Takes the head of another response, that of a mounted delegate. Of the default headers, only `Server` is added;
   * those that middleware has set are kept, unless the other response has them too. The hooks of {@link beforeHeaders}
   * and the cookies apply.
   *
   * @param headers - not changed, and copied if others are added.
   */
  passHead(status: number, reason: string, headers: HTTPHeaders): void {
    this.status = status;
    this.reason = reason;
    this.#headers = this.#mergedWith(headers);
    this.#isPassed = true;
  }

  /** @throws WebUsageError if the status is invalid or the headers are already sent. */
  requireStatus(operation: string, status: number, least: number, most: number): void {
    this.requireUnsent(operation);
    if (Number.isInteger(status) && status >= least && status <= most) return;
    const problem = `status must be an integer from ${least} to ${most}, got ${shownValue(status)}`;
    throw new WebUsageError('ERR_WEB_USAGE', `${operation}: ${problem}`);
  }

  // ---- for the response ----

  protected get isPassed(): boolean {
    return this.#isPassed;
  }

  protected resetHead(): void {
    this.status = 200;
    this.reason = '';
    this.#headers = undefined;
    this.#isPassed = false;
  }

  /**
   * Calls the hooks. If one throws, they are not called again: the error page would fail, too.
   *
   * @returns whether there were any.
   */
  protected callHooks(): boolean {
    const hooks = this.#hooks;
    if (hooks === undefined) return false;
    this.#hooks = undefined;
    for (const hook of hooks) callHook(hook, this);
    return true;
  }

  /** Returns the headers as they are sent. */
  protected takeHeadersToSend(): HTTPHeaders {
    if (this.#isPassed || !isBodiless(this.status)) return this.#headers ?? this.#defaults;
    const { headers } = this;
    for (const name of ['Content-Type', 'Content-Language', 'Content-Encoding']) headers.delete(name);
    return headers;
  }

  /** The headers of another response, and those that were set here before. */
  #mergedWith(headers: HTTPHeaders): HTTPHeaders {
    const own = this.#headers;
    if (own === undefined) {
      const server = this.#defaults.get('Server');
      return server === undefined || headers.has('Server')
        ? headers.copy()
        : headers.copy().set('Server', server);
    }
    own.delete('Content-Type');
    for (const name of headers.names()) if (!isAdded(name)) own.delete(name);
    for (const [name, value] of headers.getAll()) own.add(name, value);
    return own;
  }
}

/** Whether the values of both responses are sent: cookies, and what the response depends on. */
const isAdded = (name: string) => /^(?:set-cookie|vary)$/i.test(name);

function headerText(name: string, value: HeaderValue): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (value instanceof Date) return formatHttpDate(value.getTime());
  disown(value);
  throw new WebUsageError(
    'ERR_WEB_USAGE',
    `header ${name} must be a string, a number or a Date, got ${shownValue(value)}`,
  );
}

function callHook<Response>(hook: (response: Response) => void, response: Response): void {
  const result: unknown = hook(response);
  if (!isThenable(result)) return;
  disown(result);
  const problem = 'the hook must be synchronous, but it returned a promise';
  throw new WebUsageError('ERR_WEB_USAGE', `beforeHeaders: ${problem}`);
}

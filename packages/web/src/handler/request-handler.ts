// What a handler can do with its request and response, and the handlers that are ready to use. The code in
// `application/` finds the handler and calls its methods; only types are imported from there.

import type { HTTPHeaders, HTTPServerExchange, SetCookieOptions, StopNotice } from '@landspout/http1';
import type { Logger } from '@landspout/ioloop';
import { type OptionNames, optionsProblem } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isThenable, reportRejection } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import type { Application, ReverseRest } from '../application/application.ts';
import type { ApplicationSettings, StaticUrlOptions } from '../application/settings.ts';
import type { Cookies, ReadCookieOptions } from '../cookies/cookies.ts';
import type { ClearCookieOptions, SecretCookieOptions } from '../cookies/response-cookies.ts';
import { type Chunk, disown, HTTPError, WebUsageError, webChecks } from '../errors.ts';
import type { CursorSource } from '../event-stream/cursor-source.ts';
import type { CursorStreamOptions, EventStreamOptions } from '../event-stream/event-stream-options.ts';
import { type EventStreamSource, serveEventStream } from '../event-stream/serve-event-stream.ts';
import { html } from '../html/html.ts';
import { Html } from '../html/html-value.ts';
import type { Locale } from '../locale/locale.ts';
import {
  type ArgumentOptions,
  everyArgument,
  lastArgument,
  type SingleRest,
  withoutControls,
} from '../request/arguments.ts';
import type { UploadedFile } from '../request/files.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import { jsonOf } from '../request/json.ts';
import { logRequestError } from '../request/log-text.ts';
import { objectOf, parseWith, parseWithAsync, type Schema, type SchemaOutput } from '../request/schema.ts';
import { unparsedBodyHint } from '../request/unparsed-body.ts';
import {
  applyPreconditions,
  type CurrentValidators,
  listsEntityTag,
  reads,
  requirePreconditions,
} from '../response/conditional.ts';
import { appendErrorPage, setErrorHead } from '../response/error-response.ts';
import type { HTTPServerResponse } from '../response/http-server-response.ts';
import type { HeaderValue } from '../response/response-head.ts';
import { uriReference } from '../response/uri-reference.ts';
import { embeddedCss, embeddedJavascript, linkedCss, linkedJavascript } from '../templates/asset-elements.ts';
import type { RenderedModule, UIModule, UIModuleClass } from '../templates/ui-module.ts';
import type {
  AnyHandler,
  HandlerContext,
  Middleware,
  PathParams,
  RequestState,
  RouteUse,
} from './lifecycle.ts';
import { type HtmlTemplate, type Page, PageRenderer, replaced } from './page-renderer.ts';
import { RequestLocale } from './request-locale.ts';

/** The methods that a handler may define by default. */
const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'DELETE', 'PATCH', 'PUT', 'OPTIONS'];

/** The return type of a method that may be asynchronous. */
export type Awaitable = void | PromiseLike<void>;

/**
 * The type that `getCurrentUser` resolves to. Each mixin that overrides the method adds a signature, and `ReturnType`
 * would only see the last one. A missing signature is inferred as `unknown`, which has no effect in the intersection.
 */
export type CurrentUser<Getter> = Getter extends {
  (): infer First;
  (): infer Second;
  (): infer Third;
  (): infer Fourth;
}
  ? Awaited<First & Second & Third & Fourth>
  : never;

export interface RedirectOptions {
  /** Whether the redirect is permanent: 301 instead of 302. Default: false. */
  readonly permanent?: boolean;
  /** A status from 300 to 399, instead of 301 or 302. */
  readonly status?: number;
}

/** Matches the Content-Types whose bodies have form fields. */
const FORM_TYPE = /^(?:application\/x-www-form-urlencoded|multipart\/form-data)\b/i;

const REDIRECT_OPTIONS: OptionNames<RedirectOptions> = { permanent: true, status: true };

/**
 * Handles one request. Write a subclass with a method for each verb; one instance is created per request.
 *
 * The calls, in order: {@link setDefaultHeaders}, {@link initialize}, {@link prepare}, the verb, {@link finish} (called
 * automatically) and {@link onFinish}. If one of them throws {@link HTTPError}, the response has its status; any other
 * error becomes a 500. An error after the headers are sent closes the connection. If there is no `head`, HEAD calls
 * `get` and sends no body. If there is no `options`, the response to OPTIONS is a 204 with `Allow`. Any other verb that
 * is not defined results in a 405, unless the handler has a method {@link all}.
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
export class RequestHandler<Pattern extends string = string, Settings extends object = ApplicationSettings> {
  /**
   * Whether the body is passed to {@link dataReceived} in pieces as it arrives, instead of being collected first. If
   * so, `prepare` runs as soon as the request head was received, and the verb after the last piece of the body.
   */
  static readonly streamRequestBody: boolean = false;

  /**
   * The HTTP methods that are allowed; GET is always allowed, even if it is not in this list. A subclass may list more,
   * such as `PROPFIND`, and handle each in a method with that name in lower case. With {@link all}, any method is
   * allowed.
   */
  static readonly supportedMethods: readonly string[] = METHODS;

  /** Runs before every handler of this class, after the middleware of the application and of the route. */
  static readonly middleware: readonly Middleware[] = [];

  /**
   * Checks how a route uses this class. Called once per route, when the application is created. Override it in a class
   * that other people use in their routes, so that a mistake in `init` is reported before the first request.
   *
   * @returns what is wrong and how to fix it, which becomes an `ERR_WEB_ROUTE`; `undefined` if nothing is wrong.
   */
  static routeProblem(_use: RouteUse): string | undefined {
    return undefined;
  }

  readonly application: Application<Settings>;
  readonly request: HTTPServerRequest;
  readonly #context: HandlerContext;
  #user: unknown = undefined;
  #hasUser = false;
  #pages: PageRenderer | undefined = undefined;
  #requestLocale: RequestLocale | undefined = undefined;

  /** Called by the application. To receive the `init` value of the route, override {@link initialize}. */
  constructor(context: HandlerContext) {
    this.application = context.application as unknown as Application<Settings>;
    this.request = context.request;
    this.#context = context;
  }

  // ---- for subclasses to define ----

  // Each method is called with the parameters of the path: one object if they have names, otherwise one argument for
  // each group of the regular expression.
  // biome-ignore-start lint/suspicious/noExplicitAny: a subclass declares the parameters of its own pattern
  get?(...args: any[]): Awaitable;
  head?(...args: any[]): Awaitable;
  post?(...args: any[]): Awaitable;
  delete?(...args: any[]): Awaitable;
  patch?(...args: any[]): Awaitable;
  put?(...args: any[]): Awaitable;
  options?(...args: any[]): Awaitable;
  /**
   * Handles every HTTP method for which the class has no method of that name, including those that
   * {@link supportedMethods} does not list.
   */
  all?(...args: any[]): Awaitable;
  // biome-ignore-end lint/suspicious/noExplicitAny: see above

  /**
   * Sets the headers that each response of this class starts with. Called before everything else, and by {@link clear}.
   */
  setDefaultHeaders(): void {}

  /** Receives the `init` value of the route. If it returns a promise, the promise is awaited before {@link prepare}. */
  initialize(_init: object): Awaitable {}

  /** Runs before every verb. If it finishes the response, the verb does not run. */
  prepare(): Awaitable {}

  /**
   * Called with each piece of the body, which the handler then owns. If it returns a promise, nothing more is read
   * until the promise settles. See {@link streamRequestBody}.
   */
  dataReceived(_chunk: Uint8Array): Awaitable {}

  /**
   * Called once, when nothing more can be sent: after the response is complete, or after the client has disconnected
   * and the handler has settled.
   */
  onFinish(): Awaitable {}

  /**
   * Called at most once: if the client disconnects before the response is complete, or if it ends its side of the
   * connection (`reason.code` is then `ERR_HTTP_PEER_ENDED`). The handler continues to run; to stop what it waits for,
   * use {@link signal}.
   */
  onConnectionClose(_reason: Error): Awaitable {}

  // ---- the request ----

  /** The named parameters of the path, decoded. A path that cannot be decoded results in a 400. */
  get pathParams(): PathParams<Pattern> {
    return this.#context.pathParams as PathParams<Pattern>;
  }

  /** The settings of the application. */
  get settings(): Settings {
    return this.application.settings;
  }

  /**
   * Builds the path of a route of this application; see `Application.reverseUrl`. If the application is mounted in
   * another, in Express or in Hono, the path includes the prefix at which it is mounted.
   */
  reverseUrl<const Path extends `/${string}`>(path: Path, ...rest: ReverseRest<Path>): string;
  reverseUrl(name: string, ...values: readonly (string | number)[]): string;
  reverseUrl(target: string, ...values: readonly unknown[]): string {
    const { request, match } = this.#context;
    return (
      request.mountPath +
      match.mountPath +
      this.application.reverseUrl(target, ...(values as (string | number)[]))
    );
  }

  /**
   * Makes the URL of a file in the folder of the setting `staticPath`. The URL contains the version of the file, so
   * that browsers keep the file for ten years: `/static/css/app.css?v=1f0e…`. Until the version is known, the URL does
   * not contain it; see `StaticFileHandler.makeStaticUrl`.
   *
   * @param path - the path of the file relative to the folder, not escaped.
   * @throws WebUsageError `ERR_WEB_USAGE` if `path` or an option is invalid, or the application has no `staticPath`.
   */
  staticUrl(path: string, options: StaticUrlOptions = {}): string {
    return this.application.staticUrl(path, options, this.#context);
  }

  /** The data that middleware has stored for this request. */
  get state(): RequestState {
    return this.#context.state;
  }

  /**
   * The logger of the application, for records about this request. If the request has an id, each record includes it as
   * `requestId`; see the middleware `requestId`. Created on first use.
   *
   * @example
   * this.log.info({ order: order.id }, 'order received');
   */
  get log(): Logger {
    return this.#context.log;
  }

  /** The groups of the route's pattern in order, decoded; undefined for a group that did not match. */
  get pathArgs(): readonly (string | undefined)[] {
    return this.#context.pathArgs;
  }

  /**
   * Aborts if the client disconnects or ends its side before the response is complete, and when `handlerTimeoutMs` has
   * passed. See `HTTPServerRequest.signal`. A handler that rejects because of this signal is not logged as an error; if
   * the client can still read, it gets a 499.
   */
  get signal(): AbortSignal {
    return this.request.signal;
  }

  /**
   * Returns the last value of an argument, from the body or else from the query.
   *
   * @param rest - an optional fallback for a missing argument, and options.
   * @throws MissingArgumentError `ERR_WEB_MISSING_ARGUMENT` (400) if the argument is missing and there is no fallback.
   * @throws HTTPError 400 if the query or form is invalid, for example because of a broken escape.
   */
  getArgument<Fallback = never>(name: string, ...rest: SingleRest<Fallback>): string | Fallback {
    return lastArgument(this, this.request.arguments, name, rest);
  }

  /** Like {@link getArgument}, from the query only. */
  getQueryArgument<Fallback = never>(name: string, ...rest: SingleRest<Fallback>): string | Fallback {
    return lastArgument(this, this.request.queryArguments, name, rest);
  }

  /** Like {@link getArgument}, from the fields of a form in the body only. */
  getBodyArgument<Fallback = never>(name: string, ...rest: SingleRest<Fallback>): string | Fallback {
    return lastArgument(this, this.request.bodyArguments, name, rest);
  }

  /**
   * Returns all values of an argument: first those from the query, then those from the body. Empty if it is missing.
   */
  getArguments(name: string, options?: ArgumentOptions): string[] {
    return everyArgument(this, this.request.arguments, name, options);
  }

  /** Like {@link getArguments}, from the query only. */
  getQueryArguments(name: string, options?: ArgumentOptions): string[] {
    return everyArgument(this, this.request.queryArguments, name, options);
  }

  /** Like {@link getArguments}, from the fields of a form in the body only. */
  getBodyArguments(name: string, options?: ArgumentOptions): string[] {
    return everyArgument(this, this.request.bodyArguments, name, options);
  }

  /**
   * Parses the body as JSON, whatever its Content-Type is. A key `__proto__` becomes a plain property.
   *
   * @throws HTTPError 400 if the body is not JSON, or has more than 512 levels of arrays and objects.
   */
  getJsonBody(): unknown {
    return jsonOf(this.request.body);
  }

  /**
   * Called with each argument value before white space is stripped. By default, it replaces control characters with
   * spaces. Override it to check or change values.
   */
  decodeArgument(value: string, _name: string): string {
    return withoutControls(value);
  }

  /**
   * Validates the body with a schema and returns the schema's output. Its input is the parsed JSON body, or the fields
   * of a form as strings (an array of strings if a field occurs several times).
   *
   * @param schema - of any library that implements Standard Schema, such as Zod or Valibot.
   * @throws HTTPError 400 if the body is neither JSON nor a valid form. 422 if it does not match the schema; for
   *   clients that accept JSON, the response has a list `errors`.
   * @throws WebUsageError `ERR_WEB_USAGE` if the schema is asynchronous: use {@link parseAsync}.
   *
   * @example
   * const { name, age } = this.parse(z.object({ name: z.string(), age: z.number() }));
   */
  parse<Given extends Schema>(schema: Given): SchemaOutput<Given> {
    return parseWith(schema, this.#parsedBody());
  }

  /** Like {@link parse}, for schemas that may be asynchronous. */
  parseAsync<Given extends Schema>(schema: Given): Promise<SchemaOutput<Given>> {
    return parseWithAsync(schema, this.#parsedBody());
  }

  /** Like {@link parse}, with the arguments of the query. */
  parseQuery<Given extends Schema>(schema: Given): SchemaOutput<Given> {
    return parseWith(schema, objectOf(this.request.queryArguments));
  }

  /**
   * The files of a `multipart/form-data` body by the name of their field. For large files, use `streamRequestBody` and a
   * `MultipartReader`.
   *
   * @throws HTTPError 400 or 413 if the body is malformed or exceeds a limit.
   */
  get files(): ReadonlyMap<string, readonly UploadedFile[]> {
    return this.request.files;
  }

  /**
   * Returns the reason why the body has no arguments (for example, its Content-Type), for the message of a
   * MissingArgumentError.
   */
  missingArgumentHint(): string | undefined {
    const { streamRequestBody } = this.constructor as typeof RequestHandler;
    return unparsedBodyHint(this.request.headers, { isStreamed: streamRequestBody });
  }

  // ---- cookies and identity ----

  /** The cookies of the request and of the response, including signed and encrypted ones. */
  get cookies(): Cookies {
    return this.#context.response.cookies;
  }

  /** Returns a cookie of the request, or the fallback. */
  getCookie<Fallback = undefined>(name: string, fallback?: Fallback): string | Fallback {
    return this.request.cookies.get(name) ?? (fallback as Fallback);
  }

  /** Sets a cookie; see {@link Cookies.set}. */
  setCookie(name: string, value: string, options?: SetCookieOptions): void {
    this.cookies.set(name, value, options);
  }

  /** Deletes a cookie of the browser; see {@link Cookies.clear}. */
  clearCookie(name: string, attributes?: ClearCookieOptions): void {
    this.cookies.clear(name, attributes);
  }

  /**
   * Returns the value of a signed cookie; undefined if it is missing, changed or too old. Requires the setting
   * `cookieSecret`.
   */
  getSignedCookie(name: string, options?: ReadCookieOptions): string | undefined {
    return this.cookies.getSigned(name, options);
  }

  /** Sets a cookie that the client can read but not change; see {@link Cookies.setSigned}. */
  setSignedCookie(name: string, value: string | Uint8Array, options?: SecretCookieOptions): void {
    this.cookies.setSigned(name, value, options);
  }

  /** The token for the hidden field `_xsrf` of a form; see {@link Cookies.xsrfToken}. */
  get xsrfToken(): string {
    return this.cookies.xsrfToken;
  }

  /**
   * Refuses a request that another site may have caused. Called before {@link prepare} for unsafe methods, if the
   * setting `xsrfCookies` is true. Override it to exempt a handler, such as an API whose clients authenticate with a
   * key. May return a promise.
   *
   * @throws HTTPError 403.
   */
  checkXsrfCookie(): Awaitable {
    const { headers } = this.request;
    const hasToken = headers.get('X-XSRFToken') !== undefined || headers.get('X-CSRFToken') !== undefined;
    if (hasToken) this.cookies.checkXsrf(undefined);
    else this.cookies.checkXsrf(this.getArgument('_xsrf', undefined), () => this.missingArgumentHint());
  }

  /**
   * The user who makes the request: the value assigned to this property (for example in `prepare`), otherwise the
   * result of {@link getCurrentUser}, which is called on first use.
   */
  get currentUser(): CurrentUser<this['getCurrentUser']> {
    const user = this.getCurrentUserOnce();
    if (!isThenable(user)) return user as CurrentUser<this['getCurrentUser']>;
    disown(user);
    const remedy = 'use authenticated, or assign await this.getCurrentUser() in prepare';
    throw new WebUsageError('ERR_WEB_USAGE', `currentUser: getCurrentUser returned a promise; ${remedy}`);
  }

  // The parameter is `unknown` because inside a class, no value is assignable to the type of the getter, which depends
  // on `this`.
  set currentUser(user: unknown) {
    this.#user = user;
    this.#hasUser = true;
  }

  /**
   * For `authenticated`: returns the current user or a promise for it. After the promise has resolved,
   * {@link currentUser} returns its result.
   */
  getCurrentUserOnce(): unknown {
    if (this.#hasUser) return this.#user;
    const user: unknown = this.getCurrentUser();
    if (isThenable(user)) return Promise.resolve(user).then((found) => this.#keepUser(found));
    return this.#keepUser(user);
  }

  /** Returns the user who makes the request, for example from a signed cookie. Override it. May return a promise. */
  getCurrentUser(): unknown {
    return undefined;
  }

  /** The login page to which {@link authenticated} redirects. Default: the setting `loginUrl`. */
  getLoginUrl(): string {
    const { loginUrl } = this.application.settings as { loginUrl?: string };
    if (loginUrl !== undefined) return loginUrl;
    throw new WebUsageError('ERR_WEB_USAGE', 'authenticated: the application needs the setting loginUrl');
  }

  // ---- the language ----

  /**
   * The locale of the response: one of the setting `locales`. It is the one that was assigned to this property, as a
   * Locale or the code of one; or that of {@link getUserLocale}; or else that of {@link getBrowserLocale}. Found on first
   * use.
   *
   * @throws WebUsageError `ERR_WEB_USAGE` if a value is assigned that is neither.
   *
   * @example
   * override async prepare() {
   *   this.locale = (await users.find(this.currentUser))?.language ?? this.getBrowserLocale();
   * }
   */
  get locale(): Locale {
    return this.#localeOfRequest.get();
  }

  set locale(locale: Locale | string) {
    this.#localeOfRequest.set(locale);
  }

  /**
   * Returns the locale that the user has chosen, or its code, for example from a cookie; undefined to use that of the
   * browser. The closest supported locale is used. Override it. It must not be asynchronous: if the choice has to be
   * awaited, assign {@link locale} in {@link prepare}.
   */
  getUserLocale(): string | Locale | undefined {
    return undefined;
  }

  /**
   * Returns the locale that suits the header `Accept-Language` best; the default locale if none does. If the application
   * has several locales, the response gets `Vary: Accept-Language`.
   */
  getBrowserLocale(): Locale {
    return this.#localeOfRequest.ofBrowser();
  }

  // ---- the response ----

  /** The response object, for methods that this class does not have, such as `beforeHeaders`. */
  get response(): HTTPServerResponse {
    return this.#context.response;
  }

  /** The status that was or will be sent. */
  get status(): number {
    return this.#context.response.status;
  }

  /** Whether status and headers were sent, and can no longer change. */
  get headSent(): boolean {
    return this.#context.response.headSent;
  }

  /** Whether the response is complete or was cut off, or {@link detach} has taken over the connection. */
  get finished(): boolean {
    return this.#context.response.ended;
  }

  /**
   * Sets the status.
   *
   * @param status - 200 to 599. Interim statuses (1xx) are refused.
   * @param reason - replaces the registered reason phrase. A phrase with control characters or HTML is not used.
   * @throws WebUsageError `ERR_WEB_USAGE` if the status is invalid; `ERR_WEB_HEAD_SENT` after the headers are sent.
   */
  setStatus(status: number, reason = ''): void {
    this.#context.response.setStatus(status, reason);
  }

  /**
   * Sets a header, replacing all its values.
   *
   * @throws Http1UsageError if the name or value must not be sent, for example because of a line break.
   * @throws WebUsageError `ERR_WEB_USAGE` if the value has another type; `ERR_WEB_HEAD_SENT` after the headers are
   *   sent.
   */
  setHeader(name: string, value: HeaderValue): void {
    this.#context.response.setHeader(name, value);
  }

  /** Adds another value to a header. Throws like {@link setHeader}. */
  addHeader(name: string, value: HeaderValue): void {
    this.#context.response.addHeader(name, value);
  }

  /** Removes all values of a header. */
  clearHeader(name: string): void {
    this.#context.response.clearHeader(name);
  }

  /**
   * Discards status, headers and what was written, and sets the default headers again. Cookies and the hooks of
   * `beforeHeaders` are kept.
   */
  clear(): void {
    const { response } = this.#context;
    response.requireUnsent('clear');
    response.reset();
    reportRejection(this.setDefaultHeaders(), (error) => this.#context.failed(error));
  }

  /**
   * Writes a piece of the body. It is buffered until {@link flush} or the end of the handler.
   *
   * @param chunk - HTML of `html` is written as it is; if a value in it is asynchronous, write
   *   `await page.toPromise()`, or use {@link render}. An object is sent as JSON, with that Content-Type. An array is refused: in old browsers, another
   *   site could load such a response as a script and read it. Wrap it in an object, or use {@link writeJson}.
   * @throws WebUsageError `ERR_WEB_USAGE` if the chunk is any other value, such as a promise; `ERR_WEB_FINISHED`.
   */
  write(chunk: Chunk | Html): void {
    if (this.#context.rendering !== undefined) {
      if (Html.isHtml(chunk)) chunk.cancel();
      throw new WebUsageError('ERR_WEB_USAGE', 'write: a page is being rendered; await render before');
    }
    this.#context.response.write(chunk);
  }

  /**
   * Writes any JSON value as the body, including an array or null.
   *
   * @throws WebUsageError `ERR_WEB_USAGE` if the value cannot be written as JSON, such as a function;
   *   `ERR_WEB_FINISHED`.
   */
  writeJson(value: unknown, { status }: { readonly status?: number } = {}): void {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined) throw webChecks.wrong('writeJson', 'a value that JSON can hold', value);
    if (status !== undefined) this.setStatus(status);
    if (!this.headSent) this.setHeader('Content-Type', 'application/json; charset=UTF-8');
    this.write(text);
  }

  /**
   * Sends the headers, unless they are already sent, and what was written.
   *
   * The first call evaluates the preconditions of a GET or HEAD like {@link finish} does, against the `ETag` and
   * `Last-Modified` that the handler has set. If the response becomes a 304, the handler may continue: what it writes
   * is discarded.
   *
   * @returns a promise that resolves when enough has been sent to write more. Await it to limit the memory that a long
   *   response uses. It rejects if the client has disconnected; you need not handle that rejection.
   * @throws WebUsageError `ERR_WEB_FINISHED`; `ERR_WEB_BODY_FORBIDDEN` if a 204, 205 or 304 has a body.
   * @throws HTTPError 412 if a precondition failed; nothing has been sent.
   */
  flush(): Promise<void> {
    const { response } = this.#context;
    response.chooseCoding(false);
    applyPreconditions(this.request, response);
    return response.flush();
  }

  /**
   * Completes the response. Called automatically when the handler returns or its promise resolves.
   *
   * A 200 to GET or HEAD that was not flushed gets an `ETag` from {@link computeEtag} (by default only if it has 1 KiB
   * or more), unless the handler has set one. Then, if the status is 2xx, the preconditions of a GET or HEAD are
   * evaluated against `ETag` and `Last-Modified` (RFC 9110 §13.2.2). The response becomes a 304 if the client already
   * has the current version, and a 412 if If-Match or If-Unmodified-Since fails. For other methods, see
   * {@link checkPreconditions}.
   *
   * HTML with asynchronous values is completed first, as in {@link render}.
   *
   * @throws WebUsageError like {@link write} and {@link flush}.
   * @throws HTTPError 412 if a precondition failed. Nothing has been sent then, and the response is still open.
   */
  finish(chunk?: Chunk | Html): void {
    const { response } = this.#context;
    if (Html.isHtml(chunk) && chunk.isAsync) {
      this.#requireOpenFor('finish', chunk);
      // Its errors are handled where the application awaits the page.
      disown(this.#pageRenderer.finishWith(chunk));
      return;
    }
    if (chunk !== undefined) this.write(chunk);
    if (response.status === 200 && !response.headSent && reads(this.request)) this.#tag();
    response.chooseCoding(true);
    applyPreconditions(this.request, response);
    response.end();
  }

  // ---- pages ----

  /**
   * Completes the response with a page, and with the CSS and JavaScript of the UI modules in it.
   *
   * If something in the page is asynchronous, the response is completed when all of it is known; the application waits
   * for that, also if the promise is not returned. After {@link flush}, each part is sent before the next value is
   * awaited, at the pace of the client. If a value then rejects, the connection is cut, so that an incomplete page does
   * not look complete; before `flush`, there is an error page.
   *
   * @param page - HTML; a function, which is called with `data` and a {@link TemplateView}; or the name of a template
   *   of the setting `templateEngine`, which sees {@link templateNamespace}.
   * @returns a promise if something in the page is asynchronous. It rejects with the error of a value.
   * @throws WebUsageError `ERR_WEB_USAGE` if a page is being rendered already; those of {@link finish}; what the
   *   template throws, such as TemplateError `ERR_WEB_TEMPLATE`.
   *
   * @example
   * override get() {
   *   return this.render(html`<h1>Hello, ${this.getArgument('name')}</h1>`);
   * }
   */
  render(page: Html): Awaitable;
  render(name: string, data?: object): Awaitable;
  render(template: HtmlTemplate): Awaitable;
  render<Data>(template: HtmlTemplate<Data>, data: Data): Awaitable;
  render(page: Page, data?: unknown): Awaitable {
    this.#requireOpenFor('render', page);
    const renderer = this.#pageRenderer;
    return renderer.finishWith(renderer.content('render', page, data));
  }

  /**
   * Renders a page to text, without writing it, for example for a mail. The parameters are those of {@link render}. The
   * CSS and JavaScript of UI modules are not added.
   *
   * @returns a promise if something in the page is asynchronous.
   */
  renderString(page: Html): string | Promise<string>;
  renderString(name: string, data?: object): string | Promise<string>;
  renderString(template: HtmlTemplate): string | Promise<string>;
  renderString<Data>(template: HtmlTemplate<Data>, data: Data): string | Promise<string>;
  renderString(page: Page, data?: unknown): string | Promise<string> {
    const renderer = this.#pageRenderer;
    return renderer.text(renderer.content('renderString', page, data));
  }

  /**
   * Makes what a template sees: `handler`, `request`, `currentUser`, `locale`, `_`, `staticUrl`, `reverseUrl`,
   * `xsrfFormHtml`, `modules`, `module`, the functions of the setting `uiMethods`, and `data`, whose names win. Override
   * it to add names for all templates of a class: `return super.templateNamespace({ site: 'Example', ...data })`.
   */
  templateNamespace(data?: object): Record<string, unknown> {
    return this.#pageRenderer.namespace(data);
  }

  /**
   * Renders a UI module, as HTML for a page of {@link render}, which then adds the module's CSS and JavaScript.
   *
   * @param module - a subclass of UIModule, or its name in the setting `uiModules`.
   * @returns a promise if the module's `render` returns one.
   */
  module(module: string, ...args: readonly unknown[]): Html | Promise<Html>;
  module<Module extends UIModule>(
    module: UIModuleClass<Module>,
    ...args: Parameters<Module['render']>
  ): RenderedModule<Module>;
  module(module: never, ...args: readonly unknown[]): Html | Promise<Html> {
    return this.#pageRenderer.modules.call(module, ...args);
  }

  /**
   * The nonce of the `Content-Security-Policy` that this response has, for the scripts and styles of UI modules. Default:
   * none. Override it if the policy has one: it must be the same for the whole response, and another for each response.
   */
  get cspNonce(): string | undefined {
    return undefined;
  }

  /** Makes the elements for the CSS files of the UI modules of a page. Override it, for example to add attributes. */
  renderLinkedCss(urls: readonly string[]): Html {
    return linkedCss(urls, { nonce: this.cspNonce });
  }

  /** Makes the element for the embedded CSS of the UI modules of a page. */
  renderEmbedCss(texts: readonly string[]): Html {
    return embeddedCss(texts, { nonce: this.cspNonce });
  }

  /** Makes the elements for the JavaScript files of the UI modules of a page. */
  renderLinkedJs(urls: readonly string[]): Html {
    return linkedJavascript(urls, { nonce: this.cspNonce });
  }

  /** Makes the element for the embedded JavaScript of the UI modules of a page. */
  renderEmbedJs(texts: readonly string[]): Html {
    return embeddedJavascript(texts, { nonce: this.cspNonce });
  }

  /** The hidden field with the {@link xsrfToken}, which each form with an unsafe method needs. */
  xsrfFormHtml(): Html {
    return html`<input type="hidden" name="_xsrf" value="${this.xsrfToken}">`;
  }

  // ---- event streams ----

  /**
   * Responds with an event stream (WHATWG HTML §9.2), which lasts until its source ends, the client disconnects, or the
   * server stops. A value is requested from the source only after the client has read enough of the earlier ones.
   *
   * A topic, or the reader of a run, is read from the position in `Last-Event-ID`, or the query argument `after` or
   * `last`. The stream begins with an id, so that a client that is cut off before the first record resumes there.
   * Records are `data`, bytes are events `bytes` in base64; `gap` and `end` are events of their own. A client that has
   * read everything of a run that has ended gets a 204, after which EventSource does not connect again.
   *
   * The values of an async iterable are sent as `data`: text as it is, other values as JSON; a {@link ServerEvent} can
   * have an id and a type. Bytes, and the body of a `Response`, are sent as they are.
   *
   * When the server stops, the stream ends with a `retry` of 1 to 10 s, chosen at random. If the source rejects, the
   * connection is reset. The option `handlerTimeoutMs` of a route limits the whole stream.
   *
   * @returns a promise that resolves when the stream has ended, for whatever reason. The source is closed then. It
   *   rejects with HTTPError 404 if `authorize` refuses or there is no such run, 400 if the position is malformed; with
   *   the error of the source.
   * @throws WebUsageError `ERR_WEB_USAGE` if an argument is invalid or missing; `ERR_WEB_HEAD_SENT`, `ERR_WEB_FINISHED`.
   *
   * @example
   * override get() {
   *   return this.eventStream(topics.topic('news'), { authorize: ({ handler }) => handler.currentUser !== undefined });
   * }
   */
  eventStream(source: CursorSource, options: CursorStreamOptions<this>): Promise<void>;
  eventStream(source: EventStreamSource, options?: EventStreamOptions): Promise<void>;
  eventStream(
    source: CursorSource | EventStreamSource,
    options?: CursorStreamOptions<this> | EventStreamOptions,
  ): Promise<void> {
    return serveEventStream(this, this.#context, source, options);
  }

  /**
   * Responds with a redirect.
   *
   * @param url - absolute or relative. Characters that are not allowed in a URI, such as spaces, quotes and non-ASCII
   *   characters, are percent-encoded; existing escapes are kept (RFC 9110 §10.2.2, RFC 3986). The destination is not
   *   checked: never pass a URL that the client chose.
   * @throws Http1UsageError `ERR_HTTP1_HEADER_VALUE` if the URL contains CR, LF or NUL; nothing was sent.
   * @throws WebUsageError `ERR_WEB_USAGE`, `ERR_WEB_HEAD_SENT`.
   */
  redirect(url: string, options: RedirectOptions = {}): void {
    const unknown = optionsProblem(options, REDIRECT_OPTIONS);
    if (unknown !== undefined) throw new WebUsageError('ERR_WEB_USAGE', `redirect: ${unknown}`);
    const status = options.status ?? (options.permanent === true ? 301 : 302);
    this.#context.response.requireStatus('redirect', status, 300, 399);
    if (typeof url !== 'string') {
      throw new WebUsageError(
        'ERR_WEB_USAGE',
        `redirect: url must be a string, got a value of type ${typeof url}`,
      );
    }
    this.setHeader('Location', uriReference(url));
    this.setStatus(status);
    this.finish();
  }

  /**
   * Returns the entity tag of what was written, with its quotes, or undefined if there is none. By default, a body of
   * less than 1 KiB has none. Not called if the handler has set an `ETag`. Override it to compute the tag in a cheaper
   * way, or to disable it.
   */
  computeEtag(): string | undefined {
    return this.#context.response.unsent.entityTag();
  }

  /**
   * Throws if a precondition of the request fails (RFC 9110 §13). Call it in `put`, `patch`, `delete` or `post`, after
   * all other checks and before anything is changed: a request that would be refused without its preconditions must be
   * refused for that reason (§13.2.1). For GET and HEAD, {@link finish} and {@link flush} evaluate the preconditions;
   * call this method earlier to avoid computing a response that a 412 would replace. Unless the storage compares
   * versions itself, do not await anything between this call and the change: another request could run in between.
   * {@link CurrentValidators} describes when each precondition fails.
   *
   * @param current - the state before the change. Without `etag` and `lastModified`, the target has no current
   *   representation.
   * @throws HTTPError 412 if a precondition failed. Nothing has been sent; unless the error is caught, it becomes the
   *   response.
   * @throws WebUsageError `ERR_WEB_USAGE` if the tag has no quotes, or the date is invalid.
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

  /** Whether the client already has the version that the `ETag` of the response names, so that a 304 is enough. */
  checkEtag(): boolean {
    this.#context.response.chooseCoding(false);
    const tag = this.#context.response.header('ETag');
    const field = this.request.headers.get('If-None-Match');
    return tag !== undefined && field !== undefined && listsEntityTag(field, tag);
  }

  /**
   * Takes over the connection: no more HTTP is handled on it, and `onFinish` is not called. Must be called before any
   * part of the response is sent. The stream starts with the bytes that the client sent after the request head.
   *
   * @param onStopping - called once if the server stops; `HTTPServer.stop` waits until the stream is closed. If many
   *   streams were taken over, the calls are spread over the time of the stop. `notice.final` is its option `final`.
   * @returns the stream, which the caller must close.
   * @throws WebUsageError `ERR_WEB_HEAD_SENT`, `ERR_WEB_FINISHED`; HTTPUsageError if the connection is closed.
   */
  detach(onStopping?: (notice: StopNotice) => void): IOStream {
    return this.#context.response.detach(onStopping);
  }

  /** The current response headers, for a handler that writes its own response head after {@link detach}. */
  protected get responseHeaders(): HTTPHeaders {
    return this.#context.response.headers;
  }

  /** The underlying exchange of http1, for example for handlers that switch to another protocol. */
  protected get exchange(): HTTPServerExchange {
    return this.#context.response.exchange;
  }

  // ---- errors ----

  /**
   * Responds with an error page. Discards everything that was written and set before, except cookies and the hooks of
   * `beforeHeaders`. If the headers are already sent, it closes the connection instead, so that the client does not
   * mistake an incomplete response for a complete one.
   *
   * @param status - 400 to 599.
   * @param error - the cause. If it is an {@link HTTPError}, its headers and reason are used.
   */
  sendError(status = 500, error?: unknown): void {
    const { response } = this.#context;
    if (response.headSent) {
      response.requireUnfinished('sendError');
      response.abort(error instanceof Error ? error : new HTTPError(status));
      return;
    }
    response.requireStatus('sendError', status, 400, 599);
    this.#context.rendering?.stop(replaced('an error page'));
    this.clear();
    setErrorHead(response, status, error);
    const waiting = this.writeError(status, error) ?? this.#context.rendering?.done;
    let finished: unknown;
    if (isThenable(waiting)) {
      this.#context.awaitErrorPage(error);
      finished = Promise.resolve(waiting).then(() => this.#finishError());
    } else {
      finished = this.#finishError();
    }
    reportRejection(finished, (failure) => this.#context.failed(failure));
  }

  /**
   * Writes the error page: status, reason and `detail` as HTML, or as a problem document (RFC 9457) if the client's
   * `Accept` prefers JSON. If `serveTraceback` is set, the page shows the error with its stack and excerpts of the
   * source, or the stack as plain text if the client's `Accept` lists neither HTML nor JSON. Override it to write
   * another page for this class; the setting `writeError` does so for all.
   */
  writeError(_status: number, error?: unknown): Awaitable {
    const { writeError } = this.application.settings as ApplicationSettings;
    if (writeError !== undefined) {
      writeError(this.#context, error);
      return;
    }
    appendErrorPage(this.request, this.#context.response, error, this.application.serveTraceback);
  }

  /**
   * Logs an error of this handler. HTTPErrors with a status of 500 or more, or with a log message, are logged as
   * warnings. Those below 500 are rate-limited for each status: the first is logged at once, then at most one record
   * per minute with the number of repeats; see `Application.refusalLog`. An error that is not an {@link HTTPError} is
   * logged with its stack.
   */
  logException(error: unknown): void {
    logRequestError(error, this.request, this.application);
  }

  [INSPECT](): object {
    return inspection(this, ['request', 'status', 'headSent', 'finished'], () => ({
      headers: this.#context.response.presentHeaders,
      application: undefined,
    }));
  }

  /** @throws WebUsageError `ERR_WEB_FINISHED`; what the page reads is closed then. */
  #requireOpenFor(operation: string, page: unknown): void {
    const { response } = this.#context;
    if (response.ended && Html.isHtml(page)) page.cancel();
    response.requireUnfinished(operation);
  }

  get #pageRenderer(): PageRenderer {
    this.#pages ??= new PageRenderer(this as AnyHandler, this.#context);
    return this.#pages;
  }

  get #localeOfRequest(): RequestLocale {
    this.#requestLocale ??= new RequestLocale(this);
    return this.#requestLocale;
  }

  #keepUser(user: unknown): unknown {
    this.#user = user;
    this.#hasUser = true;
    return user;
  }

  /** The body, parsed according to its Content-Type, for schemas. */
  #parsedBody(): unknown {
    const type = this.request.headers.get('Content-Type') ?? '';
    if (FORM_TYPE.test(type)) return objectOf(this.request.bodyArguments);
    return this.getJsonBody();
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

import type { SetCookieOptions } from '@landspout/http1';
import { logAccess } from '@landspout/httpserver';
import type { Clock, Logger } from '@landspout/ioloop';
import { type OptionNames, shownText, similarName } from '@landspout/ioloop/errors';
import { CookieSecret, type Secret, type SecretVersions } from '../cookies/cookie-secret.ts';
import type { CookieSettings } from '../cookies/cookies.ts';
import { ResponseCookies } from '../cookies/response-cookies.ts';
import { WebUsageError, webChecks } from '../errors.ts';
import type { HandlerClass, MatchedRoute, Middleware, MiddlewareContext } from '../handler/lifecycle.ts';
import type { Locales } from '../locale/locales.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import type { CompressionOptions } from '../response/compression/compression-settings.ts';
import type { HTTPServerResponse } from '../response/http-server-response.ts';
import { hostExpression, isHostText } from '../routing/host-pattern.ts';
import { middlewareProblem } from '../routing/router.ts';
import type { StaticSettings } from '../static/static-routes.ts';
import type { TemplateEngine } from '../templates/template-engine.ts';
import type { UIModuleClass } from '../templates/ui-module.ts';
import {
  checkUiMethods,
  checkUiModules,
  type UIMethod,
  type UIMethodsSetting,
  type UIModulesSetting,
} from '../templates/ui-settings.ts';
import type { Application } from './application.ts';

/** A request whose response is complete. */
export interface FinishedRequest {
  readonly application: Application;
  readonly request: HTTPServerRequest;
  readonly response: HTTPServerResponse;
  readonly match: MatchedRoute;
  /** The status that was sent, or would have been. */
  readonly status: number;
  /** What the handler or a middleware threw, including an {@link HTTPError}, if that became the response. */
  readonly error: unknown;
}

/** Called when a response is complete. If the function throws or rejects, the error is logged. */
export type LogFunction = (finished: FinishedRequest) => unknown;

/**
 * The settings that an application knows. A program may add its own, which handlers find on `this.settings`: declare
 * them in an interface that extends this one, and use it as in `RequestHandler<Path, MySettings>`.
 */
export interface ApplicationSettings extends StaticSettings {
  /**
   * Turns on help for development: {@link serveTraceback}, a record in the log for each request (unless there is a
   * {@link logFunction}) and for each refusal, and templates that are read again when their file changes. It restarts
   * nothing; for that, see the command `landspout dev`. Default: false.
   */
  readonly debug?: boolean;
  /**
   * Whether error pages show the error, its stack and excerpts of the source. Never use it on a public server. Default:
   * the value of {@link debug}.
   */
  readonly serveTraceback?: boolean;
  /** Handles requests that no route matches. Default: responds with 404. */
  readonly defaultHandlerClass?: HandlerClass;
  /** Passed to `initialize` of {@link defaultHandlerClass}. */
  readonly defaultHandlerInit?: object;
  /**
   * Writes the error pages of all handlers that do not override `writeError`, and those of errors that occur without a
   * handler, such as errors of middleware and a 413. `context.response` already has the status and the headers of the
   * error; the function sets `Content-Type` and writes the body. It must be synchronous. If it throws, the built-in page
   * is sent. A request whose headers are malformed always gets the built-in page.
   */
  readonly writeError?: (context: MiddlewareContext, error: unknown) => void;
  /**
   * Called to log each response. `logFunction: accessLog` writes the usual line. Default: none, because a log line
   * costs more than a small response; with {@link debug}, `accessLog`. Errors are always logged.
   */
  readonly logFunction?: LogFunction;
  /**
   * Receives the log records of the application, such as a logger of pino. Requests that the server itself refuses are
   * logged by the logger of the event loop. Default: `consoleLogger`, which writes to
   * standard error, as text on a terminal and as JSON lines elsewhere.
   */
  readonly logger?: Logger;
  /**
   * Signs and encrypts cookies: at least 32 random bytes, or several secrets by version with {@link keyVersion}.
   * Required only for signed and encrypted cookies.
   */
  readonly cookieSecret?: Secret | SecretVersions | CookieSecret;
  /** The version of {@link cookieSecret} for new values. Required if there are several secrets. */
  readonly keyVersion?: number;
  /** The login page, to which `authenticated` redirects; may be on another host. */
  readonly loginUrl?: string;
  /**
   * The origin at which browsers reach the application, such as `https://example.com`, or several; or `'forwarded'` for
   * the scheme and host of each request, as trusted proxies report them (the options `trustedProxies` and
   * `forwardedHost` of the server). Used for absolute URLs (`request.fullUrl`), to check the `Origin` of forms and
   * WebSockets, and to decide whether cookies are `Secure`. Default: the host of each request, with http or https.
   */
  readonly publicOrigin?: string | readonly string[];
  /** Whether requests with an unsafe method need an XSRF token. Default: false. */
  readonly xsrfCookies?: boolean;
  /** The name of the XSRF cookie. `__Host-xsrf` is the strictest. Default: `_xsrf`. */
  readonly xsrfCookieName?: string;
  /** Attributes of the XSRF cookie, for example `expiresDays`. */
  readonly xsrfCookieAttributes?: SetCookieOptions;
  /**
   * The host names that are served, such as `example.com` or `*.example.com`; requests for other hosts are refused with
   * 421 (protection against DNS rebinding). Default: all.
   */
  readonly hosts?: readonly string[];
  /**
   * Whether responses are compressed for clients that accept it, or how. A route can turn it off with its option
   * `compressResponse`, a handler with `this.response.compress = false`. Default: false.
   *
   * Turn it off for pages that contain a secret beside text from the request, because the length of the compressed page
   * could reveal the secret (the attack BREACH). The XSRF token is protected by its mask.
   */
  readonly compressResponse?: boolean | CompressionOptions;
  /** Renders the templates of `RequestHandler.render(name, data)`, such as an `EtaEngine`. Default: none. */
  readonly templateEngine?: TemplateEngine;
  /** The UI modules that templates call by name. Names start with a capital. Default: none. */
  readonly uiModules?: UIModulesSetting;
  /**
   * Functions that templates call by name; the handler is passed first. Names start with a lower-case letter. Default:
   * none.
   */
  readonly uiMethods?: UIMethodsSetting;
  /**
   * The languages of the application: what `RequestHandler.locale` chooses from. Default: those of the application that
   * this one is mounted in, or else only the locale `en_US`, without translations.
   */
  readonly locales?: Locales;
  /** Runs before every request, whether a route matches or not. See {@link Middleware}. */
  readonly middleware?: readonly Middleware[];
  /**
   * The clock for cookies, rate limits, `handlerTimeoutMs` and the rate-limited log of refusals. Default: the system
   * clock.
   */
  readonly clock?: Clock;
}

/** Options of `RequestHandler.staticUrl`. */
export interface StaticUrlOptions {
  /**
   * Whether the URL includes the origin: the setting `publicOrigin`, or else the origin of the request. Default: false.
   */
  readonly absolute?: boolean;
  /** Whether the URL includes the version of the file. Default: true. */
  readonly includeVersion?: boolean;
}

const SETTINGS: OptionNames<ApplicationSettings> = {
  debug: true,
  serveTraceback: true,
  defaultHandlerClass: true,
  defaultHandlerInit: true,
  writeError: true,
  logFunction: true,
  logger: true,
  cookieSecret: true,
  keyVersion: true,
  loginUrl: true,
  publicOrigin: true,
  xsrfCookies: true,
  xsrfCookieName: true,
  xsrfCookieAttributes: true,
  hosts: true,
  middleware: true,
  compressResponse: true,
  templateEngine: true,
  uiModules: true,
  uiMethods: true,
  locales: true,
  staticPath: true,
  staticUrlPrefix: true,
  staticHandlerClass: true,
  staticHandlerArgs: true,
  clock: true,
};

/**
 * Unknown settings are accepted, because a program may have its own, unless one looks like a misspelled setting.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if a setting is misspelled, or a function or the logger is invalid.
 */
export function requireSettings(settings: ApplicationSettings): void {
  webChecks.options('Application', settings, { ...SETTINGS, ...ownNames(settings) });
  const { locales, logFunction, logger, middleware, writeError } = settings;
  if (logFunction !== undefined) webChecks.callback('Application', 'logFunction', logFunction);
  if (writeError !== undefined) webChecks.callback('Application', 'writeError', writeError);
  if (logger !== undefined) webChecks.withMethods('Application', 'a logger', logger, 'error');
  if (locales !== undefined) webChecks.withMethods('Application', 'locales: Locales', locales, 'negotiate');
  const problem = middlewareProblem(middleware);
  if (problem !== undefined) throw new WebUsageError('ERR_WEB_USAGE', `Application: ${problem}`);
}

/** What the pages of an application need. */
export interface TemplateSettings {
  readonly engine: TemplateEngine | undefined;
  readonly uiModules: ReadonlyMap<string, UIModuleClass>;
  readonly uiMethods: ReadonlyMap<string, UIMethod>;
}

/** Checks the settings of templates, and configures the engine. @throws WebUsageError `ERR_WEB_USAGE`. */
export function templateSettingsOf(settings: ApplicationSettings): TemplateSettings {
  const { templateEngine: engine, debug = false } = settings;
  if (engine !== undefined) webChecks.withMethods('Application', 'a templateEngine', engine, 'render');
  engine?.configure?.({ debug });
  return {
    engine,
    uiModules: checkUiModules(settings.uiModules),
    uiMethods: checkUiMethods(settings.uiMethods),
  };
}

/** @throws WebUsageError `ERR_WEB_USAGE` if a secret is too short, or a cookie name is invalid. */
export function cookieSettingsOf(settings: ApplicationSettings, clock: Clock): CookieSettings {
  const { cookieSecret, keyVersion, xsrfCookieName = '_xsrf' } = settings;
  const { xsrfCookieAttributes = {} } = settings;
  // Throws if the name or an attribute is invalid.
  new ResponseCookies(true, clock).set(xsrfCookieName, '', xsrfCookieAttributes);
  return {
    clock,
    secret: cookieSecret === undefined ? undefined : secretOf(cookieSecret, keyVersion),
    xsrfCookieName,
    xsrfCookieAttributes,
  };
}

function secretOf(
  secret: Secret | SecretVersions | CookieSecret,
  keyVersion: number | undefined,
): CookieSecret {
  return secret instanceof CookieSecret ? secret : new CookieSecret(secret, { keyVersion });
}

/** Makes a regular expression from host names. @throws WebUsageError `ERR_WEB_USAGE`. */
export function hostPatternOf(hosts: unknown): RegExp | undefined {
  if (hosts === undefined) return undefined;
  const valid = Array.isArray(hosts) && hosts.every(isHostText);
  if (!valid) {
    throw webChecks.wrong(
      'Application',
      'hosts: an array of names such as example.com or *.example.com',
      hosts,
    );
  }
  return hostExpression(hosts);
}

function ownNames(settings: unknown): Record<string, true> {
  const own: Record<string, true> = Object.create(null);
  const known = Object.keys(SETTINGS);
  for (const name in settings as object) {
    const meant = known.includes(name) ? undefined : similarName(name, known);
    if (meant !== undefined) {
      const remedy = `did you mean "${meant}"? If it is a setting of your own, give it another name`;
      throw new WebUsageError('ERR_WEB_USAGE', `Application: unknown setting ${shownText(name)}: ${remedy}`);
    }
    own[name] = true;
  }
  return own;
}

/**
 * A {@link LogFunction} that writes one record per response with `logAccess` of the server: the message
 * `200 GET /path (127.0.0.1) 1.25ms`, with the details as fields, including the request's id. 4xx are warnings and 5xx
 * errors. Requests that the server itself refuses do not reach the application; they are logged by the `accessLog` of
 * the server.
 *
 * @example
 * // Health checks are logged at another level.
 * const logFunction: LogFunction = (finished) => {
 *   if (finished.match.pattern !== '/health') return accessLog(finished);
 *   finished.application.logger.debug({ status: finished.status }, 'health check');
 * };
 */
export const accessLog: LogFunction = ({ application, request, response, status, error }) => {
  const { method, target, remoteIp, id } = request;
  logAccess(
    {
      method,
      target,
      remoteIp,
      status,
      durationMs: request.requestTime(),
      bytesSent: response.exchange.bodyBytesSent,
      requestId: id,
      error: error instanceof Error ? error : undefined,
    },
    application.logger,
  );
};

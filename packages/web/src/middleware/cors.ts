// Ready-made middleware that most applications need. Each is created by a function, which checks its options at once.
// Middleware uses only its context and `next`, and does not know how requests are routed or received.

import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import { disown, WebUsageError, webChecks } from '../errors.ts';
import type { Middleware, MiddlewareContext } from '../handler/lifecycle.ts';
import type { HeaderHook, HTTPServerResponse } from '../response/http-server-response.ts';
import { addVary } from '../response/vary.ts';

/**
 * Returns whether pages of an origin may read responses. Must not be asynchronous.
 *
 * @param origin - such as `https://example.com`, or `null`, which any page can send, for example from a sandboxed
 *   frame.
 */
export type OriginCheck = (origin: string, context: MiddlewareContext) => boolean;

export interface CorsOptions {
  /**
   * The origins whose pages may read responses: `'*'` for all; names such as `https://example.com`, compared exactly;
   * regular expressions, which must match the whole origin; or a function.
   */
  readonly origins: '*' | RegExp | OriginCheck | readonly (string | RegExp)[];
  /** The methods that pages may use besides GET, HEAD and POST, which are always allowed. Default: PUT, PATCH, DELETE. */
  readonly methods?: readonly string[];
  /**
   * The request headers that pages may set besides those that browsers always allow. Default: `['Content-Type']`, which
   * JSON requests need. `['*']` stands for all headers except Authorization.
   */
  readonly allowedHeaders?: readonly string[];
  /** The response headers that pages may read besides those that browsers always allow. Default: none. */
  readonly exposedHeaders?: readonly string[];
  /** How long a browser may cache the response to a preflight. Default: not sent; browsers then use 5 seconds. */
  readonly maxAgeSeconds?: number;
  /**
   * Whether pages may send cookies, client certificates and HTTP authentication, and read the response. Default: false.
   */
  readonly credentials?: boolean;
}

const CORS_OPTIONS: OptionNames<CorsOptions> = {
  origins: true,
  methods: true,
  allowedHeaders: true,
  exposedHeaders: true,
  maxAgeSeconds: true,
  credentials: true,
};

/**
 * Enough for every real origin: a host has at most 253 characters. It also limits how long the regular expressions in the
 * option `origins` can run.
 */
const MAX_ORIGIN_CHARS = 512;
/** A serialised origin: scheme, host and port, without a path, white space or a comma. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#,\\@]+$/;
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

/**
 * Creates middleware for cross-origin requests (CORS protocol of the Fetch standard): it tells browsers which pages of
 * other origins may read the responses. The headers are sent with every response, including error pages.
 *
 * It responds with a 204 to preflights (OPTIONS requests with `Origin` and `Access-Control-Request-Method`); later
 * middleware and the handler do not run for them. Put it before middleware that refuses requests, since preflights
 * carry no credentials. If a request passes two such middleware, the first responds to preflights, and the last sets
 * the headers of other responses. For different rules on some routes, use it on groups of routes instead of the whole
 * application.
 *
 * It does not refuse requests: a browser only prevents the page from reading the response. It does not protect against
 * forged requests (CSRF).
 *
 * @returns middleware that sets `Vary: Origin` on every response, unless `origins` is `'*'`.
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown or invalid, or `'*'` is used together with
 *   `credentials`. Requests fail with it (500) if the function in `origins` returns anything but a boolean.
 *
 * @example
 * new Application(routes, {
 *   middleware: [cors({ origins: ['https://app.example.com', /https:\/\/[\w-]+\.example\.com/], credentials: true })],
 * });
 */
export function cors(options: CorsOptions): Middleware {
  webChecks.options('cors', options, CORS_OPTIONS);
  const credentials = webChecks.boolean('cors', 'credentials', options.credentials ?? false);
  const allows = originCheckOf(options.origins, credentials);
  const forPreflights = preflightHeaders(options, credentials);
  const exposed = tokens('exposedHeaders', options.exposedHeaders ?? [], credentials);
  const forResponses: Headers =
    exposed.length === 0 ? [] : [['Access-Control-Expose-Headers', exposed.join(', ')]];

  const anyOrigin: HeaderHook = (response) => allow(response, '*', false, forResponses);
  return function cors(context, next) {
    const { request, response } = context;
    const origin = request.headers.get('Origin');
    const isPreflight =
      origin !== undefined &&
      request.method === 'OPTIONS' &&
      request.headers.get('Access-Control-Request-Method') !== undefined;
    if (allows === undefined && !isPreflight) response.beforeHeaders(anyOrigin);
    else response.beforeHeaders(hookFor(origin, isPreflight, context));
    if (!isPreflight) return next();
    response.finish(204);
    return undefined;
  };

  function hookFor(origin: string | undefined, isPreflight: boolean, context: MiddlewareContext): HeaderHook {
    const headers = isPreflight ? forPreflights : forResponses;
    if (allows === undefined) return (response) => allow(response, '*', false, headers);
    if (origin === undefined || !isOrigin(origin, credentials) || !allows(origin, context)) return refuse;
    return (response) => {
      allow(response, origin, credentials, headers);
      addVary(response, 'Origin');
    };
  }
}

type Headers = readonly (readonly [name: string, value: string])[];

function allow(response: HTTPServerResponse, origin: string, credentials: boolean, headers: Headers): void {
  response.setHeader('Access-Control-Allow-Origin', origin);
  if (credentials) response.setHeader('Access-Control-Allow-Credentials', 'true');
  else response.clearHeader('Access-Control-Allow-Credentials');
  for (const [name, value] of headers) response.setHeader(name, value);
}

/** Removes what other middleware may have allowed. */
const refuse: HeaderHook = (response) => {
  response.clearHeader('Access-Control-Allow-Origin');
  response.clearHeader('Access-Control-Allow-Credentials');
  response.clearHeader('Access-Control-Expose-Headers');
  addVary(response, 'Origin');
};

/** Whether the header contains exactly one origin. With credentials, `null` is not accepted. */
function isOrigin(origin: string, credentials: boolean): boolean {
  if (origin === 'null') return !credentials;
  return origin.length <= MAX_ORIGIN_CHARS && ORIGIN.test(origin);
}

/** @returns undefined if all origins are allowed. */
function originCheckOf(origins: unknown, credentials: boolean): OriginCheck | undefined {
  if (origins === '*') {
    if (!credentials) return undefined;
    throw usage(
      "origins must not be '*' together with credentials, which would let every site act as its visitors",
    );
  }
  if (typeof origins === 'function') return checked(origins as OriginCheck);
  const list: unknown = origins instanceof RegExp ? [origins] : origins;
  if (!Array.isArray(list) || list.length === 0) {
    throw usage(`origins must be '*', a list of origins, a RegExp or a function, got ${shownValue(origins)}`);
  }
  const names = new Set<string>();
  const patterns: RegExp[] = [];
  for (const one of list as unknown[]) {
    if (one instanceof RegExp)
      patterns.push(new RegExp(`^(?:${one.source})$`, one.flags.replace(/[gmy]/g, '')));
    else names.add(requireOrigin(one, credentials));
  }
  return (origin) => names.has(origin) || patterns.some((pattern) => pattern.test(origin));
}

function checked(check: OriginCheck): OriginCheck {
  return (origin, context) => {
    const allowed: unknown = check(origin, context);
    // Only booleans are accepted: a promise would be truthy.
    if (typeof allowed === 'boolean') return allowed;
    disown(allowed);
    throw usage(`the function in origins must return true or false, got ${shownValue(allowed)}`);
  };
}

function requireOrigin(origin: unknown, credentials: boolean): string {
  if (origin === 'null' && !credentials) return origin;
  if (typeof origin !== 'string' || !ORIGIN.test(origin)) {
    const expected = "an origin such as 'https://example.com', without a path";
    throw usage(`origins: each element must be ${expected}, or a RegExp, got ${shownValue(origin)}`);
  }
  if (!/^https?:/.test(origin)) return origin;
  // Browsers send the serialised form: in lower case, in ASCII, and without the default port.
  const sent = URL.canParse(origin) ? new URL(origin).origin : undefined;
  if (sent === origin) return origin;
  const remedy = sent === undefined ? '' : `: write ${JSON.stringify(sent)}`;
  throw usage(`origins: browsers never send ${shownValue(origin)}${remedy}`);
}

function preflightHeaders(options: CorsOptions, credentials: boolean): Headers {
  const { maxAgeSeconds } = options;
  const methods = tokens('methods', options.methods ?? ['PUT', 'PATCH', 'DELETE'], credentials);
  const always = ['GET', 'HEAD', 'POST'].filter((method) => !methods.includes(method));
  const allowed = tokens('allowedHeaders', options.allowedHeaders ?? ['Content-Type'], credentials);
  const headers: [string, string][] = [['Access-Control-Allow-Methods', [...always, ...methods].join(', ')]];
  if (allowed.length > 0) headers.push(['Access-Control-Allow-Headers', allowed.join(', ')]);
  if (maxAgeSeconds !== undefined) {
    webChecks.wholeNumber('cors', 'maxAgeSeconds', maxAgeSeconds, 0, 2 ** 31 - 1);
    headers.push(['Access-Control-Max-Age', String(maxAgeSeconds)]);
  }
  return headers;
}

function tokens(option: string, list: unknown, credentials: boolean): readonly string[] {
  const wrong = Array.isArray(list) ? list.find((one) => typeof one !== 'string' || !TOKEN.test(one)) : list;
  if (!Array.isArray(list) || wrong !== undefined) {
    throw usage(`${option} must be an array of names, got ${shownValue(wrong)}`);
  }
  // With credentials, browsers treat `*` as a literal name (Fetch, "CORS protocol and credentials").
  if (credentials && list.includes('*'))
    throw usage(`${option}: with credentials, '*' has no effect: list the names`);
  return list;
}

function usage(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', `cors: ${problem}`);
}

import { formatHttpDate, type HTTPHeaders, Http1UsageError, type ResponseHead } from '@landspout/http1';
import type { ClientRequest } from '@landspout/http1/client';
import { type AbsoluteUrl, parseAbsoluteUrl, RequestEncoder } from '@landspout/http1/protocol';
import { shownText } from '@landspout/ioloop/errors';
import { type Origin, originOf } from '../pool/origin.ts';
import {
  type BasicAuth,
  type HTTPRequest,
  headersFrom,
  type RequestDefaults,
} from '../request/http-request.ts';
import { lengthOf, type OutgoingBody, outgoingBody } from '../request/request-body.ts';
import { clientChecks, HTTPClientUsageError } from '../request/usage.ts';

/** A checked request, with all values that its connection needs. */
export interface PreparedRequest {
  readonly request: HTTPRequest;
  readonly effectiveUrl: string;
  readonly origin: Origin;
  readonly wire: ClientRequest;
  readonly body: OutgoingBody;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly raiseError: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onHead: ((head: ResponseHead) => void | PromiseLike<void>) | undefined;
  readonly onData: ((chunk: Uint8Array) => void | PromiseLike<void>) | undefined;
}

const DEFAULT_PORTS = { http: 80, https: 443 };
const DEFAULT_TIMEOUT_MS = 20_000;
const DEFAULT_MAX_BODY_BYTES = 100 * 1024 * 1024;

/**
 * The supported methods, and whether each has a body (HC-06). CONNECT is not supported, because it opens a tunnel
 * instead of returning a response.
 */
const METHODS: ReadonlyMap<string, boolean> = new Map([
  ['GET', false],
  ['HEAD', false],
  ['DELETE', false],
  ['OPTIONS', false],
  ['POST', true],
  ['PUT', true],
  ['PATCH', true],
]);

/**
 * Checks a request and fills in the defaults.
 *
 * @throws HTTPClientUsageError if it cannot be sent as intended.
 */
export function prepareRequest(request: HTTPRequest, defaults: RequestDefaults): PreparedRequest {
  const { options, method } = request;
  const url = parseRequestUrl(request.url);
  const body = outgoingBody(options.body);
  checkMethod(method, body, options.allowNonstandardMethods ?? false);
  const family = options.family ?? defaults.family;
  if (family !== undefined) clientChecks.oneOf('fetch', 'family', family, [4, 6]);
  const wire = {
    method,
    target: url.target,
    headers: requestHeaders(request, url, body, defaults),
    bodyBytes: lengthOf(body),
    maxBodyBytes: clientChecks.wholeNumber(
      'fetch',
      'maxBodyBytes',
      options.maxBodyBytes ?? defaults.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
    ),
  };
  checkWire(wire);
  return {
    request,
    effectiveUrl: url.href,
    origin: originOf(url, options.tls ?? defaults.tls, family),
    wire,
    body,
    connectTimeoutMs: timeout('connectTimeoutMs', options.connectTimeoutMs ?? defaults.connectTimeoutMs),
    requestTimeoutMs: timeout('requestTimeoutMs', options.requestTimeoutMs ?? defaults.requestTimeoutMs),
    raiseError: options.raiseError ?? defaults.raiseError ?? true,
    signal: options.signal,
    onHead: options.onHead,
    onData: options.onData,
  };
}

/** @throws HTTPClientUsageError `ERR_HTTPCLIENT_URL` or `ERR_HTTPCLIENT_SCHEME`. */
function parseRequestUrl(text: string): AbsoluteUrl {
  try {
    return parseAbsoluteUrl(text, DEFAULT_PORTS);
  } catch (error) {
    if (!(error instanceof Http1UsageError)) throw error;
    const code = error.code === 'ERR_HTTP1_URL_SCHEME' ? 'ERR_HTTPCLIENT_SCHEME' : 'ERR_HTTPCLIENT_URL';
    throw new HTTPClientUsageError(code, `fetch: ${error.message}`, { cause: error });
  }
}

function requestHeaders(
  request: HTTPRequest,
  url: AbsoluteUrl,
  body: OutgoingBody,
  defaults: RequestDefaults,
): HTTPHeaders {
  const { options } = request;
  const userAgent = options.userAgent ?? defaults.userAgent ?? 'Landspout';
  const auth = options.basicAuth ?? authOf(url);
  // Headers are added in the order in which they are sent: RFC 9110 §7.2 recommends that Host is first.
  const hosts = request.headers.getList('Host');
  const headers = headersFrom({ Host: hosts.length === 0 ? url.authority : hosts });
  const own = headersFrom(request.headers);
  own.delete('Host');
  if (defaults.headers !== undefined) {
    for (const [name, value] of headersFrom(defaults.headers)) if (!own.has(name)) headers.add(name, value);
  }
  for (const [name, value] of own) headers.add(name, value);
  const addWhereMissing = (name: string, value: string): void => {
    if (headers.has(name)) return;
    for (const pair of headersFrom([[name, value]])) headers.add(...pair);
  };
  if (userAgent !== '') addWhereMissing('User-Agent', userAgent);
  if (auth !== undefined) addWhereMissing('Authorization', basicCredentials(auth));
  if (options.ifModifiedSince !== undefined)
    addWhereMissing('If-Modified-Since', httpDate(options.ifModifiedSince));
  if (request.method === 'POST' && body.kind !== 'none') {
    addWhereMissing('Content-Type', 'application/x-www-form-urlencoded');
  }
  return headers;
}

/** Empty user information, as in `http://@host/`, is ignored. */
function authOf({ userInformation }: AbsoluteUrl): BasicAuth | undefined {
  const isEmpty = userInformation?.username === '' && userInformation.password === '';
  return isEmpty ? undefined : userInformation;
}

function checkMethod(method: string, body: OutgoingBody, nonstandard: boolean): void {
  if (method === 'CONNECT') throw usage('fetch: CONNECT is not supported, because it makes a tunnel');
  if (nonstandard) return;
  const takesBody = METHODS.get(method);
  if (takesBody === undefined)
    throw usage(`fetch: unknown method ${shownText(method)}; set allowNonstandardMethods to send it`);
  if (takesBody && body.kind === 'none') throw usage(`fetch: ${method} must have a body, which may be empty`);
  if (!takesBody && body.kind !== 'none') throw usage(`fetch: ${method} must not have a body`);
}

/** Encodes the request head once as a check, so that an invalid head is refused before a connection is opened. */
function checkWire(wire: ClientRequest): void {
  if (wire.headers.has('Upgrade'))
    throw usage('fetch: the Upgrade header is not supported; use requestUpgrade of http1');
  try {
    new RequestEncoder().head(wire.method, wire.target, wire.headers, wire.bodyBytes);
  } catch (error) {
    if (!(error instanceof Http1UsageError)) throw error;
    throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', error.message, { cause: error });
  }
}

/** Encodes credentials for basic authentication (RFC 7617 §2) as UTF-8 (§2.1). */
function basicCredentials({ username, password }: BasicAuth): string {
  if (username.includes(':')) throw usage('basicAuth: username must not contain a colon');
  if (/\p{Cc}/u.test(username + password))
    throw usage('basicAuth: username and password must not contain control characters');
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

function httpDate(date: Date): string {
  if (Number.isNaN(date.getTime())) throw usage('ifModifiedSince must be a valid Date');
  return formatHttpDate(date.getTime());
}

/** @returns milliseconds; 0 for no limit. */
function timeout(name: string, value = DEFAULT_TIMEOUT_MS): number {
  return clientChecks.durationMs('fetch', name, value);
}

function usage(message: string): HTTPClientUsageError {
  return new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', message);
}

import {
  type AbsoluteUrl,
  HTTPHeaders,
  type HTTPHeadersInit,
  Http1UsageError,
  parseAbsoluteUrl,
} from '@landspout/http1/protocol';
import type { RequestOptions } from '@landspout/httpclient';
import { HTTPClientUsageError, HTTPRequest, refuseMisplaced } from '@landspout/httpclient/connecting';
import { excerpt, type OptionNames } from '@landspout/ioloop/errors';
import { maskedUrl } from '@landspout/ioloop/inspection';
import type { Resolver } from '@landspout/iostream';
import { WEBSOCKET_OPTIONS, type WebSocketOptions } from '../connection/websocket-options.ts';
import { formatSubprotocols, WebSocketUsageError } from '../protocol/index.ts';
import { webSocketChecks } from '../protocol/limits.ts';

/** The options of an HTTP request that a WebSocket has too, with the same forms and defaults. */
type SharedOptions = Pick<
  RequestOptions,
  'tls' | 'family' | 'localAddress' | 'socketPath' | 'proxy' | 'basicAuth' | 'digestAuth' | 'signal'
>;

/** Options for opening a connection, which all classes for clients share. */
export interface WebSocketOpenOptions extends WebSocketOptions, SharedOptions {
  /** Subprotocols to offer, in order of preference: at most 64 different tokens. Default: none. */
  readonly subprotocols?: readonly string[];
  /** Additional request headers, such as Authorization. Headers of the handshake itself are refused. */
  readonly headers?: HTTPHeadersInit | undefined;
  /** The value of the Origin header. Default: no such header; only browsers must send one. */
  readonly origin?: string;
  /**
   * Limit for name resolution, connecting, proxies, TLS and the opening handshake together; 0: no limit. Default: 20 s.
   */
  readonly connectTimeoutMs?: number | undefined;
  /** Cancels the connection attempt. Has no effect after the connection is open. */
  readonly signal?: AbortSignal | undefined;
  /**
   * TLS options for `wss:` URLs, such as `ca`, `servername`, and `cert` with `key` for a client certificate. Default:
   * the server's certificate must be trusted and must match the host name.
   */
  readonly tls?: SharedOptions['tls'];
  /**
   * The proxy, in the same forms as for `AsyncHTTPClient`: a URL such as `http://user:password@proxy:3128`,
   * `https://…` or `socks5://…`; an object with more options; `new EnvironmentProxies()`, for which `ws:` counts as
   * http and `wss:` as https; or false. HTTP proxies open a tunnel with CONNECT, for `ws:` URLs too. Default: none.
   */
  readonly proxy?: SharedOptions['proxy'];
  /** Resolves the host name, or that of the proxy. Default: the system resolver. */
  readonly resolver?: Resolver;
}

/** The names of all {@link WebSocketOpenOptions}. */
export const OPEN_OPTIONS: OptionNames<WebSocketOpenOptions> = {
  ...WEBSOCKET_OPTIONS,
  subprotocols: true,
  headers: true,
  origin: true,
  connectTimeoutMs: true,
  signal: true,
  tls: true,
  resolver: true,
  family: true,
  localAddress: true,
  socketPath: true,
  proxy: true,
  basicAuth: true,
  digestAuth: true,
};

/** Options of an HTTPRequest that also are options of a WebSocket. */
const SHARED = [
  'headers',
  'connectTimeoutMs',
  'tls',
  'family',
  'localAddress',
  'socketPath',
  'proxy',
  'basicAuth',
  'digestAuth',
  'signal',
] as const satisfies readonly (keyof WebSocketOpenOptions & keyof RequestOptions)[];

/** Options of an HTTPRequest that are used in another way; see {@link connectRequest}. */
const ADAPTED: ReadonlySet<string> = new Set(['method', 'requestTimeoutMs', 'userAgent', 'followRedirects']);

const DEFAULT_CONNECT_TIMEOUT_MS = 20_000;
const DEFAULT_PORTS = { ws: 80, wss: 443 };

/** A checked request for a WebSocket. */
export interface ConnectRequest {
  readonly target: AbsoluteUrl;
  /** The URL for messages: without user information, query and fragment, where programs often put credentials. */
  readonly name: string;
  /** The merged options of the HTTPRequest and of the call. */
  readonly options: WebSocketOpenOptions;
  /** 0 for no limit. */
  readonly connectTimeoutMs: number;
  readonly subprotocols: readonly string[];
  /** The headers of each attempt, Host first. Key and credentials are added to a copy. */
  readonly headers: HTTPHeaders;
}

/**
 * Checks what `websocketConnect` was called with.
 *
 * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_URL`, `ERR_WEBSOCKET_BAD_OPTION` or `ERR_WEBSOCKET_BAD_SUBPROTOCOL`.
 */
export function connectRequest(
  operation: string,
  url: string | URL | HTTPRequest,
  given: WebSocketOpenOptions,
): ConnectRequest {
  requireNames(operation, given, OPEN_OPTIONS);
  const isRequest = url instanceof HTTPRequest;
  const options = isRequest ? mergedOptions(operation, url, given) : given;
  const target = parseWebSocketUrl(operation, isRequest ? url.url : String(url));
  if (target.scheme === 'ws' && options.tls !== undefined)
    throw badOption(`${operation}: tls is only for wss: URLs`);
  if (options.basicAuth !== undefined && options.digestAuth !== undefined)
    throw badOption(`${operation}: only one of basicAuth and digestAuth may be set`);
  const { connectTimeoutMs = DEFAULT_CONNECT_TIMEOUT_MS, subprotocols = [] } = options;
  webSocketChecks.durationMs(operation, 'connectTimeoutMs', connectTimeoutMs);
  webSocketChecks.signal(operation, options.signal);
  const requestTimeoutMs = (isRequest ? url.options.requestTimeoutMs : undefined) ?? 0;
  webSocketChecks.durationMs(operation, 'requestTimeoutMs', requestTimeoutMs);
  const limits = [connectTimeoutMs, requestTimeoutMs].filter((limit) => limit > 0);
  const headers = requestHeaders(operation, target, options);
  const userAgent = isRequest ? url.options.userAgent : undefined;
  if (userAgent !== undefined && userAgent !== '' && !headers.has('User-Agent'))
    headers.set('User-Agent', userAgent);
  const connectLimitMs = limits.length === 0 ? 0 : Math.min(...limits);
  const name = shownUrl(target);
  return { target, name, options, connectTimeoutMs: connectLimitMs, subprotocols, headers };
}

/** Refuses unknown options, with the right place if there is one. @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` */
export function requireNames<Options extends object>(
  operation: string,
  options: Options,
  known: OptionNames<Options>,
): void {
  refusing(operation, () => refuseMisplaced(operation, options, known, 'tls'));
  webSocketChecks.options(operation, options, known);
}

/** Runs a check of the HTTP client, and refuses with our own error. */
export function refusing<T>(operation: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw ownError(operation, error);
  }
}

/** Turns the error of the HTTP client for an invalid option into our own. */
export function ownError(operation: string, error: unknown): unknown {
  if (!(error instanceof HTTPClientUsageError)) return error;
  const prefix = `${operation}: `;
  const message = error.message.startsWith(prefix) ? error.message : prefix + error.message;
  return new WebSocketUsageError('ERR_WEBSOCKET_BAD_OPTION', message, { cause: error });
}

/** Shows a URL of a message: clipped, without user information, query and fragment. */
export function shownLocation(location: string): string {
  return excerpt(maskedUrl(location.replace(/[?#].*$/s, '')));
}

function shownUrl({ scheme, authority, target }: AbsoluteUrl): string {
  const path = target.replace(/\?.*$/s, '');
  return `${scheme}://${authority}${path.length > MAX_SHOWN_PATH ? `${path.slice(0, MAX_SHOWN_PATH)}…` : path}`;
}

const MAX_SHOWN_PATH = 200;

/** Adds the options of an HTTPRequest to those of the call. What has no meaning for a WebSocket is refused by name. */
function mergedOptions(
  operation: string,
  request: HTTPRequest,
  given: WebSocketOpenOptions,
): WebSocketOpenOptions {
  const { options, method } = request;
  if (method !== 'GET') throw badOption(`${operation}: method must be GET, got ${excerpt(String(method))}`);
  if (request.encodedBody !== undefined) throw refusedOption(operation, 'body');
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || ADAPTED.has(name)) continue;
    if (!(SHARED as readonly string[]).includes(name)) throw refusedOption(operation, name);
    if (given[name as (typeof SHARED)[number]] !== undefined)
      throw badOption(
        `${operation}: ${name} must be either in the HTTPRequest or in the options, not in both`,
      );
  }
  if (options.followRedirects === true)
    throw badOption(`${operation}: followRedirects must be false, because redirects are not followed`);
  const shared = Object.fromEntries(
    SHARED.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  );
  return { ...given, ...shared };
}

function refusedOption(operation: string, name: string): WebSocketUsageError {
  return badOption(`${operation}: the option ${name} of an HTTPRequest has no meaning for a WebSocket`);
}

/** Parses a URL as RFC 6455 §3 requires. @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_URL`. */
function parseWebSocketUrl(operation: string, text: string): AbsoluteUrl {
  const badUrl = (detail: string, cause?: unknown): WebSocketUsageError =>
    new WebSocketUsageError('ERR_WEBSOCKET_BAD_URL', `${operation}: ${detail}`, { cause });
  let url: AbsoluteUrl;
  try {
    url = parseAbsoluteUrl(text, DEFAULT_PORTS);
  } catch (error) {
    if (!(error instanceof Http1UsageError)) throw error;
    throw badUrl(error.message, error);
  }
  if (url.hasFragment)
    throw badUrl('a WebSocket URL must not have a fragment; remove "#" and what follows it');
  if (url.userInformation !== undefined)
    throw badUrl('a WebSocket URL must not have user information; pass it as `basicAuth`');
  return url;
}

/** Headers that only the handshake sets. */
const HANDSHAKE_FIELDS = /^(?:connection|upgrade|content-length|transfer-encoding|sec-websocket-.*)$/i;

function requestHeaders(operation: string, target: AbsoluteUrl, options: WebSocketOpenOptions): HTTPHeaders {
  const headers = new HTTPHeaders().set('Host', target.authority);
  headers.set('Upgrade', 'websocket').set('Connection', 'Upgrade').set('Sec-WebSocket-Version', '13');
  const { subprotocols = [], origin } = options;
  if (subprotocols.length > 0) headers.set('Sec-WebSocket-Protocol', formatSubprotocols(subprotocols));
  if (origin !== undefined) headers.set('Origin', origin);
  for (const [name, value] of HTTPHeaders.from(options.headers ?? {}).getAll()) {
    if (HANDSHAKE_FIELDS.test(name))
      throw badOption(`${operation}: headers: ${name} is set by the handshake; leave it out`);
    if (name.toLowerCase() === 'host') headers.set(name, value);
    else headers.add(name, value);
  }
  return headers;
}

function badOption(detail: string): WebSocketUsageError {
  return new WebSocketUsageError('ERR_WEBSOCKET_BAD_OPTION', detail);
}

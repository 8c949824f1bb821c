// The client: connects and lets the program read messages. The server side is in `handler/`.

import { createHash } from 'node:crypto';
import { HTTPHeaders, type ResponseHead } from '@landspout/http1';
import { requestUpgrade } from '@landspout/http1/client';
import {
  type AbsoluteUrl,
  type HTTPHeadersInit,
  Http1UsageError,
  parseAbsoluteUrl,
} from '@landspout/http1/protocol';
import { type OptionNames, pickOptions } from '@landspout/ioloop/errors';
import { onAbort, withCallerStack } from '@landspout/ioloop/reactor';
import { type IOStream, type Resolver, TCPClient, type TlsClientOptions } from '@landspout/iostream';
import { WebSocketTimeoutError } from '../connection/errors.ts';
import {
  resolveWebSocketOptions,
  WEBSOCKET_OPTIONS,
  type WebSocketOptions,
} from '../connection/websocket-options.ts';
import {
  acceptValue,
  checkUpgradeResponse,
  formatSubprotocols,
  handshakeKey,
  WebSocketUsageError,
} from '../protocol/index.ts';
import { webSocketChecks } from '../protocol/limits.ts';
import { WebSocketClientConnection } from './websocket-client-connection.ts';

export interface WebSocketConnectOptions extends WebSocketOptions {
  /** Subprotocols to offer, in order of preference: at most 64 different tokens. Default: none. */
  readonly subprotocols?: readonly string[];
  /** Additional request headers, such as Authorization. Headers of the handshake itself are refused. */
  readonly headers?: HTTPHeadersInit;
  /** The value of the Origin header. Default: no such header; only browsers must send one. */
  readonly origin?: string;
  /** Limit for name resolution, connecting, TLS and the opening handshake together; 0: no limit. Default: 20 s. */
  readonly connectTimeoutMs?: number;
  /** Cancels the connection attempt. Has no effect after the connection is open. */
  readonly signal?: AbortSignal;
  /** TLS options for `wss:` URLs. Default: the server's certificate must be trusted and must match the host name. */
  readonly tls?: TlsClientOptions;
  /** Resolves the host name. Default: the system resolver. */
  readonly resolver?: Resolver;
}

const CONNECT_OPTIONS: OptionNames<WebSocketConnectOptions> = {
  ...WEBSOCKET_OPTIONS,
  subprotocols: true,
  headers: true,
  origin: true,
  connectTimeoutMs: true,
  signal: true,
  tls: true,
  resolver: true,
};

const DEFAULT_CONNECT_TIMEOUT_MS = 20_000;

/**
 * Opens a WebSocket connection.
 *
 * @param url - `ws://host[:port]/path?query`, or `wss:` for TLS. User information and fragments are refused.
 * @returns the connection, which the caller must close.
 * @throws WebSocketHandshakeError with the `status` of the response, if the response is not a valid 101. Redirects are
 *   not followed. WebSocketTimeoutError `ERR_WEBSOCKET_CONNECT_TIMEOUT`; the reason of `signal`; WebSocketUsageError
 *   `ERR_WEBSOCKET_BAD_URL`, `ERR_WEBSOCKET_BAD_OPTION` or `ERR_WEBSOCKET_BAD_SUBPROTOCOL`; the errors of
 *   `TCPClient.connect`; Http1ProtocolError or HTTPClosedError if the server does not speak HTTP. After an error, no
 *   connection stays open.
 *
 * @example
 * const connection = await websocketConnect('ws://127.0.0.1:8888/echo');
 * await connection.writeMessage('hello');
 * console.log(await connection.readMessage());
 */
export async function websocketConnect(
  url: string | URL,
  options: WebSocketConnectOptions = {},
): Promise<WebSocketClientConnection> {
  webSocketChecks.options('websocketConnect', options, CONNECT_OPTIONS);
  const { connectTimeoutMs = DEFAULT_CONNECT_TIMEOUT_MS, subprotocols = [], signal } = options;
  const settings = resolveWebSocketOptions(pickOptions(options, WEBSOCKET_OPTIONS));
  webSocketChecks.durationMs('websocketConnect', 'connectTimeoutMs', connectTimeoutMs);
  const target = parseWebSocketUrl(String(url));
  if (target.scheme === 'ws' && options.tls !== undefined)
    throw badOption('websocketConnect: tls is only for wss: URLs');
  const key = handshakeKey(settings.randomBytes(16));
  const headers = requestHeaders(target, key, options);

  signal?.throwIfAborted();
  const controller = new AbortController();
  const stopListening = onAbort(signal, (reason) => controller.abort(reason));
  const expire = (): void => {
    const detail = `connecting to ${target.authority} took longer than ${connectTimeoutMs} ms`;
    controller.abort(new WebSocketTimeoutError('ERR_WEBSOCKET_CONNECT_TIMEOUT', detail));
  };
  const timer = connectTimeoutMs === 0 ? undefined : settings.clock.setTimeout(expire, connectTimeoutMs);
  try {
    const stream = await dial(target, options, controller.signal);
    const request = { method: 'GET', target: target.target, headers };
    const answer = await requestUpgrade(stream, request, { signal: controller.signal });
    const protocol = checkAnswer(answer.head, answer.stream, key, subprotocols);
    return new WebSocketClientConnection(answer.stream as IOStream, settings, protocol);
  } catch (error) {
    throw withCallerStack(error);
  } finally {
    timer?.cancel();
    stopListening();
  }
}

const DEFAULT_PORTS = { ws: 80, wss: 443 };

/** Parses a URL as RFC 6455 §3 requires. @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_URL`. */
function parseWebSocketUrl(text: string): AbsoluteUrl {
  let url: AbsoluteUrl;
  try {
    url = parseAbsoluteUrl(text, DEFAULT_PORTS);
  } catch (error) {
    if (!(error instanceof Http1UsageError)) throw error;
    throw badUrl(error.message, error);
  }
  if (url.hasFragment)
    throw badUrl('a WebSocket URL must not have a fragment; remove "#" and what follows it');
  if (url.userInformation !== undefined) {
    throw badUrl('a WebSocket URL must not have user information; pass an Authorization header in `headers`');
  }
  return url;
}

function badUrl(detail: string, cause?: unknown): WebSocketUsageError {
  return new WebSocketUsageError('ERR_WEBSOCKET_BAD_URL', `websocketConnect: ${detail}`, { cause });
}

/** Headers that only the handshake sets. */
const HANDSHAKE_FIELDS = /^(?:connection|upgrade|content-length|transfer-encoding|sec-websocket-.*)$/i;

function requestHeaders(target: AbsoluteUrl, key: string, options: WebSocketConnectOptions): HTTPHeaders {
  const headers = new HTTPHeaders().set('Host', target.authority);
  headers.set('Upgrade', 'websocket').set('Connection', 'Upgrade');
  headers.set('Sec-WebSocket-Key', key).set('Sec-WebSocket-Version', '13');
  const { subprotocols = [], origin } = options;
  if (subprotocols.length > 0) headers.set('Sec-WebSocket-Protocol', formatSubprotocols(subprotocols));
  if (origin !== undefined) headers.set('Origin', origin);
  for (const [name, value] of HTTPHeaders.from(options.headers ?? {}).getAll()) {
    if (HANDSHAKE_FIELDS.test(name))
      throw badOption(`websocketConnect: headers: ${name} is set by the handshake; leave it out`);
    if (name.toLowerCase() === 'host') headers.set(name, value);
    else headers.add(name, value);
  }
  return headers;
}

function dial(target: AbsoluteUrl, options: WebSocketConnectOptions, signal: AbortSignal): Promise<IOStream> {
  const { host, port, scheme } = target;
  const { tls = true, resolver } = options;
  const client = new TCPClient(resolver === undefined ? {} : { resolver });
  // No timeout here: the signal also contains the deadline, which includes the handshake.
  return client.connect({ host, port, signal, timeoutMs: 0, ...(scheme === 'wss' ? { tls } : {}) });
}

function checkAnswer(
  head: ResponseHead,
  stream: IOStream | undefined,
  key: string,
  protocols: readonly string[],
): string | undefined {
  const accept = acceptValue(key, (text) => createHash('sha1').update(text).digest('base64'));
  try {
    const { version, status } = head;
    const response = { version, status, header: (name: string) => head.headers.get(name) };
    return checkUpgradeResponse(response, { accept, protocols }).protocol;
  } catch (error) {
    stream?.close();
    throw error;
  }
}

function badOption(detail: string): WebSocketUsageError {
  return new WebSocketUsageError('ERR_WEBSOCKET_BAD_OPTION', detail);
}

// This room knows how a client connects, and how its program reads messages. It does not know servers or handlers.

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
  /** Offered in this order of preference: at most 64 different tokens. */
  readonly subprotocols?: readonly string[];
  /** Further headers of the request, such as Authorization. Those of the handshake itself are refused. */
  readonly headers?: HTTPHeadersInit;
  /** The Origin to name. Default: none, as programs do. */
  readonly origin?: string;
  /** For all of resolving, connecting, TLS and the opening handshake; 0 is no limit. Default 20 s. */
  readonly connectTimeoutMs?: number;
  /** Stops connecting. Of no effect on a connection that is open. */
  readonly signal?: AbortSignal;
  /** For `wss`. Default: the server's certificate must be vouched for and name the host. */
  readonly tls?: TlsClientOptions;
  /** Default: the system's. */
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
 * Opens a WebSocket.
 *
 * @param url - `ws://host[:port]/path?query`, or `wss:` over TLS; without a user or a fragment.
 * @returns the connection; yours to close.
 * @throws WebSocketHandshakeError when the server answers with anything but a correct 101, with its `status`: a
 *   redirect is not followed. WebSocketTimeoutError `ERR_WEBSOCKET_CONNECT_TIMEOUT`; the reason of `signal`;
 *   WebSocketUsageError `ERR_WEBSOCKET_BAD_URL`, `ERR_WEBSOCKET_BAD_OPTION`, `ERR_WEBSOCKET_BAD_SUBPROTOCOL`; what
 *   `TCPClient.connect` throws; Http1ProtocolError and HTTPClosedError from a server that does not speak HTTP.
 *   Nothing stays open then.
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
  if (target.scheme === 'ws' && options.tls !== undefined) throw badOption('tls is for wss: URLs');
  const key = handshakeKey(settings.randomBytes(16));
  const headers = requestHeaders(target, key, options);

  signal?.throwIfAborted();
  const controller = new AbortController();
  const stopListening = onAbort(signal, (reason) => controller.abort(reason));
  const expire = (): void => {
    const detail = `not connected to ${target.authority} within ${connectTimeoutMs} ms`;
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

/** RFC 6455 §3. @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_URL`. */
function parseWebSocketUrl(text: string): AbsoluteUrl {
  let url: AbsoluteUrl;
  try {
    url = parseAbsoluteUrl(text, DEFAULT_PORTS);
  } catch (error) {
    if (!(error instanceof Http1UsageError)) throw error;
    throw badUrl(error.message, error);
  }
  if (url.hasFragment) throw badUrl('a WebSocket URL has no fragment: leave out "#" and what follows');
  if (url.userInformation !== undefined) {
    throw badUrl('a WebSocket URL has no user information: set the header Authorization');
  }
  return url;
}

function badUrl(detail: string, cause?: unknown): WebSocketUsageError {
  return new WebSocketUsageError('ERR_WEBSOCKET_BAD_URL', `websocketConnect: ${detail}`, { cause });
}

/** What only the handshake may say. */
const HANDSHAKE_FIELDS = /^(?:connection|upgrade|content-length|transfer-encoding|sec-websocket-.*)$/i;

function requestHeaders(target: AbsoluteUrl, key: string, options: WebSocketConnectOptions): HTTPHeaders {
  const headers = new HTTPHeaders().set('Host', target.authority);
  headers.set('Upgrade', 'websocket').set('Connection', 'Upgrade');
  headers.set('Sec-WebSocket-Key', key).set('Sec-WebSocket-Version', '13');
  const { subprotocols = [], origin } = options;
  if (subprotocols.length > 0) headers.set('Sec-WebSocket-Protocol', formatSubprotocols(subprotocols));
  if (origin !== undefined) headers.set('Origin', origin);
  for (const [name, value] of HTTPHeaders.from(options.headers ?? {}).getAll()) {
    if (HANDSHAKE_FIELDS.test(name)) throw badOption(`headers: ${name} belongs to the handshake`);
    if (name.toLowerCase() === 'host') headers.set(name, value);
    else headers.add(name, value);
  }
  return headers;
}

function dial(target: AbsoluteUrl, options: WebSocketConnectOptions, signal: AbortSignal): Promise<IOStream> {
  const { host, port, scheme } = target;
  const { tls = true, resolver } = options;
  const client = new TCPClient(resolver === undefined ? {} : { resolver });
  // The deadline is in the signal: it covers the handshake too.
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

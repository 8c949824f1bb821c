// The client: connects and lets the program read messages. The server side is in `handler/`.

import type { HTTPRequest } from '@landspout/httpclient/connecting';
import { type OptionNames, pickOptions } from '@landspout/ioloop/errors';
import { webSocketChecks } from '../protocol/limits.ts';
import { OPEN_OPTIONS, requireNames, type WebSocketOpenOptions } from './connect-request.ts';
import type { OnMessage } from './message-callback.ts';
import { WebSocketOpener } from './open-websocket.ts';
import { WebSocketClientConnection } from './websocket-client-connection.ts';

export interface WebSocketConnectOptions extends WebSocketOpenOptions {
  /**
   * Is called with each message, instead of `readMessage`, and with null after the last one. If it returns a promise, no
   * more is read until the promise settles. If it throws or rejects, the error is logged, and the connection is closed
   * with 1011. It is not called before `websocketConnect` has resolved. Default: messages are read.
   */
  readonly onMessage?: OnMessage | undefined;
}

const CONNECT_OPTIONS: OptionNames<WebSocketConnectOptions> = { ...OPEN_OPTIONS, onMessage: true };

/**
 * Opens a WebSocket connection.
 *
 * @param url - `ws://host[:port]/path?query`, or `wss:` for TLS. User information and fragments are refused. Or an
 *   `HTTPRequest` of the HTTP client with such a URL: its headers, `basicAuth`, `digestAuth`, `userAgent`, `proxy`,
 *   `tls`, `family`, `localAddress`, `socketPath`, `signal`, `connectTimeoutMs` and `requestTimeoutMs` are used (the
 *   shorter of the two limits the whole attempt); options that have no meaning here, such as a body, are refused.
 * @returns the connection, which the caller must close.
 * @throws WebSocketHandshakeError with the `status`, the `headers` and the start of the `body` of the response, if the
 *   response is not a valid 101. Redirects are not followed. WebSocketTimeoutError `ERR_WEBSOCKET_CONNECT_TIMEOUT`; the
 *   reason of `signal`; WebSocketUsageError `ERR_WEBSOCKET_BAD_URL`, `ERR_WEBSOCKET_BAD_OPTION` or
 *   `ERR_WEBSOCKET_BAD_SUBPROTOCOL`; HTTPProxyError `ERR_HTTPCLIENT_PROXY`; the errors of `TCPClient.connect`;
 *   Http1ProtocolError or HTTPClosedError if the server does not speak HTTP. After an error, no connection stays open.
 *
 * @example
 * const connection = await websocketConnect('ws://127.0.0.1:8888/echo');
 * await connection.writeMessage('hello');
 * console.log(await connection.readMessage());
 */
export async function websocketConnect(
  url: string | URL | HTTPRequest,
  options: WebSocketConnectOptions = {},
): Promise<WebSocketClientConnection> {
  requireNames('websocketConnect', options, CONNECT_OPTIONS);
  const { onMessage } = options;
  if (onMessage !== undefined) webSocketChecks.callback('websocketConnect', 'onMessage', onMessage);
  const opener = new WebSocketOpener('websocketConnect', url, pickOptions(options, OPEN_OPTIONS));
  return new WebSocketClientConnection(await opener.open(), onMessage);
}

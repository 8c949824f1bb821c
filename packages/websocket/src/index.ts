/**
 * WebSocket (RFC 6455) in both directions: handlers for `@landspout/web`, and `websocketConnect` for clients.
 *
 * This package handles frames, handshakes and send queues. It has no publish/subscribe topics and no compression.
 * `@landspout/websocket/protocol` is the codec alone, `@landspout/websocket/connection` a connection over any stream.
 *
 * @packageDocumentation
 */

// Serving.

export type { MessageData } from './connection/message-data.ts';
export type { WebSocketOptions } from './connection/websocket-options.ts';
export { WebSocketHandler } from './handler/websocket-handler.ts';

// Connecting.

export { type ReadMessageOptions, WebSocketClientConnection } from './client/websocket-client-connection.ts';
export { type WebSocketConnectOptions, websocketConnect } from './client/websocket-connect.ts';

// Messages encoded once for many connections, close codes and origins.

export { isSameOrigin } from '@landspout/http1/protocol';
export { CLOSE_CODES, encodeMessage, isValidCloseCode } from './protocol/index.ts';

// Errors.

export {
  WEBSOCKET_ERRORS,
  WebSocketClosedError,
  type WebSocketErrorCode,
  WebSocketLimitError,
  WebSocketTimeoutError,
} from './connection/errors.ts';
export {
  WebSocketHandshakeError,
  type WebSocketHandshakeErrorCode,
  WebSocketProtocolError,
  type WebSocketProtocolErrorCode,
  WebSocketUsageError,
  type WebSocketUsageErrorCode,
} from './protocol/index.ts';

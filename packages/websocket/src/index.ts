/**
 * WebSocket (RFC 6455) in both directions: handlers for `@landspout/web`, and `websocketConnect` for clients.
 *
 * Knows frames, handshakes and who is too slow. Does not know topics or compression.
 * `@landspout/websocket/protocol` is the codec alone.
 *
 * @packageDocumentation
 */

// Connecting.
export { type ReadMessageOptions, WebSocketClientConnection } from './client/websocket-client-connection.ts';
export { type WebSocketConnectOptions, websocketConnect } from './client/websocket-connect.ts';
// For another shell: one connection over any stream, after its opening handshake.
export type { WebSocketDelegate } from './connection/delegate.ts';
// What can go wrong.
export {
  WEBSOCKET_ERRORS,
  WebSocketClosedError,
  type WebSocketErrorCode,
  WebSocketLimitError,
  WebSocketTimeoutError,
} from './connection/errors.ts';
// What both sides share.
export type { MessageData } from './connection/message-data.ts';
export { WebSocketConnection } from './connection/websocket-connection.ts';
export {
  type RandomBytes,
  resolveWebSocketOptions,
  type WebSocketOptions,
  type WebSocketSettings,
} from './connection/websocket-options.ts';
// Serving.
export { WebSocketHandler } from './handler/websocket-handler.ts';
// From the protocol.
export {
  CLOSE_CODES,
  encodeMessage,
  isSameOrigin,
  isValidCloseCode,
  WebSocketHandshakeError,
  type WebSocketHandshakeErrorCode,
  WebSocketProtocolError,
  type WebSocketProtocolErrorCode,
  WebSocketUsageError,
  type WebSocketUsageErrorCode,
} from './protocol/index.ts';

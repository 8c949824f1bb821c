/**
 * WebSocket (RFC 6455) in both directions: handlers for `@landspout/web`, and `websocketConnect` for clients.
 *
 * This package handles frames, handshakes, compression and send queues; topics are in `@landspout/topics`.
 * `@landspout/websocket/protocol` is the codec alone, `@landspout/websocket/connection` a connection over any stream.
 *
 * @packageDocumentation
 */

// Serving.

export { type BroadcastTarget, broadcast } from './connection/broadcast.ts';
export type { MessageData } from './connection/message-data.ts';
export { PreparedMessage } from './connection/prepared-message.ts';
export type { SendOptions, SendPolicy } from './connection/send-policy.ts';
export type { WebSocketOptions } from './connection/websocket-options.ts';
export { parseMessage, parseMessageAsync } from './handler/parse-message.ts';
export { WebSocketHandler } from './handler/websocket-handler.ts';

// Connecting.

export type { WebSocketOpenOptions } from './client/connect-request.ts';
export type { OnMessage } from './client/message-callback.ts';
export type {
  ForEachAttempt,
  ReconnectingWebSocketOptions,
  WebSocketDisconnect,
  WebSocketLoss,
  WebSocketLossDecision,
  WebSocketTarget,
} from './client/reconnect-options.ts';
export type { ReconnectDelays } from './client/reconnect-policy.ts';
export { ReconnectingWebSocket } from './client/reconnecting-websocket.ts';
export { type ReadMessageOptions, WebSocketClientConnection } from './client/websocket-client-connection.ts';
export { type WebSocketConnectOptions, websocketConnect } from './client/websocket-connect.ts';

// Close codes and origins.

export { isSameOrigin } from '@landspout/http1/protocol';
export { CLOSE_CODES, isValidCloseCode } from './protocol/index.ts';

// Diagnostics channels.

export type { WebSocketConnection } from './connection/websocket-connection.ts';
export type {
  WebSocketEndMessage,
  WebSocketMessageMessage,
  WebSocketMessageRecord,
  WebSocketMessageStartMessage,
  WebSocketSentMessage,
  WebSocketStartMessage,
} from './connection/websocket-messages.ts';

// Compression.

export type { CompressionOptions } from './compression/compression-options.ts';
export { CompressionPool, type CompressionPoolOptions } from './compression/compression-pool.ts';

// Errors.

export {
  COMPRESSION_ERRORS,
  WebSocketCompressionError,
  type WebSocketCompressionErrorCode,
} from './compression/errors.ts';
export {
  type MessageIssue,
  WEBSOCKET_ERRORS,
  WebSocketClosedError,
  type WebSocketErrorCode,
  WebSocketLimitError,
  WebSocketMessageError,
  type WebSocketMessageErrorOptions,
  WebSocketReconnectError,
  type WebSocketReconnectErrorOptions,
  WebSocketTimeoutError,
} from './connection/errors.ts';
export {
  type RefusedUpgrade,
  type ResponseFields,
  WebSocketHandshakeError,
  type WebSocketHandshakeErrorCode,
  WebSocketProtocolError,
  type WebSocketProtocolErrorCode,
  WebSocketUsageError,
  type WebSocketUsageErrorCode,
} from './protocol/index.ts';

/**
 * One WebSocket connection over any stream, after its opening handshake: for servers and clients other than
 * `WebSocketHandler` and `websocketConnect`.
 *
 * @packageDocumentation
 */

// Connections.

export type { WebSocketDelegate } from './delegate.ts';
export { WebSocketConnection } from './websocket-connection.ts';
export type {
  WebSocketEndMessage,
  WebSocketMessageMessage,
  WebSocketMessageRecord,
  WebSocketMessageStartMessage,
  WebSocketSentMessage,
  WebSocketStartMessage,
} from './websocket-messages.ts';

// Options.

export { type RandomBytes, resolveWebSocketOptions, type WebSocketSettings } from './websocket-options.ts';

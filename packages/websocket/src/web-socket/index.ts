/**
 * A class with the interface of the browser's `WebSocket` (WHATWG), for libraries and programs that were written for
 * it. Other programs should use `websocketConnect`, which has back-pressure and typed errors.
 *
 * @packageDocumentation
 */

// The class.

export type { WebSocketEventMap } from './base-web-socket.ts';
export { WebSocket, type WebSocketInit } from './web-socket.ts';

// Its events; MessageEvent and Event are globals of Node.

export { CloseEvent, type CloseEventInit, ErrorEvent } from './events.ts';

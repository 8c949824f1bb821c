/**
 * WebSocket for Fetch handlers: `upgradeWebSocket` works like that of Deno in a handler of `serve` or of a
 * FetchContainer (`@landspout/httpserver/fetch`).
 *
 * @packageDocumentation
 */

export { ServerWebSocket } from './server-websocket.ts';
export {
  UPGRADE_ERRORS,
  WebSocketUpgradeError,
  type WebSocketUpgradeErrorCode,
} from './upgrade-error.ts';
export type { UpgradeWebSocketOptions } from './upgrade-options.ts';
export { type UpgradedWebSocket, upgradeWebSocket } from './upgrade-websocket.ts';

// The events of a socket; MessageEvent and Event are globals of Node.

export { CloseEvent, ErrorEvent } from '../web-socket/events.ts';

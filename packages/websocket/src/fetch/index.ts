/**
 * WebSocket for Fetch handlers: `upgradeWebSocket`.
 *
 * @packageDocumentation
 */

export { upgradeWebSocket } from './upgrade-websocket.ts';

/**
 * `upgradeWebSocket` for Hono, as other runtimes' adapters have it. It is a subpath of its own because it needs the
 * package `hono`, an optional peer dependency: `npm i hono`. Without it, the import of this subpath rejects with a
 * WebSocketUsageError `ERR_WEBSOCKET_MISSING_PEER`. The subpath cannot be loaded with `require`, but with `import()`.
 *
 * @packageDocumentation
 */

export { upgradeWebSocket } from './upgrade-websocket.ts';

/**
 * The client side of HTTP/1.1: one connection over one stream, and upgrades. For authors of HTTP clients, such as
 * `@landspout/httpclient`.
 *
 * @packageDocumentation
 */

// Connections.

export { BodyChunks } from '../body-chunks.ts';
export { ClientConnection, type ClientConnectionOptions } from './client-connection.ts';
export type { ClientRequest, HTTPResponseDelegate } from './client-delegate.ts';

// Upgrades: leaving HTTP on a connection (RFC 9110 §7.8).

export {
  requestUpgrade,
  type UpgradeOptions,
  type UpgradeRequest,
  type UpgradeResult,
} from './client-upgrade.ts';

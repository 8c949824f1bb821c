/**
 * The server side of HTTP/1.1: one connection over one stream, and what its server provides for it. For authors of HTTP
 * servers, such as `@landspout/httpserver`.
 *
 * @packageDocumentation
 */

// Connections.

export type { DetachedStream, ServedConnection } from './connection-host.ts';
export { IncomingRequest, remoteIpOf } from './incoming-request.ts';
export { ServerConnection } from './server-connection.ts';

// What a server provides.

export { BodyChunks } from '../body-chunks.ts';
export { PiecePool } from '../body-pieces.ts';
export type { ConnectionHost, ConnectionLimits, ConnectionServices, Drain } from './connection-host.ts';
export { ServerCodecs } from './server-codecs.ts';

// For other exchanges.

export { requireFilePart } from './file-part.ts';

// Observing connections and requests.

export type { ConnectionMonitor, RequestOutcome, RequestToken } from './connection-monitor.ts';

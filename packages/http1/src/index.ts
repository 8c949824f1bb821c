/**
 * HTTP/1.1 on the wire: a strict codec without I/O, and the connections that pump it over a stream.
 *
 * `@landspout/http1/protocol` is the codec alone. To serve or fetch, use `@landspout/httpserver` or
 * `@landspout/httpclient`, which stand on this.
 *
 * @packageDocumentation
 */

// The seam between HTTP and what answers it.
export type {
  HTTPConnectionInfo,
  HTTPMessageDelegate,
  HTTPServerConnectionDelegate,
  HTTPServerExchange,
  RequestHead,
  ResponseHead,
} from './delegate.ts';

// Connections.
export { ClientConnection, type ClientConnectionOptions } from './connection/client-connection.ts';
export type { ClientRequest, HTTPResponseDelegate } from './connection/client-delegate.ts';
export {
  requestUpgrade,
  type UpgradeOptions,
  type UpgradeRequest,
  type UpgradeResult,
} from './connection/client-upgrade.ts';
export { ServerConnection } from './connection/server-connection.ts';
export type { ServerConnectionSettings } from './connection/server-settings.ts';

// The words of both directions, and what can go wrong.
export {
  DEFAULT_LIMITS,
  formatHttpDate,
  HTTPHeaders,
  type HTTPHeadersInit,
  HTTP1_USAGE_ERRORS,
  HTTP1_VIOLATIONS,
  Http1ProtocolError,
  type Http1Limits,
  Http1UsageError,
  HttpDateCache,
  STATUS_REASONS,
} from './protocol/index.ts';
export { HTTP_ERRORS, HTTPClosedError, HTTPDeadlineError, type HTTPErrorCode, HTTPUsageError } from './connection/errors.ts';

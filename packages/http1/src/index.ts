/**
 * HTTP/1.1 on the wire: a strict codec without I/O, and the connections that pump it over a stream.
 *
 * `@landspout/http1/protocol` is the codec alone. To serve or fetch, use `@landspout/httpserver` or
 * `@landspout/httpclient`, which stand on this.
 *
 * @packageDocumentation
 */

export { PiecePool } from './connection/body-pieces.ts';
// Connections.
export { ClientConnection, type ClientConnectionOptions } from './connection/client/client-connection.ts';
export type { ClientRequest, HTTPResponseDelegate } from './connection/client/client-delegate.ts';
export {
  requestUpgrade,
  type UpgradeOptions,
  type UpgradeRequest,
  type UpgradeResult,
} from './connection/client/client-upgrade.ts';
export {
  HTTP_ERRORS,
  HTTPClosedError,
  HTTPDeadlineError,
  type HTTPErrorCode,
  HTTPInputError,
  type HTTPInputErrorOptions,
  HTTPUsageError,
} from './connection/errors.ts';
export type {
  ConnectionMonitor,
  RequestOutcome,
  RequestToken,
} from './connection/server/connection-monitor.ts';
export type {
  ConnectionHost,
  ConnectionLimits,
  ConnectionServices,
  DetachedStream,
  Drain,
  ServedConnection,
} from './connection/server/host.ts';
export { IncomingRequest, remoteIpOf } from './connection/server/incoming-request.ts';
export { ServerCodecs } from './connection/server/server-codecs.ts';
export { ServerConnection } from './connection/server/server-connection.ts';
// Content codings.
export { BodyInflater, type InflationLimits } from './content-coding/body-inflater.ts';
export { AVAILABLE_CODINGS } from './content-coding/coding-engine.ts';
export {
  CONTENT_CODING_ERRORS,
  type ContentCoding,
  ContentCodingLimitError,
  ContentCodingProtocolError,
  parseContentEncoding,
} from './content-coding/content-coding.ts';
// The seam between HTTP and what answers it.
export type {
  HTTPConnectionInfo,
  HTTPMessageDelegate,
  HTTPServerConnectionDelegate,
  HTTPServerExchange,
  RequestHead,
  ResponseHead,
} from './delegate.ts';
// The words of both directions, and what can go wrong.
export {
  type CookieOptions,
  canonicalHeaderName,
  DEFAULT_LIMITS,
  DEFAULT_QUERY_LIMITS,
  encodeUsernamePassword,
  formatHttpDate,
  formatQuery,
  fullUrl,
  type HostAndPort,
  HTTP1_USAGE_ERRORS,
  HTTP1_VIOLATIONS,
  HTTPHeaders,
  type HTTPHeadersInit,
  type Http1Limits,
  Http1ProtocolError,
  Http1UsageError,
  HttpDateCache,
  hostName,
  type JsonObject,
  jsonText,
  parseCookies,
  parseFormBody,
  parseHttpDate,
  parseQuery,
  QUERY_VIOLATIONS,
  type QueryArguments,
  type QueryErrorCode,
  type QueryInit,
  type QueryLimits,
  QueryProtocolError,
  qsToQsl,
  requestHost,
  resolveLimits,
  responses,
  STATUS_REASONS,
  splitHostAndPort,
  targetPath,
  targetQuery,
  urlConcat,
} from './protocol/index.ts';

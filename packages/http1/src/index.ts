/**
 * HTTP/1.1 on the wire: a strict codec without I/O, and the connections that run it over a stream.
 *
 * This entry point exports what both directions share. `@landspout/http1/protocol` has only the codec;
 * `@landspout/http1/server` and `@landspout/http1/client` have the connections. To serve or fetch, use
 * `@landspout/httpserver` or `@landspout/httpclient`, which are built on this package.
 *
 * @packageDocumentation
 */

// The interfaces between HTTP and the code that handles its messages.

export type {
  FilePart,
  HTTPConnectionInfo,
  HTTPMessageDelegate,
  HTTPServerConnectionDelegate,
  HTTPServerExchange,
  RefusalPage,
  RequestHead,
  RequestRefusal,
  ResponseHead,
  StopNotice,
} from './delegate.ts';

// Headers, status, cookies and dates.

export {
  type CookieOptions,
  canonicalHeaderName,
  encodeUsernamePassword,
  formatHttpDate,
  formatSetCookie,
  HTTPHeaders,
  type HTTPHeadersInit,
  parseCookies,
  parseHttpDate,
  responses,
  type SetCookieOptions,
  STATUS_REASONS,
} from './protocol/index.ts';

// Targets, queries and forms.

export {
  DEFAULT_QUERY_LIMITS,
  formatQuery,
  fullUrl,
  type HostAndPort,
  hostName,
  parseFormBody,
  parseQuery,
  type QueryArguments,
  type QueryInit,
  type QueryLimits,
  qsToQsl,
  requestHost,
  splitHostAndPort,
  targetPath,
  targetQuery,
  urlConcat,
} from './protocol/index.ts';

// Bodies.

export { type JsonObject, jsonText, PreparedPiece } from './protocol/index.ts';

// Limits and errors.

export {
  HTTP_ERRORS,
  HTTPClosedError,
  HTTPDeadlineError,
  type HTTPErrorCode,
  HTTPInputError,
  type HTTPInputErrorOptions,
  HTTPUsageError,
} from './connection/errors.ts';
export {
  DEFAULT_LIMITS,
  HTTP1_USAGE_ERRORS,
  HTTP1_VIOLATIONS,
  type Http1Limits,
  Http1ProtocolError,
  Http1UsageError,
  QUERY_VIOLATIONS,
  type QueryErrorCode,
  QueryProtocolError,
} from './protocol/index.ts';

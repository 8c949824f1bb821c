/**
 * HTTP/1.1 messages without I/O: bytes in, events out, and the strings that frame what goes out (RFC 9110, 9112).
 *
 * Knows grammar, framing and limits. Does not know sockets, timers, promises or routes.
 * To serve or fetch over TCP, use `@landspout/httpserver` or `@landspout/httpclient`.
 *
 * @packageDocumentation
 */

// The parts of URLs and credentials.
export { type AbsoluteUrl, type DefaultPorts, parseAbsoluteUrl } from './absolute-url.ts';
export { type HostAndPort, hostName, splitHostAndPort } from './authority.ts';
export { encodeUsernamePassword } from './basic-credentials.ts';
// What requests carry, read when asked for.
export { type CookieOptions, parseCookies } from './cookies.ts';
// What can go wrong.
export {
  HTTP1_USAGE_ERRORS,
  HTTP1_VIOLATIONS,
  type Http1ErrorCode,
  Http1ProtocolError,
  Http1UsageError,
  type Http1UsageErrorCode,
} from './errors.ts';
export { DATA, type DecoderEvent, END, HEAD, INTERIM, NEED_DATA } from './events.ts';
export { parseFormBody } from './form-body.ts';
export { canonicalHeaderName } from './header-names.ts';
export { formatHttpDate, HttpDateCache } from './http-date.ts';
export { parseHttpDate } from './http-date-parsing.ts';
// The words both directions share.
export { HTTPHeaders, type HTTPHeadersInit } from './http-headers.ts';
export { type JsonObject, jsonText } from './json-object.ts';
export { DEFAULT_LIMITS, type Http1Limits, LIMIT_NAMES, resolveLimits } from './limits.ts';
export { formDecode, percentDecode } from './percent-decoding.ts';
export {
  DEFAULT_QUERY_LIMITS,
  formatQuery,
  mergeQueries,
  parseQuery,
  type QueryArguments,
  type QueryInit,
  type QueryLimits,
  qsToQsl,
} from './query.ts';
export { QUERY_VIOLATIONS, type QueryErrorCode, QueryProtocolError } from './query-errors.ts';
// What the peer sent us.
export { RequestDecoder } from './request-decoder.ts';
export { RequestEncoder } from './request-encoder.ts';
export { DecodedRequestHead } from './request-head.ts';
export { ResponseDecoder } from './response-decoder.ts';
// What we send.
export { type EncoderState, encodeInterim, ResponseEncoder } from './response-encoder.ts';
export { DecodedResponseHead } from './response-head.ts';
export { STATUS_REASONS, STATUS_REASONS as responses, safeReason } from './status.ts';
export { fullUrl, requestHost, targetPath, targetQuery } from './target-parts.ts';
export { urlConcat } from './url-concat.ts';

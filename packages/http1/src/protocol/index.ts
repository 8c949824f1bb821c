/**
 * HTTP/1.1 messages without I/O: decodes bytes into events, and encodes the strings that frame a message (RFC 9110,
 * RFC 9112).
 *
 * Contains grammar, framing and limits, but no sockets, timers, promises or routes. To serve or fetch over TCP, use
 * `@landspout/httpserver` or `@landspout/httpclient`.
 *
 * @packageDocumentation
 */

// What the peer sent us.
export { DATA, type DecoderEvent, END, HEAD, INTERIM, NEED_DATA } from './decoding/events.ts';
export { ScanView } from './decoding/field-scanner.ts';
export { RequestDecoder } from './decoding/request-decoder.ts';
export { DecodedRequestHead } from './decoding/request-head.ts';
export { ResponseDecoder } from './decoding/response-decoder.ts';
export { DecodedResponseHead } from './decoding/response-head.ts';
// What we send.
export { type JsonObject, jsonText } from './encoding/json-object.ts';
export { PreparedPiece } from './encoding/prepared-piece.ts';
export { RequestEncoder } from './encoding/request-encoder.ts';
export { EncodedRequestHead, RequestFields } from './encoding/request-head.ts';
export {
  type EncoderState,
  encodeInterim,
  ResponseEncoder,
  ResponseLines,
} from './encoding/response-encoder.ts';
// Event streams, in both directions.
export {
  EVENT_STREAM_VIOLATIONS,
  type EventStreamErrorCode,
  EventStreamProtocolError,
} from './event-stream/errors.ts';
export {
  EventStreamDecoder,
  type EventStreamDecoderOptions,
  type ServerSentEvent,
} from './event-stream/event-stream-decoder.ts';
export { type EventToEncode, encodeEvent } from './event-stream/event-stream-encoder.ts';
export {
  DEFAULT_EVENT_STREAM_LIMITS,
  EVENT_STREAM_LIMIT_NAMES,
  type EventStreamLimits,
} from './event-stream/limits.ts';
// What both directions share.
export { asksForUpgrade, CONNECTION_FIELDS, isConnectionField } from './fields/connection-fields.ts';
export { type CookieOptions, parseCookies } from './fields/cookies.ts';
export { canonicalHeaderName } from './fields/header-names.ts';
export { HTTPHeaders, type HTTPHeadersInit } from './fields/http-headers.ts';
export {
  type CookieNameRules,
  cookieNameRules,
  formatSetCookie,
  SET_COOKIE_OPTION_NAMES,
  type SetCookieOptions,
} from './fields/set-cookie.ts';
export { STATUS_REASONS, STATUS_REASONS as responses, safeReason } from './fields/status.ts';
// Errors, limits and the syntax of single values.
export { encodeUsernamePassword } from './grammar/basic-credentials.ts';
export {
  HTTP1_USAGE_ERRORS,
  HTTP1_VIOLATIONS,
  type Http1ErrorCode,
  Http1ProtocolError,
  Http1UsageError,
  type Http1UsageErrorCode,
  QUERY_VIOLATIONS,
  type QueryErrorCode,
  QueryProtocolError,
} from './grammar/errors.ts';
export { type HostAndPort, hostName, splitHostAndPort } from './grammar/host.ts';
export { formatHttpDate, HttpDateCache, parseHttpDate } from './grammar/http-date.ts';
export { DEFAULT_LIMITS, type Http1Limits, LIMIT_NAMES, resolveLimits } from './grammar/limits.ts';
export { formDecode, percentDecode } from './grammar/percent-decoding.ts';
// The parts of a form with files.
export { isMultipartForm, multipartBoundary } from './multipart/boundary.ts';
export {
  MULTIPART_VIOLATIONS,
  type MultipartErrorCode,
  MultipartProtocolError,
} from './multipart/errors.ts';
export {
  DEFAULT_MULTIPART_LIMITS,
  MULTIPART_LIMIT_NAMES,
  type MultipartLimits,
  resolveMultipartLimits,
} from './multipart/limits.ts';
export { MultipartDecoder, type MultipartEvent, PART_END } from './multipart/multipart-decoder.ts';
export {
  formText,
  MultipartEncoder,
  PART_TAIL,
  type PartToEncode,
} from './multipart/multipart-encoder.ts';
export type { MultipartPart } from './multipart/part-head.ts';
// Targets, URLs and origins, and the arguments of queries and forms.
export { type AbsoluteUrl, type DefaultPorts, parseAbsoluteUrl } from './targets/absolute-url.ts';
export { parseFormBody } from './targets/form-body.ts';
export { canonicalOrigin, isOwnOrigin, isSameOrigin } from './targets/origin.ts';
export {
  DEFAULT_QUERY_LIMITS,
  formatQuery,
  mergeQueries,
  parseQuery,
  type QueryArguments,
  type QueryInit,
  type QueryLimits,
  qsToQsl,
  urlConcat,
} from './targets/query.ts';
export { fullUrl, requestHost, targetPath, targetQuery } from './targets/request-target.ts';

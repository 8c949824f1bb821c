/**
 * AsyncHTTPClient: fetch over HTTP/1.1 and HTTPS with a connection pool, timeouts and abort.
 *
 * Knows requests, connections and their limits. Does not know redirects, proxies, cookies or compression.
 * To leave HTTP on a connection (WebSocket), use `requestUpgrade` of `@landspout/http1`.
 *
 * @packageDocumentation
 */

// From below: what requests and responses carry.
export { HTTPHeaders } from '@landspout/http1';
// What can go wrong.
export {
  HTTPCLIENT_ERRORS,
  HTTPClientError,
  type HTTPClientErrorCode,
  HTTPClientLimitError,
  HTTPConnectError,
  HTTPResponseProtocolError,
  HTTPStreamClosedError,
  HTTPTimeoutError,
  type TimeoutPhase,
} from './errors.ts';
// The client.
export { AsyncHTTPClient, type AsyncHTTPClientOptions } from './fetch/async-http-client.ts';
// What goes out, and what comes back.
export {
  type BasicAuth,
  type ClientTlsOptions,
  HTTPRequest,
  type RequestBody,
  type RequestDefaults,
  type RequestOptions,
} from './request/http-request.ts';
export { HTTPClientUsageError } from './request/usage.ts';
export { HTTPResponse, type HTTPTimings } from './response/http-response.ts';

/**
 * AsyncHTTPClient: fetch over HTTP/1.1 and HTTPS with a connection pool, timeouts and abort.
 *
 * This package handles requests, connections and their limits. It does not handle redirects, proxies, cookies or
 * compression. To switch a connection from HTTP to another protocol, such as WebSocket, use `requestUpgrade` of
 * `@landspout/http1/client`.
 *
 * @packageDocumentation
 */

// The client.

export { AsyncHTTPClient, type AsyncHTTPClientOptions } from './fetch/async-http-client.ts';

// Requests.

export { HTTPHeaders } from '@landspout/http1';
export {
  type BasicAuth,
  type ClientTlsOptions,
  HTTPRequest,
  type RequestBody,
  type RequestDefaults,
  type RequestOptions,
} from './request/http-request.ts';

// Responses.

export { HTTPResponse, type HTTPTimings } from './response/http-response.ts';

// Errors.

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
export { HTTPClientUsageError } from './request/usage.ts';

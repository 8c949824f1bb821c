/**
 * AsyncHTTPClient: an HTTP/1.1 and HTTPS client with a connection pool, redirects, proxies, streams and timeouts.
 *
 * This package sends requests and receives responses. It has no HTTP/2, no cache of responses and no cookie store of
 * its own. To switch a connection from HTTP to another protocol, such as WebSocket, use `requestUpgrade` of
 * `@landspout/http1/client`.
 *
 * @packageDocumentation
 */

// The client.

export {
  AsyncHTTPClient,
  type AsyncHTTPClientOptions,
  type HTTPClientStats,
} from './fetch/async-http-client.ts';
export type {
  FetchMessage,
  FetchRecord,
  FetchSentMessage,
  FetchStartMessage,
} from './fetch/client-channels.ts';
export type { Connect, ConnectTarget } from './fetch/dialer.ts';
export type { CookieJar } from './fetch/hop-credentials.ts';

// Requests.

export { HTTPHeaders } from '@landspout/http1';
export type { BodyForm } from './request/body-forms.ts';
export {
  type BasicAuth,
  type BodyWriter,
  type ClientTlsOptions,
  type DigestAuth,
  type HTTPRedirect,
  HTTPRequest,
  type RequestDefaults,
  type RequestOptions,
} from './request/http-request.ts';

// Proxies, cookies and authentication.

export { EnvironmentProxies } from './proxy/environment-proxies.ts';
export { HTTPProxyError } from './proxy/errors.ts';
export type { ProxiedTarget, ProxyChooser, ProxyOption, ProxyOptions } from './request/proxy-option.ts';

// Responses.

export { HTTPResponse, type HTTPTimings } from './response/http-response.ts';
export {
  HTTPStreamedResponse,
  type SaveOptions,
  type SaveProgress,
} from './response/http-streamed-response.ts';

// Server-sent events.

export type { ServerSentEvent } from '@landspout/http1/protocol';
export {
  EVENT_SOURCE_ERRORS,
  EventStreamLimitError,
  EventStreamLostError,
  EventStreamRefusedError,
} from './event-source/errors.ts';
export { EventSource, type EventSourceState } from './event-source/event-source.ts';
export type { EventSourceOptions } from './event-source/event-source-options.ts';
export type { ClientEventSourceOptions } from './fetch/event-stream-opener.ts';

// Errors.

export {
  type FetchFailure,
  type FetchPhase,
  HTTPCLIENT_ERRORS,
  HTTPClientError,
  type HTTPClientErrorCode,
  HTTPClientLimitError,
  HTTPConnectError,
  HTTPDecodingError,
  HTTPRedirectError,
  HTTPResponseProtocolError,
  HTTPStreamClosedError,
  HTTPTimeoutError,
  type TimeoutOption,
} from './errors.ts';
export { HTTPClientUsageError } from './request/usage.ts';

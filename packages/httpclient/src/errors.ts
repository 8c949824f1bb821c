import { CodedError } from '@landspout/ioloop/errors';
import type { HTTPRedirect } from './request/http-request.ts';
import type { UsageCode } from './request/usage.ts';
import type { HTTPResponse } from './response/http-response.ts';

/** The ways in which a fetch can fail. `cause` is the original error of the system, TLS or HTTP/1.1. */
export const HTTPCLIENT_ERRORS = {
  ERR_HTTPCLIENT_STATUS: {
    meaning:
      'The status of the response is not 2xx; see `response`, or pass `raiseError: false` to get it without an error.',
  },
  ERR_HTTPCLIENT_TIMEOUT: {
    meaning: 'The request took longer than allowed; `phase` says which phase was too slow.',
  },
  ERR_HTTPCLIENT_CONNECT: {
    meaning: 'No connection could be made, because of the host name, the network or TLS; see the `cause`.',
  },
  ERR_HTTPCLIENT_PROXY: {
    meaning:
      'The proxy could not be reached, refused the connection to the server, or broke its protocol; see `proxy`, `proxyStatus`, `reply` and the `cause`.',
  },
  ERR_HTTPCLIENT_CLOSED: {
    meaning: 'The connection ended before the response was complete; see the `cause`.',
  },
  ERR_HTTPCLIENT_BAD_RESPONSE: {
    meaning: 'The response is not valid HTTP/1.1, or exceeds a limit; see the `cause`.',
  },
  ERR_HTTPCLIENT_BODY_TOO_LARGE: {
    meaning: 'The body of the response is larger than `maxBodyBytes`; raise the limit to accept it.',
  },
  ERR_HTTPCLIENT_DECODING: {
    meaning:
      'The body of the response is not valid in its Content-Encoding; see the `cause`, or pass `decompressResponse: false` to get it as it was sent.',
  },
  ERR_HTTPCLIENT_REDIRECT: {
    meaning:
      'A redirect cannot be followed: there were more than `maxRedirects`, or its Location is not an http or https URL, or the body cannot be sent again. `redirects` lists the hops.',
  },
  ERR_HTTPCLIENT_QUEUE_FULL: {
    meaning:
      '`maxQueued` requests are already waiting for a connection; wait for responses before you send more requests.',
  },
  ERR_HTTPCLIENT_STOPPED: {
    meaning: 'The client was closed before the call, or before the response was complete.',
  },
  ERR_HTTPCLIENT_USAGE: { meaning: 'An option or argument is invalid; nothing was sent. See the message.' },
  ERR_HTTPCLIENT_URL: {
    meaning:
      'The URL is not absolute, has no host, or would be silently changed by URL parsers; nothing was sent.',
  },
  ERR_HTTPCLIENT_SCHEME: { meaning: 'The scheme of the URL is not http or https; nothing was sent.' },
} as const satisfies Record<string, { meaning: string }>;

export type HTTPClientErrorCode = keyof typeof HTTPCLIENT_ERRORS;

/** What a request was doing when it failed: waiting for a connection, opening one, or using it. */
export type FetchPhase = 'queue' | 'dns' | 'connect' | 'tls' | 'proxy' | 'send' | 'headers' | 'body';

/** Where and when a request failed. */
export interface FetchFailure {
  readonly phase: FetchPhase;
  readonly method: string;
  /** The URL of the last hop, without user information and fragment. */
  readonly url: string;
  /** The address of the server or proxy, such as `127.0.0.1:80`; undefined if there was no connection. */
  readonly peer: string | undefined;
  /** 1 for the first attempt; 2 if the request was sent again on a new connection. */
  readonly attempt: number;
  /** The redirects that were followed before. */
  readonly redirects: readonly HTTPRedirect[];
}

export interface HTTPClientErrorOptions extends ErrorOptions {
  readonly response?: HTTPResponse;
  readonly failure?: FetchFailure;
}

/** The status of a request without a response, as in Tornado; no server sends it. */
const NO_RESPONSE = 599;

/**
 * A request failed. An error of exactly this class means that the status of the response is not 2xx; an error of a
 * subclass means that there is no complete response.
 *
 * Match on the code, or on the status.
 */
export class HTTPClientError<
  Code extends Exclude<HTTPClientErrorCode, UsageCode> = Exclude<HTTPClientErrorCode, UsageCode>,
> extends CodedError<Code> {
  override readonly name: string = 'HTTPClientError';

  /** The status of the response, or 599 if there is no complete one. */
  readonly status: number;
  /** The response, if there is a complete one. */
  readonly response: HTTPResponse | undefined;
  /** What the request was doing; undefined if it was refused before it began. */
  readonly phase: FetchPhase | undefined;
  readonly url: string | undefined;
  readonly peer: string | undefined;
  readonly attempt: number;
  readonly redirects: readonly HTTPRedirect[];

  constructor(code: Code, message: string, options: HTTPClientErrorOptions = {}) {
    const { failure, response } = options;
    super(code, failure === undefined ? message : `${failure.method} ${failure.url}: ${message}`, options);
    this.response = response;
    this.status = response?.status ?? NO_RESPONSE;
    this.phase = failure?.phase;
    this.url = failure?.url;
    this.peer = failure?.peer;
    this.attempt = failure?.attempt ?? 1;
    this.redirects = failure?.redirects ?? [];
  }
}

export type TimeoutOption = 'connectTimeoutMs' | 'requestTimeoutMs' | 'headersTimeoutMs';

/** The request took too long. Its connection, if any, is closed. */
export class HTTPTimeoutError extends HTTPClientError<'ERR_HTTPCLIENT_TIMEOUT'> {
  override readonly name = 'HTTPTimeoutError';

  /** The limit that has passed, in milliseconds. */
  readonly timeoutMs: number;
  /** The option that set the limit. */
  readonly option: TimeoutOption;

  constructor(
    timeoutMs: number,
    option: TimeoutOption,
    options: HTTPClientErrorOptions & { readonly failure: FetchFailure },
  ) {
    const [what, detail] = TIMEOUT_WORDS[options.failure.phase];
    super('ERR_HTTPCLIENT_TIMEOUT', `${what} (${timeoutMs} ms)${detail}; the limit is ${option}`, options);
    this.timeoutMs = timeoutMs;
    this.option = option;
  }
}

const TIMEOUT_WORDS: Readonly<Record<FetchPhase, readonly [string, string]>> = {
  queue: ['timeout in request queue', ': no connection was free'],
  dns: ['timeout while connecting', ': the host name was not resolved'],
  connect: ['timeout while connecting', ''],
  tls: ['timeout while connecting', ': the TLS handshake was not complete'],
  proxy: ['timeout while connecting', ': the proxy did not open a tunnel'],
  send: ['timeout during request', ': the request was not sent completely'],
  headers: ['timeout during request', ': the response headers were not complete'],
  body: ['timeout during request', ': the response body was not complete'],
};

/**
 * No connection could be made. The `cause` is a SystemError such as `ECONNREFUSED`, a ConnectError with the same code
 * if the host has several addresses, or the error of the resolver or of TLS.
 */
export class HTTPConnectError extends HTTPClientError<'ERR_HTTPCLIENT_CONNECT'> {
  override readonly name = 'HTTPConnectError';

  constructor(message: string, options?: HTTPClientErrorOptions) {
    super('ERR_HTTPCLIENT_CONNECT', message, options);
  }
}

/**
 * The connection ended before the response was complete, because the server ended it or the client was closed.
 */
export class HTTPStreamClosedError extends HTTPClientError<
  'ERR_HTTPCLIENT_CLOSED' | 'ERR_HTTPCLIENT_STOPPED'
> {
  override readonly name = 'HTTPStreamClosedError';
}

/** The response is not valid HTTP/1.1 or exceeds a limit; `cause` says which rule or limit. */
export class HTTPResponseProtocolError extends HTTPClientError<'ERR_HTTPCLIENT_BAD_RESPONSE'> {
  override readonly name = 'HTTPResponseProtocolError';

  constructor(message: string, options?: HTTPClientErrorOptions) {
    super('ERR_HTTPCLIENT_BAD_RESPONSE', message, options);
  }
}

/** The body of the response is not valid in its content coding; `cause` says how. */
export class HTTPDecodingError extends HTTPClientError<'ERR_HTTPCLIENT_DECODING'> {
  override readonly name = 'HTTPDecodingError';

  constructor(message: string, options?: HTTPClientErrorOptions) {
    super('ERR_HTTPCLIENT_DECODING', message, options);
  }
}

/** A redirect cannot be followed. `url` is the URL that redirected, `redirects` has those that were followed before. */
export class HTTPRedirectError extends HTTPClientError<'ERR_HTTPCLIENT_REDIRECT'> {
  override readonly name = 'HTTPRedirectError';

  constructor(message: string, options?: HTTPClientErrorOptions) {
    super('ERR_HTTPCLIENT_REDIRECT', message, options);
  }
}

/** A limit of the client was reached. */
export class HTTPClientLimitError extends HTTPClientError<
  'ERR_HTTPCLIENT_BODY_TOO_LARGE' | 'ERR_HTTPCLIENT_QUEUE_FULL'
> {
  override readonly name = 'HTTPClientLimitError';
}

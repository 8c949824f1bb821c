import { CodedError } from '@landspout/ioloop/errors';
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
  ERR_HTTPCLIENT_CLOSED: {
    meaning: 'The connection ended before the response was complete; see the `cause`.',
  },
  ERR_HTTPCLIENT_BAD_RESPONSE: {
    meaning: 'The response is not valid HTTP/1.1, or exceeds a limit; see the `cause`.',
  },
  ERR_HTTPCLIENT_BODY_TOO_LARGE: {
    meaning: 'The body of the response is larger than `maxBodyBytes`; raise the limit to accept it.',
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

export interface HTTPClientErrorOptions extends ErrorOptions {
  readonly response?: HTTPResponse;
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

  constructor(code: Code, message: string, options: HTTPClientErrorOptions = {}) {
    super(code, message, options);
    this.response = options.response;
    this.status = options.response?.status ?? NO_RESPONSE;
  }
}

/** The phase that a request was in when its timeout expired. */
export type TimeoutPhase = 'queue' | 'connect' | 'request';

/** The request took too long. Its connection, if any, is closed. */
export class HTTPTimeoutError extends HTTPClientError<'ERR_HTTPCLIENT_TIMEOUT'> {
  override readonly name = 'HTTPTimeoutError';

  readonly phase: TimeoutPhase;

  constructor(phase: TimeoutPhase, timeoutMs: number) {
    super('ERR_HTTPCLIENT_TIMEOUT', `${PHASE_WORDS[phase]} (${timeoutMs} ms)`);
    this.phase = phase;
  }
}

const PHASE_WORDS: Readonly<Record<TimeoutPhase, string>> = {
  queue: 'timeout in request queue',
  connect: 'timeout while connecting',
  request: 'timeout during request',
};

/**
 * No connection could be made. The `cause` is a SystemError such as `ECONNREFUSED`, a ConnectError with the same code
 * if the host has several addresses, or the error of the resolver or of TLS.
 */
export class HTTPConnectError extends HTTPClientError<'ERR_HTTPCLIENT_CONNECT'> {
  override readonly name = 'HTTPConnectError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_HTTPCLIENT_CONNECT', message, options);
  }
}

/**
 * The connection ended before the response was complete: it was ended by the server, or because the client was closed.
 */
export class HTTPStreamClosedError extends HTTPClientError<
  'ERR_HTTPCLIENT_CLOSED' | 'ERR_HTTPCLIENT_STOPPED'
> {
  override readonly name = 'HTTPStreamClosedError';
}

/** The response is not valid HTTP/1.1 or exceeds a limit; `cause` says which rule or limit. */
export class HTTPResponseProtocolError extends HTTPClientError<'ERR_HTTPCLIENT_BAD_RESPONSE'> {
  override readonly name = 'HTTPResponseProtocolError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_HTTPCLIENT_BAD_RESPONSE', message, options);
  }
}

/** A limit of the client was reached. */
export class HTTPClientLimitError extends HTTPClientError<
  'ERR_HTTPCLIENT_BODY_TOO_LARGE' | 'ERR_HTTPCLIENT_QUEUE_FULL'
> {
  override readonly name = 'HTTPClientLimitError';
}

import { CodedError } from '@landspout/ioloop/errors';
import type { UsageCode } from './request/usage.ts';
import type { HTTPResponse } from './response/http-response.ts';

/** Each way a fetch can fail. What the system, TLS or HTTP/1.1 said is the `cause`. */
export const HTTPCLIENT_ERRORS = {
  ERR_HTTPCLIENT_STATUS: { meaning: 'The answer came, and its status is not 2xx; see `response`.' },
  ERR_HTTPCLIENT_TIMEOUT: { meaning: 'The request took longer than allowed; `phase` says where it stood.' },
  ERR_HTTPCLIENT_CONNECT: { meaning: 'No connection could be made: name, network or TLS; see the cause.' },
  ERR_HTTPCLIENT_CLOSED: { meaning: 'The connection ended before the answer was complete; see the cause.' },
  ERR_HTTPCLIENT_BAD_RESPONSE: {
    meaning: 'The peer sent what is not HTTP/1.1, or passed a limit; see the cause.',
  },
  ERR_HTTPCLIENT_BODY_TOO_LARGE: { meaning: 'The body of the answer is larger than `maxBodyBytes`.' },
  ERR_HTTPCLIENT_QUEUE_FULL: { meaning: 'As many requests as `maxQueued` wait for a connection already.' },
  ERR_HTTPCLIENT_STOPPED: {
    meaning: 'The client was closed before the call, or before the answer was complete.',
  },
  ERR_HTTPCLIENT_USAGE: { meaning: 'An option or argument cannot be; nothing was sent.' },
  ERR_HTTPCLIENT_URL: {
    meaning:
      'The URL is not absolute, has no host, or would be read in another way than it is written; nothing was sent.',
  },
  ERR_HTTPCLIENT_SCHEME: { meaning: 'Only http and https URLs can be fetched.' },
} as const satisfies Record<string, { meaning: string }>;

export type HTTPClientErrorCode = keyof typeof HTTPCLIENT_ERRORS;

export interface HTTPClientErrorOptions extends ErrorOptions {
  readonly response?: HTTPResponse;
}

/** The status of a request that got no answer, as Tornado has it; no server sends it. */
const NO_RESPONSE = 599;

/**
 * A request failed. This class itself stands for an answer that is not 2xx; its subclasses for no answer at all.
 *
 * Match on the code, or on the status.
 */
export class HTTPClientError<
  Code extends Exclude<HTTPClientErrorCode, UsageCode> = Exclude<HTTPClientErrorCode, UsageCode>,
> extends CodedError<Code> {
  override readonly name: string = 'HTTPClientError';

  /** The status of the answer, or 599 where there is no complete one. */
  readonly status: number;
  /** The whole answer, where there is one. */
  readonly response: HTTPResponse | undefined;

  constructor(code: Code, message: string, options: HTTPClientErrorOptions = {}) {
    super(code, message, options);
    this.response = options.response;
    this.status = options.response?.status ?? NO_RESPONSE;
  }
}

/** Where a request stood when its time was over. */
export type TimeoutPhase = 'queue' | 'connect' | 'request';

/** The request took too long. Nothing of it stays open. */
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
 * No connection: the `cause` is a SystemError such as `ECONNREFUSED`, a ConnectError with the same code if the host has
 * several addresses, or the error of the resolver or of TLS.
 */
export class HTTPConnectError extends HTTPClientError<'ERR_HTTPCLIENT_CONNECT'> {
  override readonly name = 'HTTPConnectError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_HTTPCLIENT_CONNECT', message, options);
  }
}

/** The connection ended, by the peer or with the client, before the answer was complete. */
export class HTTPStreamClosedError extends HTTPClientError<
  'ERR_HTTPCLIENT_CLOSED' | 'ERR_HTTPCLIENT_STOPPED'
> {
  override readonly name = 'HTTPStreamClosedError';
}

/** The peer's answer breaks HTTP/1.1, or a limit of its head; the `cause` says which rule. */
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

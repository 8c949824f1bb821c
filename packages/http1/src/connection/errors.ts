import { ArgumentChecks, CodedError, type OptionNames } from '@landspout/ioloop/errors';
import type { HTTPHeaders } from '../protocol/index.ts';

/** The reasons why a message is not completed, except invalid bytes from the peer (`Http1ProtocolError`). */
export const HTTP_ERRORS = {
  ERR_HTTP_USAGE: {
    meaning: 'A method was called at the wrong time, or an argument or option is invalid; see the message.',
  },
  ERR_HTTP_PEER_ENDED: {
    meaning:
      'The peer ended its side of the connection. The response can still be sent. After the headers of the response are sent, the connection is reset if nothing more is written for `halfClosedMs`.',
  },
  ERR_HTTP_CLOSED: { meaning: 'The connection ended before the message was complete; see the `cause`.' },
  ERR_HTTP_RESET: { meaning: 'The peer reset the connection before the message was complete.' },
  ERR_HTTP_DEADLINE: {
    meaning: 'The peer was too slow in sending a head or a body, or in reading a response.',
  },
  ERR_HTTP_STOPPING: {
    meaning:
      'The server stopped, and reset the connection before the message was complete. Also the abort reason of `HTTPServer.stopping`, the reason with which `closeAll` closes connections, and the error of a call of `listen` after a signal to stop.',
  },
  ERR_HTTP_INPUT: {
    meaning: 'The content of a request is invalid; the response has the `status` of the error.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type HTTPErrorCode = keyof typeof HTTP_ERRORS;

/** The program called a method at the wrong time, or with an invalid argument. Nothing was written by that call. */
export class HTTPUsageError extends CodedError<'ERR_HTTP_USAGE'> {
  override readonly name = 'HTTPUsageError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_HTTP_USAGE', message, options);
  }
}

/** The connection, or the peer's side of it, ended before a message was complete. */
export class HTTPClosedError extends CodedError<
  'ERR_HTTP_CLOSED' | 'ERR_HTTP_PEER_ENDED' | 'ERR_HTTP_RESET' | 'ERR_HTTP_STOPPING'
> {
  override readonly name = 'HTTPClosedError';
}

/** The peer missed a deadline. */
export class HTTPDeadlineError extends CodedError<'ERR_HTTP_DEADLINE'> {
  override readonly name = 'HTTPDeadlineError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_HTTP_DEADLINE', message, options);
  }
}

/** Checks the options and arguments of connections. Limits are checked by `limitChecks`. */
export const connectionChecks = new ArgumentChecks((problem) => new HTTPUsageError(problem));

/** Header fields that the connection sets in the response to an `HTTPInputError`. */
const OWN_FIELDS = ['Content-Type', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Date'] as const;

export interface HTTPInputErrorOptions extends ErrorOptions {
  /**
   * Header fields to add to the response, for example the content codings that the server accepts. Content-Type, Date
   * and the framing fields are set by the connection.
   */
  readonly headers?: HTTPHeaders | undefined;
}

const INPUT_ERROR_OPTIONS: OptionNames<HTTPInputErrorOptions> = { cause: true, headers: true };

/**
 * The content of a request is invalid, such as a body with a corrupt content coding. If a delegate throws it or rejects
 * with it before it has responded, the connection responds with {@link status} and is closed.
 */
export class HTTPInputError extends CodedError<'ERR_HTTP_INPUT'> {
  override readonly name = 'HTTPInputError';
  /** 400 to 499. */
  readonly status: number;
  readonly headers: HTTPHeaders | undefined;

  /** @param message - what was wrong; it is sent to the client. */
  constructor(message: string, status = 400, options?: HTTPInputErrorOptions) {
    super('ERR_HTTP_INPUT', message, options);
    if (options !== undefined) connectionChecks.options('HTTPInputError', options, INPUT_ERROR_OPTIONS);
    connectionChecks.wholeNumber('HTTPInputError', 'status', status, 400, 499);
    const own = OWN_FIELDS.find((name) => options?.headers?.has(name));
    if (own !== undefined) throw new HTTPUsageError(`HTTPInputError: ${own} is set by the connection`);
    this.status = status;
    this.headers = options?.headers;
  }
}

/** Creates the error to pass to a delegate whose message cannot be completed. */
export function closedEarly(message: string, cause?: Error): HTTPClosedError {
  return new HTTPClosedError('ERR_HTTP_CLOSED', message, { cause });
}

/** Creates the error to pass to a delegate if the peer has half-closed the connection. */
export function peerEnded(cause?: Error): HTTPClosedError {
  const message = 'the peer has shut down its writing side; the response may still be written';
  return new HTTPClosedError('ERR_HTTP_PEER_ENDED', message, cause === undefined ? {} : { cause });
}

/** Creates the error for resetting a half-closed connection on which nothing was written for `timeoutMs`. */
export function quietAfterPeerEnded(timeoutMs: number): HTTPClosedError {
  const message = `the peer has shut down its writing side, and nothing more was written for ${timeoutMs} ms`;
  return new HTTPClosedError('ERR_HTTP_PEER_ENDED', message);
}

/** Creates the error to pass to a delegate whose connection has ended. Returns an error of this package unchanged. */
export function endOfConnection(error: Error | undefined): Error {
  if (error instanceof HTTPClosedError || error instanceof HTTPDeadlineError) return error;
  const code = (error as { code?: unknown } | undefined)?.code;
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new HTTPClosedError('ERR_HTTP_RESET', 'the peer reset the connection', { cause: error });
  }
  return closedEarly('the connection ended before the response was complete', error);
}

/** Creates the error for a peer that takes too long to send a request head. */
export function headTooSlow(timeoutMs: number): HTTPDeadlineError {
  return new HTTPDeadlineError(`the head of a request took longer than ${timeoutMs} ms`);
}

import { ArgumentChecks, CodedError, type OptionNames } from '@landspout/ioloop/errors';
import type { HTTPHeaders } from '../protocol/index.ts';

/** Each way a message can fail to be completed, apart from bad bytes (`Http1ProtocolError`). */
export const HTTP_ERRORS = {
  ERR_HTTP_USAGE: { meaning: 'The answer was written to out of order, or after its end.' },
  ERR_HTTP_PEER_ENDED: {
    meaning:
      'The peer shut down its writing side. The response may still be written, unless nothing was for `halfClosedMs`: then the connection was cut.',
  },
  ERR_HTTP_CLOSED: { meaning: 'The connection ended before the message was complete; see the cause.' },
  ERR_HTTP_RESET: { meaning: 'The peer reset the connection before the message was complete.' },
  ERR_HTTP_DEADLINE: { meaning: 'The peer was too slow with a head or a body.' },
  ERR_HTTP_STOPPING: { meaning: 'The server is stopping and cut the connection.' },
  ERR_HTTP_INPUT: { meaning: 'What a request carries cannot be used; its `status` is the answer.' },
} as const satisfies Record<string, { meaning: string }>;

export type HTTPErrorCode = keyof typeof HTTP_ERRORS;

/** The program wrote an answer out of order. Nothing of the refused call was written. */
export class HTTPUsageError extends CodedError<'ERR_HTTP_USAGE'> {
  override readonly name = 'HTTPUsageError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_HTTP_USAGE', message, options);
  }
}

/** The connection, or the peer's half of it, ended before a message was complete. */
export class HTTPClosedError extends CodedError<
  'ERR_HTTP_CLOSED' | 'ERR_HTTP_PEER_ENDED' | 'ERR_HTTP_RESET' | 'ERR_HTTP_STOPPING'
> {
  override readonly name = 'HTTPClosedError';
}

/** The peer was slower than a deadline allows. */
export class HTTPDeadlineError extends CodedError<'ERR_HTTP_DEADLINE'> {
  override readonly name = 'HTTPDeadlineError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_HTTP_DEADLINE', message, options);
  }
}

/** The checks of options and arguments of connections. Limits have checks of their own. */
export const connectionChecks = new ArgumentChecks((problem) => new HTTPUsageError(problem));

/** What the answer to bad input says by itself. */
const OWN_FIELDS = ['Content-Type', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Date'] as const;

export interface HTTPInputErrorOptions extends ErrorOptions {
  /**
   * Fields of the answer besides its own, which are Content-Type, Date and those that frame it: for example which
   * content codings would have been taken.
   */
  readonly headers?: HTTPHeaders | undefined;
}

const INPUT_ERROR_OPTIONS: OptionNames<HTTPInputErrorOptions> = { cause: true, headers: true };

/**
 * A request carries what cannot be used, such as a body in a broken coding. A delegate that throws it, or rejects with
 * it, before it has answered, has the request answered with {@link status} and the connection closed.
 */
export class HTTPInputError extends CodedError<'ERR_HTTP_INPUT'> {
  override readonly name = 'HTTPInputError';
  /** 400 to 499. */
  readonly status: number;
  readonly headers: HTTPHeaders | undefined;

  /** @param message - what was wrong, in words that the peer may see. */
  constructor(message: string, status = 400, options?: HTTPInputErrorOptions) {
    super('ERR_HTTP_INPUT', message, options);
    if (options !== undefined) connectionChecks.options('HTTPInputError', options, INPUT_ERROR_OPTIONS);
    connectionChecks.wholeNumber('HTTPInputError', 'status', status, 400, 499);
    const own = OWN_FIELDS.find((name) => options?.headers?.has(name));
    if (own !== undefined) throw new HTTPUsageError(`HTTPInputError: ${own} is the connection's to set`);
    this.status = status;
    this.headers = options?.headers;
  }
}

/** What a delegate hears when its message cannot be completed. */
export function closedEarly(message: string, cause?: Error): HTTPClosedError {
  return new HTTPClosedError('ERR_HTTP_CLOSED', message, { cause });
}

/** What a delegate hears when the peer has half-closed. */
export function peerEnded(): HTTPClosedError {
  const message = 'the peer has shut down its writing side; the answer may still be written';
  return new HTTPClosedError('ERR_HTTP_PEER_ENDED', message);
}

/** Why the connection of a half-closed peer is cut: nothing was written to its response for `timeoutMs`. */
export function quietAfterPeerEnded(timeoutMs: number): HTTPClosedError {
  const message = `the peer has shut down its writing side, and nothing was written to its response for ${timeoutMs} ms`;
  return new HTTPClosedError('ERR_HTTP_PEER_ENDED', message);
}

/** What a delegate hears when its connection has ended: our own reasons as they are, those of the system by name. */
export function endOfConnection(error: Error | undefined): Error {
  if (error instanceof HTTPClosedError || error instanceof HTTPDeadlineError) return error;
  const code = (error as { code?: unknown } | undefined)?.code;
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new HTTPClosedError('ERR_HTTP_RESET', 'the peer reset the connection', { cause: error });
  }
  return closedEarly('the connection ended before the answer was complete', error);
}

/** What befalls a peer that takes too long for a head. */
export function headTooSlow(timeoutMs: number): HTTPDeadlineError {
  return new HTTPDeadlineError(`the head of a request took longer than ${timeoutMs} ms`);
}

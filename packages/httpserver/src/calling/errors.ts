import { HTTPUsageError } from '@landspout/http1';
import { ArgumentChecks, CodedError } from '@landspout/ioloop/errors';

/** What a delegate cannot do if another server received its request. */
export const CALLING_ERRORS = {
  ERR_HTTP_DETACH: {
    meaning:
      'A delegate has called `detach`, but the server that received the request does not hand over its connection; the message has the remedy. The client gets a 501.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type CallingErrorCode = keyof typeof CALLING_ERRORS;

/** A delegate has called `detach` for a request whose connection cannot be taken over. Nothing was written. */
export class HTTPDetachError extends CodedError<'ERR_HTTP_DETACH'> {
  override readonly name = 'HTTPDetachError';
  /** The status of the response if the delegate does not catch the error: 501 Not Implemented (RFC 9110 §15.6.2). */
  readonly status = 501;

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_HTTP_DETACH', message, options);
  }
}

/** Checks the options of `toFetchHandler` and `toNodeHandler`, and the arguments of an exchange. */
export const callingChecks = new ArgumentChecks((problem) => new HTTPUsageError(problem));

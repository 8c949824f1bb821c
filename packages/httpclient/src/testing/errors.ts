import { ArgumentChecks, CodedError } from '@landspout/ioloop/errors';

/** The errors of a MockTransport. Where a fetch fails because of one, it is the `cause` of the error of the fetch. */
export const MOCK_ERRORS = {
  ERR_MOCK_UNMATCHED: {
    meaning:
      'No rule of the MockTransport matches the request, or those that do are used up; the message lists the rules.',
  },
  ERR_MOCK_RESPONSE: {
    meaning:
      'A function of a rule threw, or what it returned is not a response; see the message and the `cause`.',
  },
  ERR_MOCK_LIMIT: {
    meaning: 'A request or a recording exceeds a limit of the MockTransport; the message names the option.',
  },
  ERR_MOCK_PENDING: {
    meaning:
      '`assertDone` found rules or recorded responses that were not used, or requests that no rule matched.',
  },
  ERR_MOCK_USAGE: {
    meaning: 'An option or argument of a MockTransport is invalid; see the message.',
  },
  ERR_MOCK_RECORDING: {
    meaning: 'The value passed to `replay` is not a recording; the message says which part is invalid.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type MockErrorCode = keyof typeof MOCK_ERRORS;

/** A request could not be served as the test intended. The connection of that request is closed. */
export class MockTransportError extends CodedError<
  'ERR_MOCK_UNMATCHED' | 'ERR_MOCK_RESPONSE' | 'ERR_MOCK_LIMIT' | 'ERR_MOCK_PENDING'
> {
  override readonly name = 'MockTransportError';
}

/** A MockTransport was set up incorrectly. No rule was added. */
export class MockUsageError extends CodedError<'ERR_MOCK_USAGE' | 'ERR_MOCK_RECORDING'> {
  override readonly name = 'MockUsageError';
}

/** Checks the options and arguments of a MockTransport. */
export const mockChecks = new ArgumentChecks((problem) => new MockUsageError('ERR_MOCK_USAGE', problem));

/** The error for a function of a rule that threw `cause`. */
export function ruleFailed(what: string, cause: unknown): MockTransportError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new MockTransportError('ERR_MOCK_RESPONSE', `${what}: ${why}`, {
    cause,
  });
}

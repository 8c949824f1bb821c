import { ArgumentChecks, CodedError } from '@landspout/ioloop/errors';

/** The codes in `HTTPCLIENT_ERRORS` for mistakes of the caller. */
export type UsageCode = 'ERR_HTTPCLIENT_USAGE' | 'ERR_HTTPCLIENT_URL' | 'ERR_HTTPCLIENT_SCHEME';

/** The request is invalid. Nothing was sent, and no connection was made. */
export class HTTPClientUsageError extends CodedError<UsageCode> {
  override readonly name = 'HTTPClientUsageError';
}

/** Checks the options and arguments of the client. */
export const clientChecks = new ArgumentChecks(
  (problem) => new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', problem),
);

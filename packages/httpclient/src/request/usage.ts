import { ArgumentChecks, CodedError } from '@landspout/ioloop/errors';

/** Of the codes in `HTTPCLIENT_ERRORS`, those that name a mistake of the caller. */
export type UsageCode = 'ERR_HTTPCLIENT_USAGE' | 'ERR_HTTPCLIENT_URL' | 'ERR_HTTPCLIENT_SCHEME';

/** The caller asked for what cannot be requested. Nothing was sent, and no connection was made. */
export class HTTPClientUsageError extends CodedError<UsageCode> {
  override readonly name = 'HTTPClientUsageError';
}

/** The checks of options and arguments of the client. */
export const clientChecks = new ArgumentChecks(
  (problem) => new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', problem),
);

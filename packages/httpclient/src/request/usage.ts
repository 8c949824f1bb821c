import { CodedError, type OptionNames, optionsProblem } from '@landspout/ioloop/errors';

/** Of the codes in `HTTPCLIENT_ERRORS`, those that name a mistake of the caller. */
export type UsageCode = 'ERR_HTTPCLIENT_USAGE' | 'ERR_HTTPCLIENT_URL' | 'ERR_HTTPCLIENT_SCHEME';

/** The caller asked for what cannot be requested. Nothing was sent, and no connection was made. */
export class HTTPClientUsageError extends CodedError<UsageCode> {
  override readonly name = 'HTTPClientUsageError';
}

/** @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` for what is no object of options, and for names that are not known. */
export function requireOptions<Options extends object>(
  operation: string,
  options: Options,
  known: OptionNames<Options>,
): void {
  const problem = optionsProblem(options, known);
  if (problem !== undefined)
    throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', `${operation}: ${problem}`);
}

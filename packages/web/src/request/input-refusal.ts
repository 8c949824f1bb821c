import { QueryProtocolError } from '@landspout/http1';
import { HTTPError } from '../http-error.ts';

/** What a handler throws for a path, query or form that cannot be read; any other error is given back as it is. */
export function refusalOf(error: unknown): unknown {
  return error instanceof QueryProtocolError
    ? new HTTPError(error.status, error.message, { cause: error })
    : error;
}

// How a request appears in log lines.

import { requestSummary } from '@landspout/httpserver';
import type { Logger } from '@landspout/ioloop';
import { printable } from '@landspout/ioloop/errors';
import type { RateLimitedLog } from '@landspout/ioloop/reactor';
import { HTTPError } from '../errors.ts';
import type { HTTPServerRequest } from './http-server-request.ts';

/**
 * Logs an error that became the response to a request: an {@link HTTPError} as a warning, if it has a log message or a
 * status of 500 or more; any other error with its stack. Clients can cause a status below 500 at will, so those are
 * logged through `refusalLog`. If the request has an id, the record includes it as `requestId`.
 */
export function logRequestError(
  error: unknown,
  request: HTTPServerRequest,
  { logger, refusalLog }: { readonly logger: Logger; readonly refusalLog: RateLimitedLog },
): void {
  const summary = requestSummary(request);
  const ids = request.id === undefined ? undefined : { requestId: request.id };
  if (!(error instanceof HTTPError)) {
    logger.error({ error, ...ids }, `uncaught exception: ${summary}`);
    return;
  }
  const { status } = error;
  const message = `${printable(error.message)}: ${summary}`;
  if (status >= 500) logger.warn({ status, ...ids }, message);
  else if (error.logMessage !== undefined)
    refusalLog.warn(`HTTPError ${status}`, { status, ...ids }, message);
}

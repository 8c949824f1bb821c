import { HTTPClosedError, Http1ProtocolError, Http1UsageError, type ResponseHead } from '@landspout/http1';
import { ContentCodingLimitError, ContentCodingProtocolError } from '@landspout/http1/content-coding';
import { printable } from '@landspout/ioloop/errors';
import { StreamUsageError } from '@landspout/iostream';
import {
  type FetchFailure,
  HTTPClientLimitError,
  HTTPConnectError,
  HTTPDecodingError,
  HTTPResponseProtocolError,
  HTTPStreamClosedError,
} from '../errors.ts';
import { HTTPProxyError } from '../proxy/errors.ts';
import { usageError } from '../request/tls-check.ts';
import { HTTPClientUsageError } from '../request/usage.ts';

const MAX_REASON_CHARS = 100;
const MAX_LOCATION_CHARS = 300;
/** User information in the value of Location. */
const USER_INFORMATION = /^([^/?#\\]*[/\\]{2})[^/?#\\]*@/;

/**
 * Converts a reason to an Error, which closing a stream requires. The reason of a signal, and the value that an
 * iterable throws, may be any value.
 */
export function abortError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('the request was aborted', { cause: reason });
}

/** Creates the message for a status that is not 2xx. If it is a redirect that was not followed, says where to. */
export function statusMessage({ status, reason, headers }: ResponseHead): string {
  const location = status < 400 ? headers.get('Location') : undefined;
  const shown = location?.replace(USER_INFORMATION, '$1***@');
  const where = shown === undefined ? '' : ` (to ${printable(shown, MAX_LOCATION_CHARS)})`;
  return `${status} ${printable(reason, MAX_REASON_CHARS)}`.trimEnd() + where;
}

/** Adds the facts about a request to the error with which the pool refused it. */
export function refusal(error: unknown, failure: FetchFailure): unknown {
  if (error instanceof HTTPClientLimitError)
    return new HTTPClientLimitError(error.code, error.message, { failure });
  if (error instanceof HTTPStreamClosedError)
    return new HTTPStreamClosedError(error.code, error.message, { failure });
  return error;
}

/** Creates the error of `fetch` for a failure to connect. */
export function connectFailure(cause: unknown, failure: FetchFailure): Error {
  if (cause instanceof HTTPProxyError) return cause.of(failure);
  // For example, the host of the URL is a name that no certificate can have.
  if (cause instanceof StreamUsageError) return usageError('fetch', cause);
  const message = `cannot connect: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new HTTPConnectError(message, { cause, failure });
}

/** Creates the error of `fetch` for a failed exchange. Errors of the caller's own code are returned unchanged. */
export function exchangeFailure(error: unknown, maxBodyBytes: number, failure: FetchFailure): unknown {
  if (error instanceof HTTPClosedError) {
    const cause = error.cause ?? error;
    return new HTTPStreamClosedError('ERR_HTTPCLIENT_CLOSED', error.message, { cause, failure });
  }
  const options = { cause: error, failure };
  if (error instanceof Http1UsageError)
    return new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', error.message, { cause: error });
  if (error instanceof ContentCodingLimitError) return tooLarge(maxBodyBytes, options);
  if (error instanceof ContentCodingProtocolError) return new HTTPDecodingError(error.message, options);
  if (!(error instanceof Http1ProtocolError)) return error;
  switch (error.code) {
    case 'ERR_HTTP1_TRUNCATED':
      return new HTTPStreamClosedError('ERR_HTTPCLIENT_CLOSED', error.message, options);
    case 'ERR_HTTP1_BODY_TOO_LARGE':
      return tooLarge(maxBodyBytes, options);
    default:
      return new HTTPResponseProtocolError(`invalid response: ${error.message}`, options);
  }
}

function tooLarge(
  maxBodyBytes: number,
  options: { readonly cause: unknown; readonly failure: FetchFailure },
): HTTPClientLimitError {
  const message = `the body of the response has more than ${maxBodyBytes} bytes`;
  return new HTTPClientLimitError('ERR_HTTPCLIENT_BODY_TOO_LARGE', message, options);
}

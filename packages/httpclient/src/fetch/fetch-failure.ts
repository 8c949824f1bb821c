import { HTTPClosedError, Http1ProtocolError, Http1UsageError } from '@landspout/http1';
import {
  HTTPClientLimitError,
  HTTPClientUsageError,
  HTTPConnectError,
  HTTPResponseProtocolError,
  HTTPStreamClosedError,
} from '../errors.ts';

/** What a failure to connect means to the caller of `fetch`. */
export function connectFailure(error: unknown, url: string): Error {
  return new HTTPConnectError(`cannot connect for ${url}: ${messageOf(error)}`, { cause: error });
}

/** What a failure of an exchange means to the caller of `fetch`. Errors of the caller's own code pass unchanged. */
export function exchangeFailure(error: unknown, maxBodyBytes: number): unknown {
  if (error instanceof HTTPClosedError) {
    return new HTTPStreamClosedError('ERR_HTTPCLIENT_CLOSED', error.message, { cause: error.cause ?? error });
  }
  if (error instanceof Http1UsageError) {
    return new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', error.message, { cause: error });
  }
  if (!(error instanceof Http1ProtocolError)) return error;
  switch (error.code) {
    case 'ERR_HTTP1_TRUNCATED':
      return new HTTPStreamClosedError('ERR_HTTPCLIENT_CLOSED', error.message, { cause: error });
    case 'ERR_HTTP1_BODY_TOO_LARGE': {
      const message = `the body of the answer has more than ${maxBodyBytes} bytes`;
      return new HTTPClientLimitError('ERR_HTTPCLIENT_BODY_TOO_LARGE', message, { cause: error });
    }
    default:
      return new HTTPResponseProtocolError(`not an answer: ${error.message}`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

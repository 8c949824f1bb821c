// The refusals of upgrade requests, which result in the application's error pages.

import { HTTPError } from '@landspout/web';
import type { RandomBytes } from '../connection/websocket-options.ts';
import { retryAfterSeconds } from './server-handshake.ts';

/** Makes an error that results in an error page, as for any other request. @param reason - for the client. */
export function refusal(
  status: number,
  reason: string,
  headers: Readonly<Record<string, string>> = {},
): HTTPError {
  const detail = `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
  return new HTTPError(status, undefined, { detail, headers });
}

/** Tells a client of a stopping server when to try again. */
export function refusalOfStopping(randomBytes: RandomBytes): HTTPError {
  return refusal(503, 'the server is stopping', { 'Retry-After': String(retryAfterSeconds(randomBytes)) });
}

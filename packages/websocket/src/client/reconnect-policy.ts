// Decides whether a lost connection is replaced, and when. Does not connect or wait; see `reconnecting-websocket.ts`.

import { HTTPClosedError, Http1ProtocolError, parseHttpDate } from '@landspout/http1';
import { HTTPProxyError } from '@landspout/httpclient';
import { retryDelay } from '@landspout/httpclient/connecting';
import { SystemError } from '@landspout/ioloop';
import { MAX_DELAY_MS } from '@landspout/ioloop/errors';
import { ConnectError, StreamClosedError, StreamConnectError, StreamTimeoutError } from '@landspout/iostream';
import { WebSocketTimeoutError } from '../connection/errors.ts';
import { CLOSE_CODES, WebSocketHandshakeError, WebSocketProtocolError } from '../protocol/index.ts';

/**
 * Codes with which a server says nothing against connecting again: it stops, failed, is overloaded, or ended without a
 * reason.
 *
 * Not among them: 1000, because both sides are done; 1002, 1003, 1007, 1009 and 1010, because the program would send the
 * same again; 1008, because the server does not want this client; and 3000 to 4999, whose meaning only the application
 * knows, and which often mean that credentials or a session have expired.
 */
const TEMPORARY_CODES: ReadonlySet<number> = new Set([
  CLOSE_CODES.goingAway,
  CLOSE_CODES.noStatus,
  CLOSE_CODES.abnormal,
  CLOSE_CODES.internalError,
  CLOSE_CODES.serviceRestart,
  CLOSE_CODES.tryAgainLater,
  CLOSE_CODES.badGateway,
]);

/** Codes that a server sends to all of its clients within a short time. */
const CODES_FOR_ALL: ReadonlySet<number> = new Set([
  CLOSE_CODES.goingAway,
  CLOSE_CODES.serviceRestart,
  CLOSE_CODES.tryAgainLater,
]);

/** Request Timeout, Too Early and Too Many Requests. */
const TEMPORARY_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);

/** What a SOCKS5 proxy replies if the network or the server failed, and not a rule or the request (RFC 1928 §6). */
const TEMPORARY_REPLIES: ReadonlySet<number> = new Set([1, 3, 4, 5, 6]);

/** With which a TLS handshake fails if the connection was lost. Other causes are about certificates or versions. */
const LOST_CONNECTION: ReadonlySet<unknown> = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOTCONN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
]);

/**
 * Whether a new connection may last longer than one that was closed.
 *
 * @param code - the close code of the server, 1005 or 1006.
 * @param error - why the connection did not close in an orderly way.
 */
export function isTemporaryClose(code: number, error: unknown): boolean {
  // The server would most likely send the same frames again.
  if (error instanceof WebSocketProtocolError) return false;
  return TEMPORARY_CODES.has(code);
}

/** Whether another call of `websocketConnect` may succeed after it has failed with `error`. */
export function isTemporaryFailure(error: unknown): boolean {
  if (error instanceof WebSocketHandshakeError) return isTemporaryStatus(error.status);
  if (error instanceof HTTPProxyError) {
    const { proxyStatus, reply, cause } = error;
    if (proxyStatus !== undefined) return isTemporaryStatus(proxyStatus);
    if (reply !== undefined) return TEMPORARY_REPLIES.has(reply);
    return cause === undefined || isTemporaryFailure(cause);
  }
  if (error instanceof StreamConnectError) {
    const { cause } = error as { cause?: { code?: unknown } };
    return error.code === 'ERR_STREAM_RESOLVE' || cause === undefined || LOST_CONNECTION.has(cause.code);
  }
  // In TLS 1.3, a server that refuses the certificate of this client does so after the client's handshake.
  if (error instanceof HTTPClosedError && error.cause instanceof StreamConnectError)
    return isTemporaryFailure(error.cause);
  if (error instanceof Http1ProtocolError) return error.code === 'ERR_HTTP1_TRUNCATED';
  return NETWORK_ERRORS.some((NetworkError) => error instanceof NetworkError);
}

const NETWORK_ERRORS = [
  WebSocketTimeoutError,
  SystemError,
  ConnectError,
  StreamTimeoutError,
  StreamClosedError,
  HTTPClosedError,
];

function isTemporaryStatus(status: number): boolean {
  return TEMPORARY_STATUSES.has(status) || (status >= 500 && status <= 599);
}

/**
 * How long the server asks to wait (RFC 9110 §10.2.3), in milliseconds.
 *
 * @param error - that of a refused handshake; others have no such header.
 * @param nowMs - the current time in milliseconds since 1970.
 * @returns 0 if there is no valid Retry-After, or its date is in the past. May be `Infinity`.
 */
export function retryAfterMs(error: unknown, nowMs: number): number {
  if (!(error instanceof WebSocketHandshakeError)) return 0;
  const value = error.headers?.get('Retry-After')?.trim();
  if (value === undefined) return 0;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = parseHttpDate(value, nowMs);
  return date === undefined ? 0 : Math.max(0, date - nowMs);
}

/** The settings of {@link reconnectDelay}, in milliseconds. */
export interface ReconnectDelays {
  readonly minRetryMs: number;
  readonly maxRetryMs: number;
  readonly maxRetryAfterMs: number;
  readonly restartSpreadMs: number;
}

/** A reason to wait longer than usual. */
export interface ReconnectCause {
  readonly code: number | undefined;
  /** See {@link retryAfterMs}. */
  readonly retryAfterMs: number;
}

/**
 * Returns how long to wait before the next attempt: the time for which the server asks, or `minRetryMs`, and a random
 * part.
 *
 * @param failures - how many attempts in a row have failed; at least 1.
 * @param random - a number from 0 up to, but not including, 1.
 */
export function reconnectDelay(
  failures: number,
  { minRetryMs, maxRetryMs, maxRetryAfterMs, restartSpreadMs }: ReconnectDelays,
  { code, retryAfterMs: askedMs }: ReconnectCause,
  random: number,
): number {
  // A faulty source of randomness must not make the client connect in a loop.
  const chance = random >= 0 && random <= 1 ? random : Math.random();
  const backoff = retryDelay(failures, minRetryMs, maxRetryMs, chance) - minRetryMs;
  const isForAll = code !== undefined && CODES_FOR_ALL.has(code);
  const spread = isForAll ? chance * Math.min(restartSpreadMs, maxRetryMs - minRetryMs) : 0;
  const least = Math.max(minRetryMs, Math.min(askedMs, maxRetryAfterMs));
  return Math.min(least + Math.max(backoff, spread), MAX_DELAY_MS);
}

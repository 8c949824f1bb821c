import { type Clock, IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { WebSocketUsageError } from '../protocol/index.ts';
import { webSocketChecks } from '../protocol/limits.ts';
import type { ReconnectDelays } from './reconnect-policy.ts';
import type { WebSocketClientConnection } from './websocket-client-connection.ts';
import type { WebSocketConnectOptions, websocketConnect } from './websocket-connect.ts';

/** The value, or a function that is called for each attempt. Its signal is aborted when the WebSocket is closed. */
export type ForEachAttempt<T> = T | ((signal: AbortSignal) => T | PromiseLike<T>);

/** What `websocketConnect` connects to. */
export type WebSocketTarget = Parameters<typeof websocketConnect>[0];

/** A connection that was lost, or an attempt that failed. */
export interface WebSocketLoss {
  /**
   * The code in the server's close frame: 1005 if the frame had no code, 1006 if the connection ended without a close
   * frame. `undefined` if no connection was opened.
   */
  readonly code: number | undefined;
  /** The reason in the server's close frame; empty if there is none. */
  readonly reason: string;
  /**
   * Why the attempt failed, or the connection did not close in an orderly way: an error of `websocketConnect`, the
   * `closeError` of the connection, or what a callback has thrown. `undefined` if the server closed the connection.
   */
  readonly error: unknown;
  /** The number of the attempt, as for `onOpen`. */
  readonly attempt: number;
}

export interface WebSocketLossDecision extends WebSocketLoss {
  /** What is done without `shouldReconnect`; see {@link ReconnectingWebSocketOptions.shouldReconnect}. */
  readonly isTemporary: boolean;
}

export interface WebSocketDisconnect extends WebSocketLoss {
  /** The wait before the next attempt, in milliseconds; `undefined` if there is none. */
  readonly retryInMs: number | undefined;
}

export interface ReconnectingWebSocketOptions extends Partial<ReconnectDelays> {
  /**
   * Options of `websocketConnect`, or a function that returns them, for example with a new token. `signal` is not
   * allowed, and `pingIntervalMs` is 30 s by default, because only pings detect a connection that was lost without a
   * sign. Default: none.
   */
  readonly connect?: ForEachAttempt<Omit<WebSocketConnectOptions, 'signal'>>;
  /** The minimum wait between two attempts: at least 1 ms. Default: 1 s. */
  readonly minRetryMs?: number;
  /**
   * The maximum wait, unless the server asks for a longer one. A random part is added to `minRetryMs`: at most the same
   * again, but at least 500 ms, after the first failure, and twice as much after each further failure. Default: 30 s.
   */
  readonly maxRetryMs?: number;
  /** The maximum wait if the server asks for one with Retry-After; the random part is added. Default: 5 min. */
  readonly maxRetryAfterMs?: number;
  /**
   * The random part is up to this or more after the close codes 1001, 1012 and 1013, which all clients of a server
   * receive at once; but the wait never exceeds `maxRetryMs`. Default: 10 s.
   */
  readonly restartSpreadMs?: number;
  /** Maximum number of failed attempts in a row, at least 1; see `stableMs`. Default: `Infinity`. */
  readonly maxAttempts?: number;
  /**
   * A connection that stays open for a shorter time counts as a failed attempt, so that a server that accepts and then
   * closes is not called without pause. Messages make no difference: many servers greet first. Default: 5 s.
   */
  readonly stableMs?: number;
  /**
   * Called with each new connection, for example to log in or subscribe again. The connection can be used directly, also
   * to read. Messages are delivered after the promise has settled. If the callback throws, the connection is closed with
   * 1011, and counts as a failed attempt.
   *
   * @param attempt - 1 for the first attempt, or the first after a connection that lasted for `stableMs`.
   */
  readonly onOpen?: ((connection: WebSocketClientConnection, attempt: number) => unknown) | undefined;
  /**
   * Called each time a connection was lost or an attempt failed, unless the program has closed the WebSocket. If it
   * throws, the WebSocket ends with that error.
   */
  readonly onDisconnect?: ((disconnect: WebSocketDisconnect) => void) | undefined;
  /**
   * Decides whether to connect again. If it throws, the WebSocket ends with that error. Default: yes for
   *
   * - the close codes 1001, 1005, 1006 and 1011 to 1014, unless the server has broken the protocol or a limit;
   * - responses with status 408, 425, 429 or 5xx, of the server or a proxy;
   * - errors of the network and of name resolution, and timeouts;
   * - errors of `url`, `connect` and `onOpen` when they are functions.
   *
   * No for all others, such as 1000, 1008, 4000 to 4999, 401 and certificates that are not trusted.
   */
  readonly shouldReconnect?: ((loss: WebSocketLossDecision) => boolean) | undefined;
  /** Ends the WebSocket at once, without a close frame. Reads reject with the reason. */
  readonly signal?: AbortSignal | undefined;
  /** The clock for the waits between attempts. Default: the clock of this thread's event loop. */
  readonly clock?: Clock;
  /** Returns a number from 0 up to, but not including, 1. Default: `Math.random`. */
  readonly random?: () => number;
}

const RECONNECT_OPTIONS: OptionNames<ReconnectingWebSocketOptions> = {
  connect: true,
  minRetryMs: true,
  maxRetryMs: true,
  maxRetryAfterMs: true,
  restartSpreadMs: true,
  maxAttempts: true,
  stableMs: true,
  onOpen: true,
  onDisconnect: true,
  shouldReconnect: true,
  signal: true,
  clock: true,
  random: true,
};

/** Options with their defaults. */
export type ReconnectSettings = Required<ReconnectingWebSocketOptions>;

const OPERATION = 'ReconnectingWebSocket';
const DEFAULT_PING_INTERVAL_MS = 30_000;

/**
 * Checks options and fills in the defaults. Those of `connect` are checked by `websocketConnect`.
 *
 * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION`
 */
export function resolveReconnectOptions(options: ReconnectingWebSocketOptions): ReconnectSettings {
  webSocketChecks.options(OPERATION, options, RECONNECT_OPTIONS);
  const { minRetryMs = 1_000, maxAttempts = Infinity, clock = IOLoop.current().clock } = options;
  const { maxRetryMs = Math.max(30_000, minRetryMs), random = Math.random } = options;
  const { maxRetryAfterMs = 300_000, restartSpreadMs = 10_000, stableMs = 5_000 } = options;
  const { connect = {}, signal, onOpen, onDisconnect, shouldReconnect } = options;
  webSocketChecks.signal(OPERATION, signal);
  webSocketChecks.withMethods(OPERATION, 'a clock', clock, 'now', 'wallTime', 'setTimeout');
  if (maxAttempts !== Infinity) webSocketChecks.wholeNumber(OPERATION, 'maxAttempts', maxAttempts, 1);
  for (const [name, callback] of Object.entries({ onOpen, onDisconnect, shouldReconnect })) {
    if (callback !== undefined) webSocketChecks.callback(OPERATION, name, callback);
  }
  if (typeof connect !== 'function') attemptOptions(connect, signal);
  webSocketChecks.durationMs(OPERATION, 'minRetryMs', minRetryMs, 1);
  return {
    connect,
    minRetryMs,
    maxRetryMs: webSocketChecks.durationMs(OPERATION, 'maxRetryMs', maxRetryMs, minRetryMs),
    maxRetryAfterMs: webSocketChecks.durationMs(OPERATION, 'maxRetryAfterMs', maxRetryAfterMs),
    restartSpreadMs: webSocketChecks.durationMs(OPERATION, 'restartSpreadMs', restartSpreadMs),
    maxAttempts,
    stableMs: webSocketChecks.durationMs(OPERATION, 'stableMs', stableMs),
    onOpen,
    onDisconnect,
    shouldReconnect,
    signal,
    clock,
    random: webSocketChecks.callback(OPERATION, 'random', random),
  };
}

/** Adds what each attempt has in common. @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` */
export function attemptOptions(
  connect: WebSocketConnectOptions,
  signal: AbortSignal | undefined,
): WebSocketConnectOptions {
  if (typeof connect !== 'object' || connect === null)
    throw webSocketChecks.wrong(OPERATION, 'connect: an object of options', connect);
  if (connect.signal !== undefined) {
    const problem = `${OPERATION}: connect must not have a signal; pass it as \`signal\` beside \`connect\``;
    throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_OPTION', problem);
  }
  const { pingIntervalMs = DEFAULT_PING_INTERVAL_MS } = connect;
  return { ...connect, pingIntervalMs, signal };
}

import { randomFillSync } from 'node:crypto';
import { type Clock, IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { isThenable } from '@landspout/ioloop/reactor';
import { checkLimits, DEFAULT_LIMITS, type WebSocketLimits, webSocketChecks } from '../protocol/limits.ts';

/** Makes unpredictable bytes, good until the next call. */
export type RandomBytes = (byteLength: number) => Uint8Array;

/** What one connection may cost, and how patient it is. The same for both ends. */
export interface WebSocketOptions extends Partial<WebSocketLimits> {
  /** Pings the peer this often, from start to start; 0 never. Default 0. */
  readonly pingIntervalMs?: number;
  /**
   * How long after a ping the peer may stay silent before the connection is given up; any byte counts, so that a
   * peer in the middle of a big message is not cut. 0 waits for ever. Default: `pingIntervalMs`.
   */
  readonly pingTimeoutMs?: number;
  /** How long the closing handshake may take before the connection is cut. Default 5 s. */
  readonly closeTimeoutMs?: number;
  /** Most bytes of messages that wait for a slow peer. A first message of any size is taken. Default 16 MiB. */
  readonly maxQueuedBytes?: number;
  /**
   * What becomes of a connection whose queue is full. `close` sends 1008 and gives up the connection, and with it
   * the memory, at latest after `closeTimeoutMs`: a peer that missed a message would not know. `refuse` leaves it
   * open, and the caller that is told so decides. Default `close`.
   */
  readonly whenQueueFull?: 'close' | 'refuse';
  /** Default: the clock of this thread's loop. */
  readonly clock?: Clock;
  /** Unpredictable bytes for masking keys and the handshake's key. Default: the system's. */
  readonly randomBytes?: RandomBytes;
}

/** The names that {@link WebSocketOptions} may have. */
export const WEBSOCKET_OPTIONS: OptionNames<WebSocketOptions> = {
  maxMessageBytes: true,
  maxFragments: true,
  pingIntervalMs: true,
  pingTimeoutMs: true,
  closeTimeoutMs: true,
  maxQueuedBytes: true,
  whenQueueFull: true,
  clock: true,
  randomBytes: true,
};

/** {@link WebSocketOptions} with every gap filled. */
export type WebSocketSettings = Required<WebSocketOptions>;

/**
 * Checks options and fills in the defaults.
 *
 * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` for an option that is not known or out of range.
 */
export function resolveWebSocketOptions(options: WebSocketOptions = NO_OPTIONS): WebSocketSettings {
  if (isThenable(options)) {
    throw webSocketChecks.wrong('WebSocket', 'an object of options, which is not awaited,', options);
  }
  webSocketChecks.options('WebSocket', options, WEBSOCKET_OPTIONS);
  const { pingIntervalMs = 0, maxMessageBytes, maxFragments } = options;
  const settings: WebSocketSettings = {
    maxMessageBytes: maxMessageBytes ?? DEFAULT_LIMITS.maxMessageBytes,
    maxFragments: maxFragments ?? DEFAULT_LIMITS.maxFragments,
    pingIntervalMs,
    pingTimeoutMs: options.pingTimeoutMs ?? pingIntervalMs,
    closeTimeoutMs: options.closeTimeoutMs ?? 5_000,
    maxQueuedBytes: options.maxQueuedBytes ?? 16 * 1024 * 1024,
    whenQueueFull: options.whenQueueFull ?? 'close',
    clock: options.clock ?? IOLoop.current().clock,
    randomBytes: options.randomBytes ?? pooledRandomBytes,
  };
  checkLimits(settings);
  webSocketChecks.durationMs('WebSocket', 'pingIntervalMs', settings.pingIntervalMs);
  webSocketChecks.durationMs('WebSocket', 'pingTimeoutMs', settings.pingTimeoutMs);
  webSocketChecks.durationMs('WebSocket', 'closeTimeoutMs', settings.closeTimeoutMs, 1);
  webSocketChecks.number('WebSocket', 'maxQueuedBytes', settings.maxQueuedBytes);
  webSocketChecks.oneOf('WebSocket', 'whenQueueFull', settings.whenQueueFull, ['close', 'refuse']);
  return settings;
}

const NO_OPTIONS: WebSocketOptions = {};

const pool = new Uint8Array(4096);
let used = pool.length;

/**
 * Bytes of the system's generator, each handed out once (RFC 6455 §10.3). Drawn in stock, since four bytes at a time
 * would cost a system call's worth of work per frame.
 */
const pooledRandomBytes: RandomBytes = (byteLength) => {
  if (used + byteLength > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const start = used;
  used += byteLength;
  return pool.subarray(start, used);
};

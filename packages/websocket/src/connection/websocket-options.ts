import { randomFillSync } from 'node:crypto';
import { type Clock, IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { isThenable } from '@landspout/ioloop/reactor';
import { checkLimits, DEFAULT_LIMITS, type WebSocketLimits, webSocketChecks } from '../protocol/limits.ts';

/** Returns unpredictable bytes, which are valid until the next call. */
export type RandomBytes = (byteLength: number) => Uint8Array;

/** Limits and timeouts of one connection, the same for client and server. */
export interface WebSocketOptions extends Partial<WebSocketLimits> {
  /** The interval between pings to the peer; 0: no pings. Default: 0. */
  readonly pingIntervalMs?: number;
  /**
   * If nothing is received from the peer for this long after a ping, the connection is closed with 1011. Any byte
   * counts, so a peer that is sending a large message is not cut off. 0: no timeout. Default: `pingIntervalMs`.
   */
  readonly pingTimeoutMs?: number;
  /** How long the closing handshake may take before the connection is reset. Default: 5 s. */
  readonly closeTimeoutMs?: number;
  /**
   * Maximum number of bytes of messages that are queued for a slow peer. If nothing is queued, a message of any size is
   * accepted. Default: 16 MiB.
   */
  readonly maxQueuedBytes?: number;
  /**
   * What happens if a message does not fit into the queue. `close` sends 1008 and closes the connection, because the
   * peer could not know that it missed a message; the memory is released after `closeTimeoutMs` at the latest. With
   * `refuse`, the call fails, the connection stays open, and the caller decides what to do. Default: `close`.
   */
  readonly whenQueueFull?: 'close' | 'refuse';
  /** The clock for pings and timeouts. Default: the clock of this thread's event loop. */
  readonly clock?: Clock;
  /** Source of random bytes for masking keys and the handshake key. Default: the system's random generator. */
  readonly randomBytes?: RandomBytes;
}

/** The names of all {@link WebSocketOptions}. */
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

/** {@link WebSocketOptions} with all defaults filled in. */
export type WebSocketSettings = Required<WebSocketOptions>;

/**
 * Checks options and fills in the defaults.
 *
 * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` if an option is unknown or out of range.
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
 * Random bytes of the system's generator; each byte is used only once (RFC 6455 §10.3). They are generated 4 KiB at a
 * time, because a call for every four bytes would add about the cost of a system call to each frame.
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

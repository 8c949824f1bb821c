import { randomFillSync } from 'node:crypto';
import { type Clock, IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { isThenable } from '@landspout/ioloop/reactor';
import {
  type CompressionOptions,
  type CompressionSettings,
  resolveCompressionOptions,
} from '../compression/compression-options.ts';
import { checkLimits, DEFAULT_LIMITS, type WebSocketLimits, webSocketChecks } from '../protocol/limits.ts';
import { SEND_POLICIES, type SendPolicy } from './send-policy.ts';

/** Returns unpredictable bytes, which are valid until the next call. */
export type RandomBytes = (byteLength: number) => Uint8Array;

/** Limits and timeouts of one connection, the same for client and server. */
export interface WebSocketOptions extends Partial<WebSocketLimits> {
  /** The interval between pings to the peer; 0: no pings. Default: 30 s for a `WebSocketHandler`, otherwise 0. */
  readonly pingIntervalMs?: number;
  /**
   * If nothing is received from the peer for this long after a ping, the connection is closed with 1011. Any byte
   * counts, so a peer that is sending a large message is not cut off. 0: no timeout. Default: `pingIntervalMs`.
   */
  readonly pingTimeoutMs?: number;
  /** How long the closing handshake may take before the connection is reset. Default: 5 s. */
  readonly closeTimeoutMs?: number;
  /**
   * Compresses messages (permessage-deflate, RFC 7692) if the peer can do so too; `true` for the defaults. Do not
   * compress messages that mix secrets with text of an attacker: the length of the result says whether they are alike.
   * Default: false.
   */
  readonly compression?: boolean | CompressionOptions;
  /** What happens to a message if the peer reads too slowly. Default: `close`. */
  readonly sendPolicy?: SendPolicy;
  /**
   * While more bytes than this are unsent, messages wait, `sendPolicy` applies, and `writeMessage` returns a promise that
   * is pending. Default: 64 KiB.
   */
  readonly highWaterBytes?: number;
  /**
   * When only this many bytes are unsent, the promises of `writeMessage` resolve. Default: half of `highWaterBytes`.
   */
  readonly lowWaterBytes?: number;
  /**
   * Maximum number of bytes of messages that wait for a slow peer. If none waits, a message of any size is accepted.
   * Default: 16 MiB.
   */
  readonly maxQueuedBytes?: number;
  /** The clock for pings and timeouts. Default: the clock of this thread's event loop. */
  readonly clock?: Clock;
  /** Source of random bytes for masking keys, the handshake key and the jitter of Retry-After. Default: the system's random generator. */
  readonly randomBytes?: RandomBytes;
}

/** The names of all {@link WebSocketOptions}. */
export const WEBSOCKET_OPTIONS: OptionNames<WebSocketOptions> = {
  maxMessageBytes: true,
  maxFragments: true,
  pingIntervalMs: true,
  pingTimeoutMs: true,
  closeTimeoutMs: true,
  compression: true,
  sendPolicy: true,
  highWaterBytes: true,
  lowWaterBytes: true,
  maxQueuedBytes: true,
  clock: true,
  randomBytes: true,
};

/** {@link WebSocketOptions} with all defaults filled in. */
export interface WebSocketSettings extends Required<Omit<WebSocketOptions, 'compression'>> {
  /** undefined: no compression. */
  readonly compression: CompressionSettings | undefined;
}

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
  const {
    pingIntervalMs = 0,
    maxMessageBytes,
    maxFragments,
    highWaterBytes = DEFAULT_HIGH_WATER_BYTES,
  } = options;
  const settings: WebSocketSettings = {
    maxMessageBytes: maxMessageBytes ?? DEFAULT_LIMITS.maxMessageBytes,
    maxFragments: maxFragments ?? DEFAULT_LIMITS.maxFragments,
    pingIntervalMs,
    pingTimeoutMs: options.pingTimeoutMs ?? pingIntervalMs,
    closeTimeoutMs: options.closeTimeoutMs ?? 5_000,
    compression: resolveCompressionOptions(options.compression),
    sendPolicy: options.sendPolicy ?? 'close',
    highWaterBytes,
    lowWaterBytes: options.lowWaterBytes ?? Math.floor(highWaterBytes / 2),
    maxQueuedBytes: options.maxQueuedBytes ?? 16 * 1024 * 1024,
    clock: options.clock ?? IOLoop.current().clock,
    randomBytes: options.randomBytes ?? pooledRandomBytes,
  };
  checkLimits(settings);
  webSocketChecks.durationMs('WebSocket', 'pingIntervalMs', settings.pingIntervalMs);
  webSocketChecks.durationMs('WebSocket', 'pingTimeoutMs', settings.pingTimeoutMs);
  webSocketChecks.durationMs('WebSocket', 'closeTimeoutMs', settings.closeTimeoutMs, 1);
  webSocketChecks.number('WebSocket', 'maxQueuedBytes', settings.maxQueuedBytes);
  webSocketChecks.number('WebSocket', 'highWaterBytes', highWaterBytes, 1);
  webSocketChecks.number('WebSocket', 'lowWaterBytes', settings.lowWaterBytes);
  if (settings.lowWaterBytes > highWaterBytes) {
    const problem = `at most highWaterBytes (${highWaterBytes})`;
    throw webSocketChecks.wrong('WebSocket', `lowWaterBytes of ${problem}`, settings.lowWaterBytes);
  }
  webSocketChecks.oneOf('WebSocket', 'sendPolicy', settings.sendPolicy, SEND_POLICIES);
  return settings;
}

const latest = new WeakMap<
  object,
  { readonly options: WebSocketOptions; readonly settings: WebSocketSettings }
>();

/**
 * Like {@link resolveWebSocketOptions}, but returns the same object as for the connection before if the options are the
 * same: thousands of connections then share their settings.
 *
 * @param owner - what the options are of, such as a class of handlers.
 */
export function sharedSettings(owner: object, options: WebSocketOptions | undefined): WebSocketSettings {
  const known = latest.get(owner);
  if (known !== undefined && options !== undefined && isSame(options, known.options)) {
    if (options.clock !== undefined || known.settings.clock === IOLoop.current().clock) return known.settings;
  }
  const settings = resolveWebSocketOptions(options);
  if (options !== undefined) latest.set(owner, { options: { ...options }, settings });
  return settings;
}

function isSame(options: WebSocketOptions, others: WebSocketOptions): boolean {
  if (typeof options !== 'object' || options === null) return false;
  const names = Object.keys(options) as (keyof WebSocketOptions)[];
  if (names.length !== Object.keys(others).length) return false;
  // An object with options of the compression may have been changed since.
  return names.every((name) => {
    return options[name] === others[name] && (name !== 'compression' || typeof options[name] !== 'object');
  });
}

const DEFAULT_HIGH_WATER_BYTES = 64 * 1024;
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

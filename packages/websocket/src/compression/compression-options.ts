import type { OptionNames } from '@landspout/ioloop/errors';
import { webSocketChecks } from '../protocol/limits.ts';
import { CompressionPool } from './compression-pool.ts';

/** Options of permessage-deflate (RFC 7692), the same for client and server. */
export interface CompressionOptions {
  /**
   * Whether each message may refer to earlier ones of the same connection. This makes small, similar messages much
   * smaller, but each connection then holds about 300 KiB of memory: see `maxContextBytes` of {@link CompressionPool}.
   * A broadcast must compress such a message once for each connection. Default: false.
   */
  readonly contextTakeover?: boolean;
  /** The level of zlib for messages that are sent, from 0 (none) to 9 (best). Default: 6. */
  readonly level?: number;
  /** The memory level of zlib for messages that are sent, from 1 to 9. Default: 8. */
  readonly memLevel?: number;
  /** The largest window for messages that are sent, as a power of two from 9 to 15. Default: 15, which is 32 KiB. */
  readonly maxWindowBits?: number;
  /**
   * The largest window that the peer may use for its messages, as a power of two from 9 to 15. A smaller one saves
   * memory with context takeover only. Default: 15.
   */
  readonly peerMaxWindowBits?: number;
  /** Messages with fewer bytes are sent uncompressed. Default: 128. */
  readonly thresholdBytes?: number;
  /**
   * The limits that connections share. Default: {@link CompressionPool.shared}, the pool of this thread.
   */
  readonly pool?: CompressionPool;
}

/** {@link CompressionOptions} with all defaults filled in. */
export type CompressionSettings = Required<CompressionOptions>;

const COMPRESSION_OPTIONS: OptionNames<CompressionOptions> = {
  contextTakeover: true,
  level: true,
  memLevel: true,
  maxWindowBits: true,
  peerMaxWindowBits: true,
  thresholdBytes: true,
  pool: true,
};

/**
 * Checks the option `compression` and fills in the defaults.
 *
 * @param compression - `true` means all defaults.
 * @returns `undefined` if compression is off: for `false` and `undefined`.
 * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` if an option is unknown or out of range.
 */
export function resolveCompressionOptions(
  compression: boolean | CompressionOptions | undefined,
): CompressionSettings | undefined {
  if (compression === undefined || compression === false) return undefined;
  const options = compression === true ? {} : compression;
  if (typeof options !== 'object' || options === null) {
    throw webSocketChecks.wrong('WebSocket', 'compression: true, false or an object of options', options);
  }
  webSocketChecks.options('compression', options, COMPRESSION_OPTIONS);
  const settings: CompressionSettings = {
    contextTakeover: options.contextTakeover ?? false,
    level: options.level ?? 6,
    memLevel: options.memLevel ?? 8,
    maxWindowBits: options.maxWindowBits ?? 15,
    peerMaxWindowBits: options.peerMaxWindowBits ?? 15,
    thresholdBytes: options.thresholdBytes ?? 128,
    pool: options.pool ?? CompressionPool.shared,
  };
  webSocketChecks.boolean('compression', 'contextTakeover', settings.contextTakeover);
  webSocketChecks.wholeNumber('compression', 'level', settings.level, 0, 9);
  webSocketChecks.wholeNumber('compression', 'memLevel', settings.memLevel, 1, 9);
  webSocketChecks.wholeNumber('compression', 'maxWindowBits', settings.maxWindowBits, 9, 15);
  webSocketChecks.wholeNumber('compression', 'peerMaxWindowBits', settings.peerMaxWindowBits, 9, 15);
  webSocketChecks.number('compression', 'thresholdBytes', settings.thresholdBytes);
  if (!(settings.pool instanceof CompressionPool)) {
    throw webSocketChecks.wrong('compression', 'pool: a CompressionPool', settings.pool);
  }
  return settings;
}

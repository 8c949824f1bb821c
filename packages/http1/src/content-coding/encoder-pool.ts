import { env } from 'node:process';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { BodyEncoder, type EncodedBodySink } from './body-encoder.ts';
import { type ContentCoding, encodingFailed } from './content-coding.ts';
import { MAX_SYNC_BYTES } from './encode-once.ts';
import { EncoderLimits } from './encoder-limits.ts';
import { DEFAULT_LEVELS, encodingChecks, requireEncoding } from './encoder-streams.ts';
import { createSliceEncoder } from './slice-encoder.ts';
import { type ZlibEngines, zlibEngines } from './zlib-engine.ts';

/** What the encoders of a pool may use together. */
export interface EncoderPoolOptions {
  /**
   * Maximum number of slices that are encoded in Node's thread pool at a time, from 1 to 1024. Further ones wait, first
   * come, first served. Default: half of the threads, so that DNS and files get their turn: 2 unless the environment
   * variable `UV_THREADPOOL_SIZE` says otherwise.
   */
  readonly maxConcurrent?: number;
  /**
   * Maximum number of open encoders, from 0 to 1,000,000. Each has about 256 KiB of memory with gzip, and up to 1.3 MiB
   * with brotli and zstd at their default levels. Default: 64.
   */
  readonly maxStreams?: number;
  /**
   * Maximum number of bytes that are written to encoders and wait to be encoded. A body that does not fit is not
   * accepted; if nothing waits, any size is. Encoders whose callers await `waitDrained` are never refused. Default:
   * 64 MiB.
   */
  readonly maxWaitingBytes?: number;
  /**
   * Up to this many bytes are encoded in the thread of the caller, from 0 to 1 MiB: that takes about 10 µs for each KiB.
   * Default: 16 KiB.
   */
  readonly maxSyncBytes?: number;
}

const POOL_OPTIONS: OptionNames<EncoderPoolOptions> = {
  maxConcurrent: true,
  maxStreams: true,
  maxWaitingBytes: true,
  maxSyncBytes: true,
};

/** Options of {@link EncoderPool.tryOpen}. */
export interface OpenEncoderOptions {
  /** Default: see `DEFAULT_LEVELS`. */
  readonly level?: number;
  /** The size in bytes of what will be written at once; checked against `maxWaitingBytes`. Default: 0. */
  readonly expectedBytes?: number;
}

const OPEN_OPTIONS: OptionNames<OpenEncoderOptions> = { level: true, expectedBytes: true };

let shared: EncoderPool | undefined;
let poolOver: (engines: ZlibEngines | undefined, options?: EncoderPoolOptions) => EncoderPool;

/**
 * Makes encoders for the bodies of messages, and limits the memory and the threads that they use together.
 *
 * @example
 * const pool = new EncoderPool({ maxConcurrent: 1 });
 * const encoder = pool.tryOpen('gzip', { take: (piece) => exchange.write(piece), ended, failed });
 * if (encoder === undefined) sendWithoutCoding();
 */
export class EncoderPool {
  /** See {@link EncoderPoolOptions.maxSyncBytes}. */
  readonly maxSyncBytes: number;
  readonly #limits: EncoderLimits;
  #engines: ZlibEngines | undefined;

  static {
    poolOver = (engines, options) => {
      const pool = new EncoderPool(options);
      pool.#engines = engines;
      return pool;
    };
  }

  /** The pool of this thread with the default limits. It is created on first use. */
  static get shared(): EncoderPool {
    shared ??= new EncoderPool();
    return shared;
  }

  /** @throws Http1UsageError `ERR_HTTP1_USAGE` if an option is unknown or out of range. */
  constructor(options: EncoderPoolOptions = {}) {
    encodingChecks.options('EncoderPool', options, POOL_OPTIONS);
    const { maxConcurrent = halfOfThreads(), maxStreams = 64 } = options;
    const { maxWaitingBytes = 64 * 1024 * 1024, maxSyncBytes = MAX_SYNC_BYTES } = options;
    encodingChecks.wholeNumber('EncoderPool', 'maxConcurrent', maxConcurrent, 1, 1024);
    encodingChecks.wholeNumber('EncoderPool', 'maxStreams', maxStreams, 0, 1_000_000);
    encodingChecks.number('EncoderPool', 'maxWaitingBytes', maxWaitingBytes);
    encodingChecks.wholeNumber('EncoderPool', 'maxSyncBytes', maxSyncBytes, 0, 1024 * 1024);
    this.#limits = new EncoderLimits(maxConcurrent, maxStreams, maxWaitingBytes);
    this.#engines = zlibEngines();
    this.maxSyncBytes = maxSyncBytes;
  }

  /** Number of slices in the thread pool. */
  get running(): number {
    return this.#limits.running;
  }

  /** Number of encoders with a slice that waits for its turn. */
  get waiting(): number {
    return this.#limits.waiting;
  }

  /** Number of open encoders. */
  get streams(): number {
    return this.#limits.streams;
  }

  /** Bytes that were written to encoders and are not encoded yet. */
  get waitingBytes(): number {
    return this.#limits.waitingBytes;
  }

  /**
   * Opens an encoder for one body. Its owner must call `end` or `abort` of it.
   *
   * @returns undefined if there are `maxStreams` already, or `expectedBytes` more bytes would exceed `maxWaitingBytes`:
   *   the body should then be sent without a coding.
   * @throws Http1UsageError `ERR_HTTP1_USAGE` if an argument is invalid; ContentEncodingError
   *   `ERR_HTTP_CODING_FAILED` if there is no memory for the encoder.
   */
  tryOpen(
    coding: ContentCoding,
    sink: EncodedBodySink,
    options: OpenEncoderOptions = {},
  ): BodyEncoder | undefined {
    encodingChecks.options('tryOpen', options, OPEN_OPTIONS);
    const { level = DEFAULT_LEVELS[coding], expectedBytes = 0 } = options;
    requireEncoding('tryOpen', coding, level);
    encodingChecks.withMethods('tryOpen', 'a sink', sink, 'take', 'ended', 'failed');
    encodingChecks.number('tryOpen', 'expectedBytes', expectedBytes);
    if (!this.#limits.tryOpen(expectedBytes)) return undefined;
    try {
      const encoder = createSliceEncoder(this.#engines, coding, level);
      return new BodyEncoder(coding, encoder, sink, this.#limits, this.maxSyncBytes);
    } catch (error) {
      this.#limits.closeStream();
      throw encodingFailed(coding, error);
    }
  }

  [INSPECT](): object {
    return inspection(this, ['running', 'waiting', 'streams', 'waitingBytes', 'maxSyncBytes']);
  }
}

/** libuv has 4 threads by default, and at most 1024. */
function halfOfThreads(): number {
  const { UV_THREADPOOL_SIZE = '4' } = env;
  const size = Number.parseInt(UV_THREADPOOL_SIZE, 10);
  const threads = size >= 1 ? Math.min(size, 1024) : 4;
  return Math.max(1, Math.floor(threads / 2));
}

/** A pool over engines of the caller's choice, for tests; `undefined` for the public functions of node:zlib. */
export { poolOver };

import type { Buffer } from 'node:buffer';
import { version } from 'node:process';
import {
  AVAILABLE_CODINGS,
  type BodyEncoder,
  type ContentCoding,
  DEFAULT_LEVELS,
  type EncodedBodySink,
  EncoderPool,
  type EncoderPoolOptions,
  encodeOnce,
  LEVELS,
} from '@landspout/http1/content-coding';
import { type OptionNames, pickOptions } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { WebUsageError, webChecks } from '../../errors.ts';
import { CompressibleTypes, DEFAULT_COMPRESSED_TYPES, isTypePattern } from './compressible-types.ts';

/**
 * How responses are compressed. The limits apply to all responses of an application together; applications that change
 * none of them share those of the process.
 *
 * @example
 * const compressResponse: CompressionOptions = { codings: ['gzip'], levels: { gzip: 6 }, minBytes: 2_048 };
 */
export interface CompressionOptions extends EncoderPoolOptions {
  /**
   * The codings, in order of preference: the first one that the client accepts with the highest weight is used. Default:
   * zstd, gzip, br; without zstd if Node lacks it (before 22.15 and 23.8). zstd takes the least time for large bodies; br
   * at its default level is hardly smaller than gzip.
   */
  readonly codings?: readonly ContentCoding[];
  /**
   * A body that is complete when the response begins is compressed only if it has at least this many bytes; streamed
   * bodies always are. Smaller bodies fit into one packet anyway. Default: 1024.
   */
  readonly minBytes?: number;
  /**
   * The media types that are compressed: `application/json`, `text/*`, or `+json` for all types with that suffix.
   * `text/event-stream` must be listed itself, because `text/*` does not include it. Default:
   * `DEFAULT_COMPRESSED_TYPES`.
   */
  readonly types?: readonly string[];
  /**
   * The level of each coding: 1 to 9 for gzip (default: 5) and deflate (5), 0 to 11 for br (4), 1 to 19 for zstd (3).
   * With br above 9 and zstd above 9, one response can need hundreds of milliseconds and many megabytes.
   */
  readonly levels?: CompressionLevels;
}

/** See {@link CompressionOptions.levels}. */
export type CompressionLevels = { readonly [Coding in ContentCoding]?: number };

const POOL_OPTIONS: OptionNames<EncoderPoolOptions> = {
  maxConcurrent: true,
  maxStreams: true,
  maxWaitingBytes: true,
  maxSyncBytes: true,
};

const COMPRESSION_OPTIONS: OptionNames<CompressionOptions> = {
  ...POOL_OPTIONS,
  codings: true,
  minBytes: true,
  types: true,
  levels: true,
};

const LEVEL_OPTIONS: OptionNames<CompressionLevels> = { gzip: true, deflate: true, br: true, zstd: true };

/** In order of preference. deflate is left out: clients disagree on its format (RFC 9110 §8.4.1.2). */
const DEFAULT_CODINGS: readonly ContentCoding[] = ['zstd', 'gzip', 'br'];

const OPERATION = 'compressResponse';

/** The checked options of one application. Immutable. */
export class CompressionSettings {
  /** In order of preference; at least one. */
  readonly codings: readonly ContentCoding[];
  readonly minBytes: number;
  readonly levels: Readonly<Record<ContentCoding, number>>;
  /** What limits the responses that are compressed at the same time. */
  readonly pool: EncoderPool;
  readonly #types: CompressibleTypes;

  /** @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown or invalid, or Node lacks a coding. */
  constructor(options: CompressionOptions) {
    webChecks.options(OPERATION, options, COMPRESSION_OPTIONS);
    const { minBytes = 1_024, types = DEFAULT_COMPRESSED_TYPES } = options;
    this.codings = codingsOf(options.codings);
    this.minBytes = webChecks.wholeNumber(OPERATION, 'minBytes', minBytes);
    this.levels = levelsOf(options.levels);
    this.pool = poolOf(options);
    this.#types = typesOf(types);
    Object.freeze(this);
  }

  /** Up to this many bytes a complete body should be passed to {@link encode}, and a larger one to {@link tryOpen}. */
  get maxSyncBytes(): number {
    return this.pool.maxSyncBytes;
  }

  /** Whether bodies of this type are compressed. @param contentType - the value of Content-Type. */
  isCompressible(contentType: string | undefined): boolean {
    return contentType !== undefined && this.#types.has(contentType);
  }

  /**
   * Encodes a whole body in this thread. The result may be larger than the body.
   *
   * @param body - text is encoded as UTF-8. Bytes are borrowed for the call.
   * @returns the encoded body, which the caller owns.
   * @throws ContentEncodingError `ERR_HTTP_CODING_FAILED`.
   */
  encode(coding: ContentCoding, body: string | Uint8Array): Buffer {
    return encodeOnce(coding, body, this.levels[coding]);
  }

  /**
   * Opens an encoder for a body that is large, or written piece by piece. Its owner must call `end` or `abort` of it.
   *
   * @param expectedBytes - the size of what is written at once; 0 if it is not known.
   * @returns undefined if a limit is reached: the body should then be sent without a coding.
   * @throws ContentEncodingError `ERR_HTTP_CODING_FAILED`.
   */
  tryOpen(coding: ContentCoding, sink: EncodedBodySink, expectedBytes: number): BodyEncoder | undefined {
    return this.pool.tryOpen(coding, sink, { level: this.levels[coding], expectedBytes });
  }

  [INSPECT](): object {
    return inspection(this, ['codings', 'minBytes', 'levels', 'pool']);
  }
}

/**
 * Checks the setting `compressResponse` of an application, once.
 *
 * @param options - `true` for the defaults.
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown or invalid, or Node lacks a coding.
 */
export function compressionSettings(options: true | CompressionOptions): CompressionSettings {
  return new CompressionSettings(options === true ? {} : options);
}

function codingsOf(codings: unknown): readonly ContentCoding[] {
  if (codings === undefined) {
    return Object.freeze(DEFAULT_CODINGS.filter((coding) => AVAILABLE_CODINGS.includes(coding)));
  }
  const known = Object.keys(DEFAULT_LEVELS);
  const isValid =
    Array.isArray(codings) &&
    codings.length > 0 &&
    codings.every((coding) => known.includes(coding)) &&
    new Set(codings).size === codings.length;
  if (!isValid) {
    throw webChecks.wrong(OPERATION, `codings: an array of one or more of ${known.join(', ')}`, codings);
  }
  const missing = (codings as ContentCoding[]).find((coding) => !AVAILABLE_CODINGS.includes(coding));
  if (missing !== undefined) {
    const problem = `codings: ${missing} requires Node 22.15 or 23.8, or a later release; this is ${version}`;
    throw new WebUsageError('ERR_WEB_USAGE', `${OPERATION}: ${problem}`);
  }
  return Object.freeze([...codings]);
}

function levelsOf(levels: CompressionLevels | undefined): Readonly<Record<ContentCoding, number>> {
  if (levels === undefined) return DEFAULT_LEVELS;
  webChecks.options(OPERATION, levels, LEVEL_OPTIONS);
  const all = { ...DEFAULT_LEVELS };
  for (const coding of Object.keys(all) as ContentCoding[]) {
    const [least, most] = LEVELS[coding];
    const level = levels[coding] ?? all[coding];
    all[coding] = webChecks.wholeNumber(OPERATION, `levels.${coding}`, level, least, most);
  }
  return Object.freeze(all);
}

function poolOf(options: CompressionOptions): EncoderPool {
  const limits = pickOptions(options, POOL_OPTIONS);
  if (Object.keys(limits).length === 0) return EncoderPool.shared;
  const { maxConcurrent = 1, maxStreams = 0, maxWaitingBytes = 0, maxSyncBytes = 0 } = limits;
  webChecks.wholeNumber(OPERATION, 'maxConcurrent', maxConcurrent, 1, 1024);
  webChecks.wholeNumber(OPERATION, 'maxStreams', maxStreams, 0, 1_000_000);
  webChecks.number(OPERATION, 'maxWaitingBytes', maxWaitingBytes);
  webChecks.wholeNumber(OPERATION, 'maxSyncBytes', maxSyncBytes, 0, 1024 * 1024);
  return new EncoderPool(limits);
}

function typesOf(types: unknown): CompressibleTypes {
  if (Array.isArray(types) && types.every(isTypePattern)) return new CompressibleTypes(types);
  throw webChecks.wrong(
    OPERATION,
    'types: an array of types such as text/*, application/json or +json',
    types,
  );
}

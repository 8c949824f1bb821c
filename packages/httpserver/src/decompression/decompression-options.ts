import { DEFAULT_LIMITS } from '@landspout/http1';
import { AVAILABLE_CODINGS, type ContentCoding, type InflationLimits } from '@landspout/http1/content-coding';
import type { OptionNames } from '@landspout/ioloop/errors';
import { serverChecks } from '../stopping/stop-options.ts';

/** How the bodies of requests are decompressed. */
export interface DecompressionOptions {
  /** The codings that are undone; others are answered with 415. Default: all that this Node has. */
  readonly codings?: readonly ContentCoding[];
  /** Most codings of one body, as in `Content-Encoding: gzip, br`. Default 2; 415 beyond. */
  readonly maxCodings?: number;
  /** Most bytes that a delegate gets at once, and that are decompressed ahead of it. Default 64 KiB, at least 64. */
  readonly chunkBytes?: number;
  /** Most bytes of a body without its coding. Default: as the server's `maxBodyBytes`; 413 beyond. */
  readonly maxBodyBytes?: number;
  /**
   * Most bytes of a body for each byte of it on the wire, once it is more than `chunkBytes`. Default: any, since
   * `maxBodyBytes` bounds what a bomb can cost; gzip itself can do no more than 1,032. 413 beyond.
   */
  readonly maxRatio?: number;
}

const DECOMPRESSION_OPTIONS: OptionNames<DecompressionOptions> = {
  codings: true,
  maxCodings: true,
  chunkBytes: true,
  maxBodyBytes: true,
  maxRatio: true,
};

/** Options that have been checked. */
export interface Decompression extends InflationLimits {
  readonly codings: readonly ContentCoding[];
  readonly maxCodings: number;
}

/** What the options are of, in messages. */
const OPERATION = 'HTTPServer: decompressRequests';

const DEFAULT_MAX_CODINGS = 2;
const DEFAULT_CHUNK_BYTES = 64 * 1024;
/** The least that node:zlib works with. */
const LEAST_CHUNK_BYTES = 64;

/** Fills in the defaults. @throws StreamUsageError `ERR_STREAM_USAGE` for values that cannot be. */
export function resolveDecompression(options: DecompressionOptions = {}): Decompression {
  serverChecks.options(OPERATION, options, DECOMPRESSION_OPTIONS);
  const {
    codings = AVAILABLE_CODINGS,
    maxCodings = DEFAULT_MAX_CODINGS,
    chunkBytes = DEFAULT_CHUNK_BYTES,
    maxBodyBytes = DEFAULT_LIMITS.maxBodyBytes,
    maxRatio = Number.POSITIVE_INFINITY,
  } = options;
  if (codings.length === 0) throw serverChecks.wrong(OPERATION, 'codings: one at least', codings);
  for (const coding of codings) serverChecks.oneOf(OPERATION, 'codings', coding, AVAILABLE_CODINGS);
  serverChecks.wholeNumber(OPERATION, 'maxCodings', maxCodings, 1);
  serverChecks.wholeNumber(OPERATION, 'chunkBytes', chunkBytes, LEAST_CHUNK_BYTES);
  serverChecks.wholeNumber(OPERATION, 'maxBodyBytes', maxBodyBytes);
  serverChecks.number(OPERATION, 'maxRatio', maxRatio, 1);
  return { codings: [...codings], maxCodings, chunkBytes, maxBodyBytes, maxRatio };
}

import { DEFAULT_LIMITS } from '@landspout/http1';
import { AVAILABLE_CODINGS, type ContentCoding, type InflationLimits } from '@landspout/http1/content-coding';
import type { OptionNames } from '@landspout/ioloop/errors';
import { serverChecks } from '../stopping/stop-options.ts';

/** How request bodies are decompressed. */
export interface DecompressionOptions {
  /** The supported codings; a request with any other is refused with 415. Default: all that Node supports. */
  readonly codings?: readonly ContentCoding[];
  /** Maximum number of codings of one body, as in `Content-Encoding: gzip, br`; status 415 if exceeded. Default: 2. */
  readonly maxCodings?: number;
  /**
   * Maximum number of bytes delivered to a delegate at once, and decompressed in advance; at least 64. Default: 64 KiB.
   */
  readonly chunkBytes?: number;
  /**
   * Maximum size of a body after decompression, in bytes; status 413 if exceeded. Default: the server's `maxBodyBytes`.
   */
  readonly maxBodyBytes?: number;
  /**
   * Maximum ratio of decompressed to received bytes, checked after the decompressed body has exceeded `chunkBytes`;
   * status 413 if exceeded. Default: no limit, because `maxBodyBytes` already limits the cost of a decompression bomb.
   * The ratio of gzip is at most 1,032.
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

/** The checked {@link DecompressionOptions}, with defaults filled in. */
export interface Decompression extends InflationLimits {
  readonly codings: readonly ContentCoding[];
  readonly maxCodings: number;
}

/** The name of these options in error messages. */
const OPERATION = 'HTTPServer: decompressRequests';

const DEFAULT_MAX_CODINGS = 2;
const DEFAULT_CHUNK_BYTES = 64 * 1024;
/** The minimum that node:zlib accepts. */
const LEAST_CHUNK_BYTES = 64;

/** Checks the options and fills in defaults. @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid. */
export function resolveDecompression(options: DecompressionOptions = {}): Decompression {
  serverChecks.options(OPERATION, options, DECOMPRESSION_OPTIONS);
  const {
    codings = AVAILABLE_CODINGS,
    maxCodings = DEFAULT_MAX_CODINGS,
    chunkBytes = DEFAULT_CHUNK_BYTES,
    maxBodyBytes = DEFAULT_LIMITS.maxBodyBytes,
    maxRatio = Number.POSITIVE_INFINITY,
  } = options;
  if (codings.length === 0) throw serverChecks.wrong(OPERATION, 'codings: at least one', codings);
  for (const coding of codings) serverChecks.oneOf(OPERATION, 'codings', coding, AVAILABLE_CODINGS);
  serverChecks.wholeNumber(OPERATION, 'maxCodings', maxCodings, 1);
  serverChecks.wholeNumber(OPERATION, 'chunkBytes', chunkBytes, LEAST_CHUNK_BYTES);
  serverChecks.wholeNumber(OPERATION, 'maxBodyBytes', maxBodyBytes);
  serverChecks.number(OPERATION, 'maxRatio', maxRatio, 1);
  return { codings: [...codings], maxCodings, chunkBytes, maxBodyBytes, maxRatio };
}

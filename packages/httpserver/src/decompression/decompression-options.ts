import {
  AVAILABLE_CODINGS,
  type ContentCoding,
  DEFAULT_LIMITS,
  type InflationLimits,
} from '@landspout/http1';
import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { StreamUsageError } from '@landspout/iostream';

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

const DEFAULT_MAX_CODINGS = 2;
const DEFAULT_CHUNK_BYTES = 64 * 1024;
/** The least that node:zlib works with. */
const LEAST_CHUNK_BYTES = 64;

/** Fills in the defaults. @throws StreamUsageError `ERR_STREAM_USAGE` for values that cannot be. */
export function resolveDecompression(options: DecompressionOptions = {}): Decompression {
  const problem = optionsProblem(options, DECOMPRESSION_OPTIONS);
  if (problem !== undefined) {
    throw new StreamUsageError('ERR_STREAM_USAGE', `HTTPServer: decompressRequests: ${problem}`);
  }
  const {
    codings = AVAILABLE_CODINGS,
    maxCodings = DEFAULT_MAX_CODINGS,
    chunkBytes = DEFAULT_CHUNK_BYTES,
    maxBodyBytes = DEFAULT_LIMITS.maxBodyBytes,
    maxRatio = Number.POSITIVE_INFINITY,
  } = options;
  if (codings.length === 0) refuse('codings', 'one at least', 'none');
  for (const coding of codings) {
    if (!AVAILABLE_CODINGS.includes(coding)) refuse('codings', `some of ${AVAILABLE_CODINGS.join()}`, coding);
  }
  requireWhole('maxCodings', maxCodings, 1);
  requireWhole('chunkBytes', chunkBytes, LEAST_CHUNK_BYTES);
  requireWhole('maxBodyBytes', maxBodyBytes, 0);
  if (!(maxRatio >= 1)) refuse('maxRatio', '1 or more', maxRatio);
  return { codings: [...codings], maxCodings, chunkBytes, maxBodyBytes, maxRatio };
}

function requireWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    refuse(name, `a whole number of ${least} or more`, value);
}

function refuse(name: string, expected: string, value: unknown): never {
  throw new StreamUsageError(
    'ERR_STREAM_USAGE',
    `HTTPServer: decompression: ${name}: ${expected} was expected, not ${shownValue(value)}`,
  );
}

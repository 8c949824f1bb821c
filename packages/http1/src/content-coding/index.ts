/**
 * Content codings (RFC 9110 §8.4): bodies that are decompressed and compressed piece by piece, with limits.
 *
 * @packageDocumentation
 */

// Decoding.

export { BodyInflater, type InflationLimits } from './body-inflater.ts';
export { AVAILABLE_CODINGS } from './coding-engine.ts';
export { type ContentCoding, parseContentEncoding } from './content-coding.ts';

// Encoding.

export { BodyEncoder, type EncodedBodySink } from './body-encoder.ts';
export { encodeOnce, MAX_SYNC_BYTES } from './encode-once.ts';
export { EncoderPool, type EncoderPoolOptions, type OpenEncoderOptions } from './encoder-pool.ts';
export { DEFAULT_LEVELS, LEVELS } from './encoder-streams.ts';

// Engines of zlib, for packages above that compress in formats of their own.

export {
  type DeflateParameters,
  FLUSH,
  type ZlibEngine,
  type ZlibEngines,
  zlibEngines,
} from './zlib-engine.ts';

// Errors.

export {
  CONTENT_CODING_ERRORS,
  ContentCodingLimitError,
  ContentCodingProtocolError,
  ContentEncodingError,
} from './content-coding.ts';

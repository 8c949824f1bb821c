/**
 * Content codings (RFC 9110 §8.4): bodies that are decompressed piece by piece, with limits.
 *
 * @packageDocumentation
 */

// Decoding.

export { BodyInflater, type InflationLimits } from './body-inflater.ts';
export { AVAILABLE_CODINGS } from './coding-engine.ts';
export { type ContentCoding, parseContentEncoding } from './content-coding.ts';

// Errors.

export {
  CONTENT_CODING_ERRORS,
  ContentCodingLimitError,
  ContentCodingProtocolError,
} from './content-coding.ts';

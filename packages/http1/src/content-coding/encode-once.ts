import { Buffer } from 'node:buffer';
import { type ContentCoding, encodingFailed } from './content-coding.ts';
import {
  DEFAULT_LEVELS,
  ENDINGS,
  encodeWithStream,
  encodingChecks,
  requireEncoding,
} from './encoder-streams.ts';
import { type ZlibEngine, type ZlibEngines, zlibEngines } from './zlib-engine.ts';

/**
 * Encodes a whole body in the thread of the caller, which takes about 10 µs for each KiB. Meant for bodies of up to
 * {@link MAX_SYNC_BYTES}; larger ones should be encoded by a `BodyEncoder`.
 *
 * @param body - text is encoded as UTF-8. Bytes are borrowed for the call.
 * @param level - default: see {@link DEFAULT_LEVELS}.
 * @returns the encoded body, which the caller owns. It may be larger than the body, by less than 1 % and 128 bytes.
 * @throws Http1UsageError `ERR_HTTP1_USAGE` if an argument is invalid; ContentEncodingError `ERR_HTTP_CODING_FAILED`.
 *
 * @example
 * const body = encodeOnce('gzip', JSON.stringify(value));
 */
export function encodeOnce(
  coding: ContentCoding,
  body: string | Uint8Array,
  level: number = DEFAULT_LEVELS[coding],
): Buffer {
  requireEncoding('encodeOnce', coding, level);
  if (typeof body !== 'string' && !(body instanceof Uint8Array))
    throw encodingChecks.wrong('encodeOnce', 'body: a string or a Uint8Array', body);
  return encodeOver(zlibEngines(), coding, body, level);
}

/** {@link encodeOnce} with the engines of the caller's choice, and without checks. */
export function encodeOver(
  engines: ZlibEngines | undefined,
  coding: ContentCoding,
  body: string | Uint8Array,
  level: number,
): Buffer {
  let bytes: Uint8Array;
  let { length } = body;
  if (typeof body !== 'string') bytes = body;
  else if (length > MAX_SYNC_BYTES) {
    bytes = Buffer.from(body, 'utf8');
    length = bytes.length;
  } else {
    sharedText ??= Buffer.allocUnsafeSlow(MAX_SYNC_BYTES * 3);
    bytes = sharedText;
    length = sharedText.write(body, 'utf8');
  }
  try {
    // Each body has an engine of its own. An engine of zlib could be reset and used again, which would save 4 µs, but it
    // still contains the body before: whether zlib finds a match at the end of the input depends on the byte after it.
    // So the length of one response would tell whether a byte of another has a certain value.
    const engine = engines?.encoder(coding, level);
    if (engine === undefined) return encodeWithStream(coding, level, bytes.subarray(0, length));
    return encodeWith(engine, coding, bytes, length);
  } catch (error) {
    throw encodingFailed(coding, error);
  }
}

/**
 * Up to this many bytes are encoded in the thread of the caller. 16 KiB of HTML take 60 µs with zstd and 100 to 160 µs with
 * gzip and br. To hand them to the thread pool and take the result back costs this thread 25 to 75 µs, and the response
 * waits for its turn.
 */
export const MAX_SYNC_BYTES = 16 * 1024;

/** Where text is encoded, up to three bytes for each UTF-16 code unit. Used during one call only. */
let sharedText: Buffer | undefined;

/** Where most bodies are encoded. Used during one call only. */
let sharedOutput: Buffer | undefined;
const SHARED_OUTPUT_BYTES = 64 * 1024;

function encodeWith(engine: ZlibEngine, coding: ContentCoding, bytes: Uint8Array, length: number): Buffer {
  // More than the bounds of zlib, brotli and zstd, so that one call is enough, and leaves room.
  const most = length + (length >> 7) + 128;
  sharedOutput ??= Buffer.allocUnsafeSlow(SHARED_OUTPUT_BYTES);
  const output = most <= sharedOutput.length ? sharedOutput : Buffer.allocUnsafeSlow(most);
  try {
    engine.process(ENDINGS[coding].finish, bytes, 0, length, output, 0, output.length);
    if (engine.outputLeft === 0 || engine.inputLeft > 0) throw new Error('the output exceeds its bound');
    return Buffer.from(output.subarray(0, output.length - engine.outputLeft));
  } finally {
    engine.close();
  }
}

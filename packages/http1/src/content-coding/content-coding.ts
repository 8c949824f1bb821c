import { CodedError } from '@landspout/ioloop/errors';
import { trimBlanks } from '../protocol/grammar/bytes.ts';

/** The content codings that can be decoded and encoded (RFC 9110 §8.4.1, RFC 7932, RFC 8878). */
export type ContentCoding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** Old names of codings (RFC 9110 §8.4.1.3). */
const ALIASES: Readonly<Record<string, string>> = { 'x-gzip': 'gzip' };

/**
 * Parses a Content-Encoding header, and returns the codings in the order in which they were applied. `identity` and
 * empty elements are omitted.
 *
 * @returns `undefined` if a coding is not in `known`, or there are more than `maxCodings`.
 */
export function parseContentEncoding(
  value: string,
  known: readonly ContentCoding[],
  maxCodings: number,
): readonly ContentCoding[] | undefined {
  const codings: ContentCoding[] = [];
  for (const element of value.split(',')) {
    const name = trimBlanks(element).toLowerCase();
    if (name === '' || name === 'identity') continue;
    const coding = known.find((one) => one === (ALIASES[name] ?? name));
    if (coding === undefined || codings.length === maxCodings) return undefined;
    codings.push(coding);
  }
  return codings;
}

/** The reasons why a body with a content coding (RFC 9110 §8.4.1) cannot be decoded, or a body cannot be encoded. */
export const CONTENT_CODING_ERRORS = {
  ERR_HTTP_CODING_CORRUPT: { meaning: 'A body is not valid in the content coding that its headers name.' },
  ERR_HTTP_CODING_TRUNCATED: { meaning: 'A body ended before its content coding was complete.' },
  ERR_HTTP_CODING_TRAILING: { meaning: 'A body has bytes after the end of its content coding.' },
  ERR_HTTP_CODING_LIMIT: { meaning: 'A decoded body exceeds `maxBodyBytes` or `maxRatio`.' },
  ERR_HTTP_CODING_BUSY: {
    meaning:
      'Too much is waiting to be encoded: see `maxWaitingBytes` of `EncoderPool`. The bytes were not accepted.',
  },
  ERR_HTTP_CODING_FAILED: {
    meaning: 'A body could not be encoded, for example because of a lack of memory; see `cause`.',
  },
} as const satisfies Record<string, { meaning: string }>;

/** The peer sent a body that is not valid in its content codings. No more of the body can be read. */
export class ContentCodingProtocolError extends CodedError<
  'ERR_HTTP_CODING_CORRUPT' | 'ERR_HTTP_CODING_TRUNCATED' | 'ERR_HTTP_CODING_TRAILING'
> {
  override readonly name = 'ContentCodingProtocolError';
}

/** A body exceeded a limit while it was decoded. No more of the body can be read. */
export class ContentCodingLimitError extends CodedError<'ERR_HTTP_CODING_LIMIT'> {
  override readonly name = 'ContentCodingLimitError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_HTTP_CODING_LIMIT', message, options);
  }
}

/** A body was not encoded. */
export class ContentEncodingError extends CodedError<'ERR_HTTP_CODING_BUSY' | 'ERR_HTTP_CODING_FAILED'> {
  override readonly name = 'ContentEncodingError';
}

/** Makes the error for a failure of the compression library, which does not depend on the body. */
export function encodingFailed(coding: ContentCoding, error: unknown): ContentEncodingError {
  const cause = error instanceof Error ? error : new Error(String(error));
  return new ContentEncodingError('ERR_HTTP_CODING_FAILED', `${coding} failed: ${cause.message}`, { cause });
}

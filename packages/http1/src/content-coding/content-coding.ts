import { CodedError } from '@landspout/ioloop/errors';
import { trimBlanks } from '../protocol/grammar/bytes.ts';

/** The content codings that can be undone (RFC 9110 §8.4.1, RFC 7932, RFC 8878). */
export type ContentCoding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** A name of old that means the same (RFC 9110 §8.4.1.3). */
const ALIASES: Readonly<Record<string, string>> = { 'x-gzip': 'gzip' };

/**
 * The codings that a Content-Encoding lists, in the order in which they were applied. `identity` and empty elements
 * are left out.
 *
 * @returns `undefined` when one of them is not among `known`, or they are more than `maxCodings`.
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

/** Each way a body in a content coding (RFC 9110 §8.4.1) can fail to be one. */
export const CONTENT_CODING_ERRORS = {
  ERR_HTTP_CODING_CORRUPT: { meaning: 'A body is not in the coding that it was said to be in.' },
  ERR_HTTP_CODING_TRUNCATED: { meaning: 'A body ended before its coding did.' },
  ERR_HTTP_CODING_TRAILING: { meaning: 'Bytes follow the end of a coding.' },
  ERR_HTTP_CODING_LIMIT: { meaning: 'A body is larger without its coding than a limit allows.' },
} as const satisfies Record<string, { meaning: string }>;

/** The peer sent bytes that the codings of its body cannot be. Nothing more comes of that body. */
export class ContentCodingProtocolError extends CodedError<
  'ERR_HTTP_CODING_CORRUPT' | 'ERR_HTTP_CODING_TRUNCATED' | 'ERR_HTTP_CODING_TRAILING'
> {
  override readonly name = 'ContentCodingProtocolError';
}

/** A body grew beyond a limit while its codings were undone. Nothing more comes of it. */
export class ContentCodingLimitError extends CodedError<'ERR_HTTP_CODING_LIMIT'> {
  override readonly name = 'ContentCodingLimitError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_HTTP_CODING_LIMIT', message, options);
  }
}

import { CodedError } from '@landspout/ioloop/errors';

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

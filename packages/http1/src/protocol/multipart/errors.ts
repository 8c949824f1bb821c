import { CodedError } from '@landspout/ioloop/errors';

/** Each way in which a multipart body can be invalid, and the status to respond with. */
export const MULTIPART_VIOLATIONS = {
  ERR_HTTP1_MULTIPART_BOUNDARY: { status: 400, rule: 'RFC 2046 §5.1.1' },
  ERR_HTTP1_MULTIPART_DELIMITER: { status: 400, rule: 'RFC 2046 §5.1.1' },
  ERR_HTTP1_MULTIPART_TRUNCATED: { status: 400, rule: 'RFC 2046 §5.1.1' },
  ERR_HTTP1_MULTIPART_HEADER: { status: 400, rule: 'RFC 2046 §5.1' },
  ERR_HTTP1_MULTIPART_DISPOSITION: { status: 400, rule: 'RFC 7578 §4.2' },
  ERR_HTTP1_MULTIPART_ENCODING: { status: 400, rule: 'RFC 7578 §5.1' },
  ERR_HTTP1_MULTIPART_CODING: { status: 415, rule: 'RFC 7578 §4.7' },
  ERR_HTTP1_MULTIPART_PARTS: { status: 400, rule: 'maxParts' },
  ERR_HTTP1_MULTIPART_FILES: { status: 400, rule: 'maxFiles' },
  ERR_HTTP1_MULTIPART_HEADERS_TOO_LARGE: { status: 400, rule: 'maxPartHeaderBytes' },
  ERR_HTTP1_MULTIPART_TOO_MANY_HEADERS: { status: 400, rule: 'maxPartHeaders' },
  ERR_HTTP1_MULTIPART_FIELD_TOO_LARGE: { status: 413, rule: 'maxFieldBytes' },
} as const satisfies Record<string, { status: number; rule: string }>;

export type MultipartErrorCode = keyof typeof MULTIPART_VIOLATIONS;

/**
 * The peer sent a multipart body that is malformed or exceeds a limit. The message that contains it is framed
 * correctly, so that the connection can still be used.
 *
 * Match on the code: the message is for humans, and its wording may change in any release.
 */
export class MultipartProtocolError extends CodedError<MultipartErrorCode> {
  override readonly name = 'MultipartProtocolError';

  /** The status to respond with, such as 400. */
  readonly status: number;
  /** The rule or limit that was broken. */
  readonly rule: string;

  constructor(code: MultipartErrorCode, detail: string, options?: ErrorOptions) {
    const { status, rule } = MULTIPART_VIOLATIONS[code];
    super(code, `${detail} (${rule})`, options);
    this.status = status;
    this.rule = rule;
  }
}

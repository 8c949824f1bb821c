import { CodedError } from '@landspout/ioloop/errors';

/** The ways in which a multipart body can be invalid. For each: the status to respond with, and the rule or limit. */
export const MULTIPART_VIOLATIONS = {
  ERR_HTTP1_MULTIPART_BOUNDARY: {
    meaning: 'The Content-Type is not multipart/form-data, or its boundary is missing or invalid.',
    status: 400,
    rule: 'RFC 2046 §5.1.1',
  },
  ERR_HTTP1_MULTIPART_DELIMITER: {
    meaning: 'A boundary line does not match its grammar.',
    status: 400,
    rule: 'RFC 2046 §5.1.1',
  },
  ERR_HTTP1_MULTIPART_TRUNCATED: {
    meaning: 'The body ends before its last boundary line is complete.',
    status: 400,
    rule: 'RFC 2046 §5.1.1',
  },
  ERR_HTTP1_MULTIPART_HEADER: {
    meaning:
      'A header line of a part does not match its grammar, or a header that may occur only once is repeated.',
    status: 400,
    rule: 'RFC 2046 §5.1',
  },
  ERR_HTTP1_MULTIPART_DISPOSITION: {
    meaning: 'The Content-Disposition of a part is missing or invalid, or has no field name.',
    status: 400,
    rule: 'RFC 7578 §4.2',
  },
  ERR_HTTP1_MULTIPART_ENCODING: {
    meaning: 'The headers of a part are not UTF-8.',
    status: 400,
    rule: 'RFC 7578 §5.1',
  },
  ERR_HTTP1_MULTIPART_CODING: {
    meaning: 'A part has a Content-Transfer-Encoding that changes its bytes, such as base64.',
    status: 415,
    rule: 'RFC 7578 §4.7',
  },
  ERR_HTTP1_MULTIPART_PARTS: {
    meaning: 'The body has more parts than `maxParts` allows.',
    status: 400,
    rule: 'maxParts',
  },
  ERR_HTTP1_MULTIPART_FILES: {
    meaning: 'The body has more files than `maxFiles` allows.',
    status: 400,
    rule: 'maxFiles',
  },
  ERR_HTTP1_MULTIPART_HEADERS_TOO_LARGE: {
    meaning: 'The headers of a part exceed `maxPartHeaderBytes`.',
    status: 400,
    rule: 'maxPartHeaderBytes',
  },
  ERR_HTTP1_MULTIPART_TOO_MANY_HEADERS: {
    meaning: 'A part has more headers than `maxPartHeaders` allows.',
    status: 400,
    rule: 'maxPartHeaders',
  },
  ERR_HTTP1_MULTIPART_FIELD_TOO_LARGE: {
    meaning: 'A field that is not a file is larger than `maxFieldBytes`.',
    status: 413,
    rule: 'maxFieldBytes',
  },
} as const satisfies Record<string, { meaning: string; status: number; rule: string }>;

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

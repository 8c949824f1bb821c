import { CodedError } from '@landspout/ioloop/errors';

/**
 * The ways in which a peer can break HTTP/1.1. For each: the status to respond with, and the rule. Errors in responses
 * have the status 502, because a gateway would send that status for an invalid response.
 */
export const HTTP1_VIOLATIONS = {
  ERR_HTTP1_BAD_REQUEST_LINE: {
    meaning: 'The request line does not match its grammar.',
    status: 400,
    rule: 'RFC 9112 §3',
  },
  ERR_HTTP1_BAD_TARGET: {
    meaning: 'The request target has none of the four valid forms.',
    status: 400,
    rule: 'RFC 9112 §3.2',
  },
  ERR_HTTP1_TARGET_TOO_LONG: {
    meaning: 'The request target does not fit into `maxHeadBytes`.',
    status: 414,
    rule: 'RFC 9110 §15.5.15',
  },
  ERR_HTTP1_VERSION: {
    meaning: 'The major version of HTTP is not 1.',
    status: 505,
    rule: 'RFC 9110 §15.6.6',
  },
  ERR_HTTP1_BAD_HEADER: {
    meaning: 'A header line does not match its grammar.',
    status: 400,
    rule: 'RFC 9112 §5',
  },
  ERR_HTTP1_OBS_FOLD: {
    meaning: 'A header is continued on a second line, which is obsolete.',
    status: 400,
    rule: 'RFC 9112 §5.2',
  },
  ERR_HTTP1_HEAD_TOO_LARGE: {
    meaning: 'The start line and headers together exceed `maxHeadBytes`.',
    status: 431,
    rule: 'RFC 6585 §5',
  },
  ERR_HTTP1_TOO_MANY_HEADERS: {
    meaning: 'There are more header fields, or trailers, than `maxHeaders` allows.',
    status: 431,
    rule: 'RFC 6585 §5',
  },
  ERR_HTTP1_BAD_HOST: {
    meaning: 'The Host header is missing, repeated or invalid.',
    status: 400,
    rule: 'RFC 9112 §3.2',
  },
  ERR_HTTP1_BAD_CONTENT_LENGTH: {
    meaning: 'The value of Content-Length is not a valid length.',
    status: 400,
    rule: 'RFC 9110 §8.6',
  },
  ERR_HTTP1_AMBIGUOUS_LENGTH: {
    meaning:
      'The length of the body is ambiguous, for example because both Content-Length and Transfer-Encoding are present.',
    status: 400,
    rule: 'RFC 9112 §6.3',
  },
  ERR_HTTP1_BAD_TRANSFER_ENCODING: {
    meaning: 'Transfer-Encoding is anything but a single "chunked", or it appears in an HTTP/1.0 message.',
    status: 400,
    rule: 'RFC 9112 §6.1',
  },
  ERR_HTTP1_BODY_TOO_LARGE: {
    meaning: 'The body is larger than `maxBodyBytes`.',
    status: 413,
    rule: 'RFC 9110 §15.5.14',
  },
  ERR_HTTP1_BAD_CHUNK: {
    meaning: 'A chunk of the body does not match its grammar, or its size is out of range.',
    status: 400,
    rule: 'RFC 9112 §7.1',
  },
  ERR_HTTP1_CHUNK_EXTENSIONS_TOO_LARGE: {
    meaning: 'The chunk extensions exceed `maxChunkExtensionBytes`.',
    status: 400,
    rule: 'RFC 9112 §7.1.1',
  },
  ERR_HTTP1_BAD_TRAILER: {
    meaning: 'A trailer field would change the framing or routing of the message.',
    status: 400,
    rule: 'RFC 9110 §6.5.1',
  },
  ERR_HTTP1_TRAILERS_TOO_LARGE: {
    meaning: 'The trailers exceed `maxTrailerBytes`.',
    status: 431,
    rule: 'RFC 6585 §5',
  },
  ERR_HTTP1_BAD_STATUS_LINE: {
    meaning: 'The status line does not match its grammar.',
    status: 502,
    rule: 'RFC 9112 §4',
  },
  ERR_HTTP1_BAD_BODILESS_FRAMING: {
    meaning: 'A response that must not have a body, such as a 204, announces one.',
    status: 502,
    rule: 'RFC 9110 §8.6',
  },
  ERR_HTTP1_TOO_MANY_INTERIM: {
    meaning: 'The server sent more 1xx responses than `maxInterimResponses` allows.',
    status: 502,
    rule: 'RFC 9110 §15.2',
  },
  ERR_HTTP1_INTERIM_VERSION: {
    meaning: 'The server sent a 1xx response with the version HTTP/1.0, which has no 1xx responses.',
    status: 502,
    rule: 'RFC 9110 §15.2',
  },
  ERR_HTTP1_UNSOLICITED_RESPONSE: {
    meaning: 'The server sent bytes for which there was no request.',
    status: 502,
    rule: 'RFC 9112 §9.2',
  },
  ERR_HTTP1_TRUNCATED: {
    meaning: 'The connection ended before the response was complete.',
    status: 502,
    rule: 'RFC 9112 §8',
  },
} as const satisfies Record<string, { meaning: string; status: number; rule: string }>;

export type Http1ErrorCode = keyof typeof HTTP1_VIOLATIONS;

/**
 * The peer sent bytes that are not valid HTTP/1.1, or that exceed a limit. Further calls of the decoder throw the same
 * error, and the connection cannot be used for another message.
 *
 * Match on the code: the message is for humans, and its wording may change in any release.
 */
export class Http1ProtocolError extends CodedError<Http1ErrorCode> {
  override readonly name = 'Http1ProtocolError';

  /** The status with which a server responds before it closes the connection, such as 431. */
  readonly status: number;
  /** The rule that was broken, such as `RFC 9112 §7.1`. */
  readonly rule: string;

  constructor(code: Http1ErrorCode, detail: string, options?: ErrorOptions) {
    const { status, rule } = HTTP1_VIOLATIONS[code];
    super(code, `${detail} (${rule})`, options);
    this.status = status;
    this.rule = rule;
  }
}

/** The errors for mistakes of the program that uses this layer. */
export const HTTP1_USAGE_ERRORS = {
  ERR_HTTP1_USAGE: {
    meaning: 'An argument is invalid, or a method was called at the wrong time; see the message.',
  },
  ERR_HTTP1_URL: {
    meaning:
      'A URL is not absolute, has no host, or would be silently changed by URL parsers, for example because it contains a space.',
  },
  ERR_HTTP1_URL_SCHEME: { meaning: 'A URL has a scheme that the client does not support.' },
  ERR_HTTP1_LIMIT: { meaning: 'A limit is unknown, or is not a whole number of zero or more.' },
  ERR_HTTP1_HEADER_NAME: {
    meaning:
      'A header name is empty, or contains a character that is not allowed in a name (RFC 9110 §5.6.2).',
  },
  ERR_HTTP1_HEADER_VALUE: {
    meaning:
      'A header value is not a string, or contains a line end, a control character or a character above U+00FF.',
  },
  ERR_HTTP1_LENGTH_MISMATCH: {
    meaning:
      'The Content-Length header is invalid, or differs from the length of the body; correct or remove the header.',
  },
  ERR_HTTP1_BODY_LONG: { meaning: 'More body bytes were written than Content-Length announced.' },
  ERR_HTTP1_BODY_SHORT: { meaning: 'Fewer body bytes were written than Content-Length announced.' },
} as const satisfies Record<string, { meaning: string }>;

export type Http1UsageErrorCode = keyof typeof HTTP1_USAGE_ERRORS;

/** The program tried to send something that must not be sent, or passed an invalid argument. Nothing was written. */
export class Http1UsageError extends CodedError<Http1UsageErrorCode> {
  override readonly name = 'Http1UsageError';
}

/**
 * The ways in which a path, query or form can be invalid. For each: the status to respond with, and the rule or limit.
 */
export const QUERY_VIOLATIONS = {
  ERR_HTTP1_QUERY_ENCODING: {
    meaning: 'The percent-encoding is invalid, or the decoded bytes are not UTF-8.',
    status: 400,
    rule: 'RFC 3986 §2.1, WHATWG URL §5.1',
  },
  ERR_HTTP1_QUERY_FIELDS: {
    meaning: 'The query or form has more fields than `maxFields` allows.',
    status: 400,
    rule: 'maxFields',
  },
  ERR_HTTP1_QUERY_TOO_LARGE: {
    meaning: 'The query or form is larger than `maxBytes`.',
    status: 413,
    rule: 'maxBytes',
  },
  ERR_HTTP1_FORM_CODING: {
    meaning: 'The form has a Content-Encoding; see the option `decompressRequests` of servers.',
    status: 415,
    rule: 'RFC 9110 §15.5.16',
  },
} as const satisfies Record<string, { meaning: string; status: number; rule: string }>;

export type QueryErrorCode = keyof typeof QUERY_VIOLATIONS;

/**
 * The peer sent a path, query or form that cannot be decoded or exceeds a limit. The message itself is valid, so that
 * the connection can still be used.
 */
export class QueryProtocolError extends CodedError<QueryErrorCode> {
  override readonly name = 'QueryProtocolError';

  /** The status to respond with, such as 400. */
  readonly status: number;
  /** The rule or limit that was broken. */
  readonly rule: string;

  constructor(code: QueryErrorCode, detail: string, options?: ErrorOptions) {
    const { status, rule } = QUERY_VIOLATIONS[code];
    super(code, `${detail} (${rule})`, options);
    this.status = status;
    this.rule = rule;
  }
}

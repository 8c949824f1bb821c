import { CodedError } from '@landspout/ioloop/errors';

/**
 * Each way a peer can break HTTP/1.1: the status that we owe it (502 for a server's bad answer, which is what a
 * gateway says of it), and the rule that it broke.
 */
export const HTTP1_VIOLATIONS = {
  ERR_HTTP1_BAD_REQUEST_LINE: { status: 400, rule: 'RFC 9112 §3' },
  ERR_HTTP1_BAD_TARGET: { status: 400, rule: 'RFC 9112 §3.2' },
  ERR_HTTP1_TARGET_TOO_LONG: { status: 414, rule: 'RFC 9110 §15.5.15' },
  ERR_HTTP1_VERSION: { status: 505, rule: 'RFC 9110 §15.6.6' },
  ERR_HTTP1_BAD_HEADER: { status: 400, rule: 'RFC 9112 §5' },
  ERR_HTTP1_OBS_FOLD: { status: 400, rule: 'RFC 9112 §5.2' },
  ERR_HTTP1_HEAD_TOO_LARGE: { status: 431, rule: 'RFC 6585 §5' },
  ERR_HTTP1_TOO_MANY_HEADERS: { status: 431, rule: 'RFC 6585 §5' },
  ERR_HTTP1_BAD_HOST: { status: 400, rule: 'RFC 9112 §3.2' },
  ERR_HTTP1_BAD_CONTENT_LENGTH: { status: 400, rule: 'RFC 9110 §8.6' },
  ERR_HTTP1_AMBIGUOUS_LENGTH: { status: 400, rule: 'RFC 9112 §6.3' },
  ERR_HTTP1_BAD_TRANSFER_ENCODING: { status: 400, rule: 'RFC 9112 §6.1' },
  ERR_HTTP1_BODY_TOO_LARGE: { status: 413, rule: 'RFC 9110 §15.5.14' },
  ERR_HTTP1_BAD_CHUNK: { status: 400, rule: 'RFC 9112 §7.1' },
  ERR_HTTP1_CHUNK_EXTENSIONS_TOO_LARGE: { status: 400, rule: 'RFC 9112 §7.1.1' },
  ERR_HTTP1_BAD_TRAILER: { status: 400, rule: 'RFC 9110 §6.5.1' },
  ERR_HTTP1_TRAILERS_TOO_LARGE: { status: 431, rule: 'RFC 6585 §5' },
  ERR_HTTP1_BAD_STATUS_LINE: { status: 502, rule: 'RFC 9112 §4' },
  ERR_HTTP1_BAD_BODILESS_FRAMING: { status: 502, rule: 'RFC 9110 §8.6' },
  ERR_HTTP1_TOO_MANY_INTERIM: { status: 502, rule: 'RFC 9110 §15.2' },
  ERR_HTTP1_INTERIM_VERSION: { status: 502, rule: 'RFC 9110 §15.2' },
  ERR_HTTP1_UNSOLICITED_RESPONSE: { status: 502, rule: 'RFC 9112 §9.2' },
  ERR_HTTP1_TRUNCATED: { status: 502, rule: 'RFC 9112 §8' },
} as const satisfies Record<string, { status: number; rule: string }>;

export type Http1ErrorCode = keyof typeof HTTP1_VIOLATIONS;

/**
 * The peer sent bytes that are not HTTP/1.1, or more of them than a limit allows. The decoder that threw it stays
 * failed, and its connection cannot be used for another message.
 *
 * Match on the code. The message is for people, and its wording may change in any release.
 */
export class Http1ProtocolError extends CodedError<Http1ErrorCode> {
  override readonly name = 'Http1ProtocolError';

  /** Status that a server answers with before it closes, e.g. 431. */
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

/** Each mistake that the program itself can make with this layer. */
export const HTTP1_USAGE_ERRORS = {
  ERR_HTTP1_USAGE: { meaning: 'An argument or the moment of the call is wrong.' },
  ERR_HTTP1_URL: {
    meaning: 'A URL is not absolute, has no host, or would be read in another way than it is written.',
  },
  ERR_HTTP1_URL_SCHEME: { meaning: 'A URL has a scheme that this client cannot connect with.' },
  ERR_HTTP1_LIMIT: { meaning: 'A limit is not a whole number of zero or more.' },
  ERR_HTTP1_HEADER_NAME: { meaning: 'A header name is not an RFC 9110 token.' },
  ERR_HTTP1_HEADER_VALUE: {
    meaning: 'A header value has a line end, a control or a character above U+00FF.',
  },
  ERR_HTTP1_LENGTH_MISMATCH: { meaning: 'The Content-Length that was set is not the length of the body.' },
  ERR_HTTP1_BODY_LONG: { meaning: 'More bytes than Content-Length announced were written.' },
  ERR_HTTP1_BODY_SHORT: { meaning: 'Fewer bytes than Content-Length announced were written.' },
} as const satisfies Record<string, { meaning: string }>;

export type Http1UsageErrorCode = keyof typeof HTTP1_USAGE_ERRORS;

/** The program asked for something that must not reach the wire. Nothing of the refused call was written. */
export class Http1UsageError extends CodedError<Http1UsageErrorCode> {
  override readonly name = 'Http1UsageError';
}

/** Each way in which a path, query or form of a peer can be unusable, and the status that is owed. */
export const QUERY_VIOLATIONS = {
  ERR_HTTP1_QUERY_ENCODING: { status: 400, rule: 'RFC 3986 §2.1, WHATWG URL §5.1' },
  ERR_HTTP1_QUERY_FIELDS: { status: 400, rule: 'maxFields' },
  ERR_HTTP1_QUERY_TOO_LARGE: { status: 413, rule: 'maxBytes' },
  ERR_HTTP1_FORM_CODING: { status: 415, rule: 'RFC 9110 §15.5.16' },
} as const satisfies Record<string, { status: number; rule: string }>;

export type QueryErrorCode = keyof typeof QUERY_VIOLATIONS;

/**
 * The peer sent a path, query or form that cannot be decoded, or more of it than a limit allows. The message around it
 * is well: its connection can go on.
 */
export class QueryProtocolError extends CodedError<QueryErrorCode> {
  override readonly name = 'QueryProtocolError';

  /** Status to answer with, e.g. 400. */
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

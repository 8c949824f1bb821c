import { CodedError } from '@landspout/ioloop/errors';

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

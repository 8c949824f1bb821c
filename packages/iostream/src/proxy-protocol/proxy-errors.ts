import { CodedError } from '@landspout/ioloop/errors';

/** Each way in which a proxy can break the PROXY protocol. Sections are those of its specification, version 2. */
export const PROXY_ERRORS = {
  ERR_PROXY_MISSING: {
    meaning: 'A listed proxy has opened a connection without a PROXY header.',
    rule: '2. The PROXY protocol header',
  },
  ERR_PROXY_MALFORMED: {
    meaning: 'The PROXY header breaks the grammar of its version.',
    rule: '2.1. and 2.2.',
  },
  ERR_PROXY_TOO_LARGE: {
    meaning: 'The PROXY header is longer than its version or `maxHeaderBytes` allow.',
    rule: '2.1. and 2.2.',
  },
  ERR_PROXY_TRUNCATED: {
    meaning: 'The connection ended in the middle of the PROXY header.',
    rule: '2. The PROXY protocol header',
  },
} as const satisfies Record<string, { meaning: string; rule: string }>;

export type ProxyErrorCode = keyof typeof PROXY_ERRORS;

/** A proxy did not speak as agreed. Its connection is reset; no other is touched. */
export class ProxyProtocolError extends CodedError<ProxyErrorCode> {
  override readonly name = 'ProxyProtocolError';
}

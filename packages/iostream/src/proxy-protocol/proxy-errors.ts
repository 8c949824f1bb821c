import { CodedError } from '@landspout/ioloop/errors';

/** How a proxy can violate the PROXY protocol. Section numbers are those of its specification, version 2. */
export const PROXY_ERRORS = {
  ERR_PROXY_MISSING: {
    meaning:
      'A listed proxy sent no PROXY header; enable it in the proxy, or remove the proxy from the list.',
    rule: '2. The PROXY protocol header',
  },
  ERR_PROXY_MALFORMED: {
    meaning: 'The PROXY header violates the grammar of its version; see the message.',
    rule: '2.1. and 2.2.',
  },
  ERR_PROXY_TOO_LARGE: {
    meaning: 'The PROXY header is longer than its version or `maxHeaderBytes` allows.',
    rule: '2.1. and 2.2.',
  },
  ERR_PROXY_TRUNCATED: {
    meaning: 'The connection ended in the middle of the PROXY header.',
    rule: '2. The PROXY protocol header',
  },
} as const satisfies Record<string, { meaning: string; rule: string }>;

export type ProxyErrorCode = keyof typeof PROXY_ERRORS;

/** A proxy violated the PROXY protocol. Its connection is reset; no other connection is affected. */
export class ProxyProtocolError extends CodedError<ProxyErrorCode> {
  override readonly name = 'ProxyProtocolError';
}

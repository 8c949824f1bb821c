import type { AbsoluteUrl } from '@landspout/http1/protocol';
import type { ClientTlsOptions } from '../request/http-request.ts';

/** Everything that a connection is made from: only requests for which all of it is equal may share one. */
export interface Origin {
  /** Equal exactly if the origins are equal. */
  readonly key: string;
  readonly secure: boolean;
  /** A name, or a numeric address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly tls: ClientTlsOptions | undefined;
  readonly family: 4 | 6 | undefined;
}

/**
 * A number for each TLS options object seen so far. Objects are compared by identity, since comparing their contents
 * could be wrong.
 */
const tlsNumbers = new WeakMap<object, number>();
let lastTlsNumber = 0;

export function originOf(
  url: AbsoluteUrl,
  tls: ClientTlsOptions | undefined,
  family: 4 | 6 | undefined,
): Origin {
  const { scheme, host, port } = url;
  const secure = scheme === 'https';
  const tlsNumber = secure && tls !== undefined ? numberOf(tls) : 0;
  const key = `${scheme} ${host} ${port} ${family ?? 0} ${tlsNumber}`;
  return { key, secure, host, port, tls: secure ? tls : undefined, family };
}

function numberOf(tls: object): number {
  let number = tlsNumbers.get(tls);
  if (number === undefined) {
    lastTlsNumber += 1;
    number = lastTlsNumber;
    tlsNumbers.set(tls, number);
  }
  return number;
}

import type { AbsoluteUrl } from '@landspout/http1/protocol';
import type { ClientTlsOptions } from '../request/http-request.ts';

/**
 * All values with which a connection is opened. Requests may share a connection only if all of these values are equal.
 */
export interface Origin {
  /** Two origins are equal if and only if their keys are equal. */
  readonly key: string;
  readonly secure: boolean;
  /** A name, or a numeric address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly tls: ClientTlsOptions | undefined;
  readonly family: 4 | 6 | undefined;
}

/**
 * A number for each TLS options object that was used. Objects are compared by identity, because a comparison of their
 * contents could be wrong.
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

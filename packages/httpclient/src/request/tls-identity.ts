import type { TlsClientOptions } from '@landspout/iostream';

/**
 * A number for each TLS options object that was used. Objects are compared by identity, because a comparison of their
 * contents could be wrong.
 */
const numbers = new WeakMap<object, number>();
let lastNumber = 0;

/** Returns a number that stands for an object of TLS options: connections are shared only if it is the same. */
export function tlsNumber(tls: object): number {
  let number = numbers.get(tls);
  if (number === undefined) {
    lastNumber += 1;
    number = lastNumber;
    numbers.set(tls, number);
  }
  return number;
}

/** The TLS options for other origins, for each object of options. */
const foreignOptions = new WeakMap<object, TlsClientOptions>();

/**
 * Returns TLS options for an origin to which a redirect leads: without the certificate of the client, with which that
 * origin could learn who it is, and without a name that only the first server has.
 */
export function withoutIdentity(tls: TlsClientOptions): TlsClientOptions {
  let foreign = foreignOptions.get(tls);
  if (foreign === undefined) {
    const { cert, key, certFile, keyFile, passphrase, secureContext, servername, ...others } = tls;
    foreign = others;
    // The same object each time, so that connections are shared.
    foreignOptions.set(tls, foreign);
  }
  return foreign;
}

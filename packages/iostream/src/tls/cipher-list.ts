import tls from 'node:tls';

/** The cipher suites of one list, as OpenSSL takes them. */
export interface CipherList {
  /** For TLS 1.2, in OpenSSL's format. Empty if the list has none. */
  readonly list: string;
  /** For TLS 1.3. Empty if the list has none. */
  readonly suites: string;
}

/**
 * Divides a list of cipher suites, as Node does: the names that start with `TLS_` are suites of TLS 1.3, and the rest is
 * a list for TLS 1.2.
 *
 * @param ciphers - default: Node's list, which `--tls-cipher-list` and `tls.DEFAULT_CIPHERS` set.
 */
export function divideCiphers(ciphers: string = tls.DEFAULT_CIPHERS): CipherList {
  const names = ciphers.split(':').filter((name) => name !== '');
  const isSuite = (name: string): boolean => name.startsWith('TLS_');
  return {
    list: names.filter((name) => !isSuite(name)).join(':'),
    suites: names.filter(isSuite).join(':'),
  };
}

import { AddressList, type SocketAddress } from '@landspout/iostream';

/** The proxies that are trusted to report the client of a request. */
export class TrustedProxies {
  readonly #list: AddressList;
  /**
   * Caches the results of {@link hasPeer}, by the connection's address object: a look-up takes about a microsecond, and
   * proxies reuse their connections for many requests.
   */
  readonly #peers = new WeakMap<SocketAddress, boolean>();

  /**
   * @throws StreamUsageError `ERR_STREAM_USAGE` if the list is empty or an entry is not an address, a network or
   *   `unix`.
   */
  constructor(entries: readonly string[]) {
    this.#list = new AddressList(entries);
  }

  /** Whether an address in a header field is that of a trusted proxy. */
  has(address: SocketAddress): boolean {
    return this.#list.has(address);
  }

  /** Like {@link has}, but for the remote address of a connection. */
  hasPeer(address: SocketAddress): boolean {
    const known = this.#peers.get(address);
    if (known !== undefined) return known;
    const isTrusted = this.#list.has(address);
    this.#peers.set(address, isTrusted);
    return isTrusted;
  }
}

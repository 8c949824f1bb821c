import { AddressList, type SocketAddress } from '@landspout/iostream';

/** Whose word is taken for who a request came from. */
export class TrustedProxies {
  readonly #list: AddressList;
  /**
   * What the list has said, by the very object that a connection has: asking takes a microsecond, and proxies keep their
   * connections for many requests.
   */
  readonly #peers = new WeakMap<SocketAddress, boolean>();

  /** @throws StreamUsageError `ERR_STREAM_USAGE` for an empty list, and for what is no address, network or `unix`. */
  constructor(entries: readonly string[]) {
    this.#list = new AddressList(entries);
  }

  /** Whether an address that stands in a header is one of ours. */
  has(address: SocketAddress): boolean {
    return this.#list.has(address);
  }

  /** As {@link has}, for the address that a connection is from. */
  hasPeer(address: SocketAddress): boolean {
    const known = this.#peers.get(address);
    if (known !== undefined) return known;
    const isTrusted = this.#list.has(address);
    this.#peers.set(address, isTrusted);
    return isTrusted;
  }
}

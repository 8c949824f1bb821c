import { AddressList, type SocketAddress } from '@landspout/iostream';

/** Most peers whose trust is remembered. */
const MAX_REMEMBERED = 1024;

/** Whose word is taken for who a request came from. */
export class TrustedProxies {
  readonly #list: AddressList;
  /** Asking the list takes a microsecond, and the peers of a server behind proxies are always the same few. */
  readonly #peers = new Map<string, boolean>();

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
    if (!('address' in address)) return this.#list.has(address);
    const known = this.#peers.get(address.address);
    if (known !== undefined) return known;
    const isTrusted = this.#list.has(address);
    if (this.#peers.size === MAX_REMEMBERED) this.#peers.clear();
    this.#peers.set(address.address, isTrusted);
    return isTrusted;
  }
}

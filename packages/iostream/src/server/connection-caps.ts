import { clientNetwork } from '../addresses/net-address.ts';
import type { SocketAddress } from '../transport.ts';

/** Counts the open connections of a server, in total and for each peer address, and enforces their limits. */
export class ConnectionCaps {
  readonly #maxConnections: number;
  readonly #maxPerAddress: number;
  readonly #perAddress = new Map<string, number>();
  #size = 0;

  /** For both parameters, 0 means no limit. */
  constructor(maxConnections: number, maxPerAddress: number) {
    this.#maxConnections = maxConnections;
    this.#maxPerAddress = maxPerAddress;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Counts a connection unless a limit is reached. Returns whether it was counted.
   *
   * @param peer - its address is read only if connections per address are limited.
   */
  admit(peer: { readonly remoteAddress: SocketAddress }): boolean {
    if (!this.#hasPlace() || !this.admitClient(peer)) return false;
    this.#size += 1;
    return true;
  }

  /**
   * Counts a connection from a proxy unless the total limit is reached. There is no limit for the proxy's address,
   * since it forwards the connections of many clients. Once the client is known, count it with {@link admitClient}.
   */
  admitProxy(): boolean {
    if (!this.#hasPlace()) return false;
    this.#size += 1;
    return true;
  }

  /** Undoes {@link admitProxy} for a connection whose client was not counted. */
  releaseProxy(): void {
    this.#size -= 1;
  }

  /**
   * Counts a connection for its peer's address, but not in the total, unless the limit per address is reached.
   *
   * @param peer - as for {@link admit}.
   */
  admitClient(peer: { readonly remoteAddress: SocketAddress }): boolean {
    if (this.#maxPerAddress === 0) return true;
    const address = limitedAddress(peer.remoteAddress);
    if (address === undefined) return true;
    const count = this.#perAddress.get(address) ?? 0;
    if (count >= this.#maxPerAddress) return false;
    this.#perAddress.set(address, count + 1);
    return true;
  }

  /** Undoes a successful {@link admit}, or {@link admitProxy} and {@link admitClient} together. */
  release(peer: { readonly remoteAddress: SocketAddress }): void {
    this.#size -= 1;
    if (this.#maxPerAddress === 0) return;
    const address = limitedAddress(peer.remoteAddress);
    if (address === undefined) return;
    const count = this.#perAddress.get(address) ?? 0;
    if (count > 1) this.#perAddress.set(address, count - 1);
    else this.#perAddress.delete(address);
  }

  #hasPlace(): boolean {
    return this.#maxConnections === 0 || this.#size < this.#maxConnections;
  }
}

/**
 * Returns the key under which connections are counted. Loopback has no limit: all clients of a local proxy share it.
 */
function limitedAddress(address: SocketAddress): string | undefined {
  if (address.family === 'IPv4') return address.address.startsWith('127.') ? undefined : address.address;
  if (address.family !== 'IPv6' || address.address === '::1') return undefined;
  return clientNetwork(address.address);
}

import type { SocketAddress } from '../transport.ts';

/** Counts the open connections of a server, all of them and those of each peer, against their limits. */
export class ConnectionCaps {
  readonly #maxConnections: number;
  readonly #maxPerAddress: number;
  readonly #perAddress = new Map<string, number>();
  #size = 0;

  /** 0 is no limit, for either. */
  constructor(maxConnections: number, maxPerAddress: number) {
    this.#maxConnections = maxConnections;
    this.#maxPerAddress = maxPerAddress;
  }

  get size(): number {
    return this.#size;
  }

  /** Counts a connection, if it may be. @param peer - asked for its address only where that is limited. */
  admit(peer: { readonly remoteAddress: SocketAddress }): boolean {
    if (!this.#hasPlace() || !this.admitClient(peer)) return false;
    this.#size += 1;
    return true;
  }

  /**
   * Counts a connection from a proxy, if it may be, against the limit of all: a proxy has as many as it has clients.
   * What is counted once its client is known is the client, with {@link admitClient}.
   */
  admitProxy(): boolean {
    if (!this.#hasPlace()) return false;
    this.#size += 1;
    return true;
  }

  /** Takes back one {@link admitProxy} whose client was never counted. */
  releaseProxy(): void {
    this.#size -= 1;
  }

  /** Counts a connection against the limit of its peer alone, if it may be. @param peer - as for {@link admit}. */
  admitClient(peer: { readonly remoteAddress: SocketAddress }): boolean {
    if (this.#maxPerAddress === 0) return true;
    const address = limitedAddress(peer.remoteAddress);
    if (address === undefined) return true;
    const count = this.#perAddress.get(address) ?? 0;
    if (count >= this.#maxPerAddress) return false;
    this.#perAddress.set(address, count + 1);
    return true;
  }

  /** Takes back one {@link admit} that said yes, or one {@link admitProxy} with its {@link admitClient}. */
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

/** Connections of this machine itself are a proxy's or a test's: no peer could be told apart by them. */
function limitedAddress(address: SocketAddress): string | undefined {
  if (address.family === 'IPv4') return address.address.startsWith('127.') ? undefined : address.address;
  if (address.family !== 'IPv6' || address.address === '::1') return undefined;
  return prefix64(address.address);
}

/** One IPv6 customer has a whole /64 at hand, so that is what is limited. */
function prefix64(address: string): string {
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? [];
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const missing = 8 - groups.length - (tail === '' ? 0 : tail.split(':').length);
    for (let i = 0; i < missing; i += 1) groups.push('0');
    if (tail !== '') groups.push(...tail.split(':'));
  }
  return groups.slice(0, 4).join(':');
}

import type { SocketAddress } from '../transport.ts';

/** What is between a client and us, where a PROXY header has told of the client. */
export interface ProxiedConnection {
  /** Of the header. */
  readonly version: 1 | 2;
  /** The proxy: the peer of the connection itself. */
  readonly proxyAddress: SocketAddress;
  /** Where the proxy connected to: our own end of the connection itself. */
  readonly proxyLocalAddress: SocketAddress;
}

/**
 * By the client's address, as the very object that a stream has: that goes unchanged through TLS and every other layer,
 * which need not know of proxies, and connections without one pay nothing.
 */
const CONNECTIONS = new WeakMap<SocketAddress, ProxiedConnection>();

export function noteProxied(client: SocketAddress, connection: ProxiedConnection): void {
  CONNECTIONS.set(client, connection);
}

/** @param remoteAddress - of a stream. @returns `undefined` when no header has told of it. */
export function findProxied(remoteAddress: SocketAddress): ProxiedConnection | undefined {
  return CONNECTIONS.get(remoteAddress);
}

import type { SocketAddress, Transport } from '../../transport.ts';
import type { HandshakeError } from '../handshake-error.ts';

export interface TlsAcceptorEvents {
  /** A handshake is complete. Must not throw. */
  secured(transport: Transport): void;
  /** A handshake failed and its connection is closed. Must not throw. */
  failed(error: HandshakeError, remoteAddress: SocketAddress): void;
  /**
   * An accepted connection has ended, during the handshake or after it. Called once for each connection, and after
   * `failed`. Must not throw.
   */
  closed(peer: { readonly remoteAddress: SocketAddress }): void;
}

/** One way to perform the server's side of TLS handshakes, each with a deadline that is never extended. */
export interface TlsAcceptance {
  /**
   * Takes over a connection.
   *
   * @returns false, with nothing done, if it cannot use this type of connection.
   */
  accept(transport: Transport): boolean;
  /** Closes the connections in the handshake. */
  destroyHandshakes(): void;
  /** As {@link destroyHandshakes}; also closes those after it that would stay open when their transport is closed. */
  destroyAll(): void;
}

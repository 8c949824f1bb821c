import type { IOLoop } from '@landspout/ioloop';
import type { SocketAddress, Transport } from '../transport.ts';
import type { HandshakeError } from './handshake-error.ts';
import { NativeTlsAcceptor } from './native-acceptor.ts';
import { NodeTlsAcceptor } from './node-acceptor.ts';
import type { TlsServerContext } from './server-context.ts';

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

/**
 * Performs the server's side of TLS handshakes on accepted connections, and reports the outcome of each: with native TLS
 * on the descriptors of the reactor, if that is possible, and otherwise with node:tls.
 */
export class TlsAcceptor {
  readonly #ways: readonly TlsAcceptance[];

  /** @throws as {@link TlsServerContext.prepare}. */
  constructor(context: TlsServerContext, loop: IOLoop, events: TlsAcceptorEvents) {
    context.prepare(loop);
    this.#ways = [
      new NativeTlsAcceptor(context, loop, events),
      // Takes every connection.
      new NodeTlsAcceptor(context, loop, events),
    ];
  }

  /** Takes over a connection. */
  accept(transport: Transport): void {
    for (const way of this.#ways) if (way.accept(transport)) return;
  }

  /** Closes the connections in the handshake. */
  destroyHandshakes(): void {
    for (const way of this.#ways) way.destroyHandshakes();
  }

  /** Closes the connections in the handshake, and those that would stay open when their transport is closed. */
  destroyAll(): void {
    for (const way of this.#ways) way.destroyAll();
  }
}

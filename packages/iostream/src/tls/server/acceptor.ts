import type { IOLoop } from '@landspout/ioloop';
import type { Transport } from '../../transport.ts';
import type { TlsAcceptance, TlsAcceptorEvents } from './acceptance.ts';
import { NativeTlsAcceptor } from './native-acceptor.ts';
import { NodeTlsAcceptor } from './node-acceptor.ts';
import type { TlsServerContext } from './server-context.ts';

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

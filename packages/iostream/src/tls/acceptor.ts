import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { IOLoop } from '@landspout/ioloop';
import type { SocketAddress, Transport } from '../transport.ts';
import { NodeTransport } from '../transports/node-transport.ts';
import { type HandshakeError, handshakeError, handshakeTimeout, untrustedError } from './handshake-error.ts';
import { detachLive, refusalCode } from './node-tls-adapter.ts';
import type { TlsServerContext } from './server-context.ts';

export interface TlsAcceptorEvents {
  /** A handshake is complete. Must not throw. */
  secured(transport: Transport): void;
  /** A handshake failed and its connection is closed. Must not throw. */
  failed(error: HandshakeError, remoteAddress: SocketAddress): void;
}

/**
 * Performs the server's side of TLS handshakes on accepted connections, with a deadline and a limit, and reports the
 * outcome of each. An accepted transport is detached as a Node socket; after the handshake, the result is a transport
 * on a TLS socket.
 */
export class TlsAcceptor {
  readonly #context: TlsServerContext;
  readonly #loop: IOLoop;
  readonly #events: TlsAcceptorEvents;
  readonly #sockets = new Set<Duplex>();
  /** The sockets whose handshake is in progress; all of them are in {@link #sockets} too. */
  readonly #shaking = new Set<Duplex>();

  constructor(context: TlsServerContext, loop: IOLoop, events: TlsAcceptorEvents) {
    this.#context = context;
    this.#loop = loop;
    this.#events = events;
  }

  /**
   * Takes over a connection.
   *
   * @param whenClosed - called when the connection has ended, during the handshake or after it.
   */
  accept(transport: Transport, whenClosed?: () => void): void {
    // Read them now: for some types of connection, only the plain transport knows its addresses.
    const { localAddress, remoteAddress, proxied } = transport;
    let socket: Duplex;
    try {
      socket = detachLive(transport);
    } catch (error) {
      whenClosed?.();
      this.#events.failed(handshakeError(error as Error), remoteAddress);
      return;
    }
    const settle = this.#startHandshake(socket);
    socket.on('error', ignore);
    socket.once('close', () => {
      settle();
      this.#sockets.delete(socket);
      whenClosed?.();
    });
    this.#context.handshake(socket, {
      secured: (secure) => {
        settle();
        this.#secured(secure, { loop: this.#loop, localAddress, remoteAddress, proxied, below: socket });
      },
      failed: (error, secure) => {
        settle();
        this.#failed(error, secure, remoteAddress);
      },
    });
  }

  /** Closes every connection that was accepted here, during the handshake or after it. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Closes the connections in the handshake. */
  destroyHandshakes(): void {
    for (const socket of this.#shaking) socket.destroy();
  }

  /**
   * Counts the handshake and starts its deadline, which is never extended.
   *
   * @returns a function that cancels the deadline and stops counting the handshake; idempotent.
   */
  #startHandshake(socket: Duplex): () => void {
    this.#sockets.add(socket);
    this.#shaking.add(socket);
    const { handshakeTimeoutMs } = this.#context.settings;
    const expire = (): void => void socket.destroy(handshakeTimeout(handshakeTimeoutMs));
    const deadline = this.#loop.clock.setTimeout(expire, handshakeTimeoutMs);
    const uncount = this.#context.countHandshake();
    return () => {
      this.#shaking.delete(socket);
      deadline.cancel();
      uncount();
    };
  }

  #secured(socket: TLSSocket, options: ConstructorParameters<typeof NodeTransport>[1]): void {
    socket.allowHalfOpen = true;
    // TLS 1.3 has no renegotiation (RFC 8446 §4.1.2), and with older versions a client could use it to waste CPU.
    socket.disableRenegotiation();
    socket.on('error', destroy);
    this.#events.secured(new NodeTransport(socket, options));
  }

  #failed(error: Error, socket: TLSSocket, remoteAddress: SocketAddress): void {
    socket.on('error', ignore);
    socket.destroy();
    const verifyCode = refusalCode(socket);
    const failure = verifyCode === undefined ? handshakeError(error) : untrustedError(verifyCode);
    this.#events.failed(failure, remoteAddress);
  }
}

/**
 * After an attempt to renegotiate, Node emits an error but keeps the connection open; after any other error, the
 * connection is already destroyed.
 */
function destroy(this: TLSSocket): void {
  this.destroy();
}

/** The failure is reported where it happens; further errors of a destroyed socket only repeat it. */
function ignore(): void {}

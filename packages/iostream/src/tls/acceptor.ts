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
  /** A handshake failed, and its connection is closed. Must not throw. */
  failed(error: HandshakeError, remoteAddress: SocketAddress): void;
}

/**
 * The server's side of TLS handshakes on connections that somebody else has accepted: the deadline, the limit, and
 * who is told how each of them ended. The accepted connection is given up as a Node socket, and comes back as a
 * transport over a TLS socket.
 */
export class TlsAcceptor {
  readonly #context: TlsServerContext;
  readonly #loop: IOLoop;
  readonly #events: TlsAcceptorEvents;
  readonly #sockets = new Set<Duplex>();
  /** Those of {@link #sockets} whose handshake is not over. */
  readonly #shaking = new Set<Duplex>();

  constructor(context: TlsServerContext, loop: IOLoop, events: TlsAcceptorEvents) {
    this.#context = context;
    this.#loop = loop;
    this.#events = events;
  }

  /** Takes a connection over. @param whenClosed - called when it is gone, after the handshake or in it. */
  accept(transport: Transport, whenClosed?: () => void): void {
    // Only the plain transport knows those of every sort of connection.
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

  /** Closes every connection that came through here, in the handshake or after it. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Closes those in the handshake. */
  destroyHandshakes(): void {
    for (const socket of this.#shaking) socket.destroy();
  }

  /** Counts it, and starts its deadline, which nothing prolongs. @returns what ends both, once or more often. */
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
    // TLS 1.3 has none any more (RFC 8446 §4.1.2), and an older client could make us work without end.
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

/** Node only tells of an attempt to negotiate again, and would go on; after other errors it has done this already. */
function destroy(this: TLSSocket): void {
  this.destroy();
}

/** The failure is reported where it is met; what else the dying socket says is an echo of it. */
function ignore(): void {}

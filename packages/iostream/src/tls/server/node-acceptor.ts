import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { IOLoop } from '@landspout/ioloop';
import type { SocketAddress, Transport } from '../../transport.ts';
import { NodeTransport } from '../../transports/node-transport.ts';
import { handshakeError, handshakeTimeout, untrustedError } from '../handshake-error.ts';
import { reportKeyLines } from '../key-log.ts';
import { detachLive, refusalCode } from '../node-tls-adapter.ts';
import type { TlsAcceptance, TlsAcceptorEvents } from './acceptance.ts';
import type { TlsServerContext } from './server-context.ts';

/**
 * Handshakes with node:tls, on connections of every type: an accepted transport is detached as a Node socket, and after
 * the handshake, the result is a transport on a TLS socket.
 */
export class NodeTlsAcceptor implements TlsAcceptance {
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

  accept(transport: Transport): true {
    // Read them now: for some types of connection, only the plain transport knows its addresses.
    const { localAddress, remoteAddress, proxied } = transport;
    let socket: Duplex;
    try {
      socket = detachLive(transport);
    } catch (error) {
      this.#events.failed(handshakeError(error as Error), remoteAddress);
      this.#events.closed({ remoteAddress });
      return true;
    }
    const settle = this.#startHandshake(socket);
    socket.on('error', ignore);
    socket.once('close', () => {
      settle();
      this.#sockets.delete(socket);
      this.#events.closed({ remoteAddress });
    });
    const { keyLog } = this.#context.settings;
    const fail = (error: Error, secure?: TLSSocket): void => {
      settle();
      this.#failed(error, secure, remoteAddress);
    };
    try {
      this.#context.handshake(socket, {
        secured: (secure) => {
          settle();
          this.#secured(secure, { loop: this.#loop, localAddress, remoteAddress, proxied, below: socket });
        },
        failed: fail,
        keyLine: (line) => {
          if (keyLog !== undefined) reportKeyLines(keyLog, line, this.#loop);
        },
      });
    } catch (error) {
      socket.destroy();
      fail(error as Error);
    }
    return true;
  }

  destroyHandshakes(): void {
    for (const socket of this.#shaking) socket.destroy();
  }

  /** Includes established connections: a TLS socket can stay open, waiting for data from its peer. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
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
    this.#context.handshakeStarted();
    return () => {
      if (!this.#shaking.delete(socket)) return;
      deadline.cancel();
      this.#context.handshakeEnded();
    };
  }

  #secured(socket: TLSSocket, options: ConstructorParameters<typeof NodeTransport>[1]): void {
    socket.allowHalfOpen = true;
    // TLS 1.3 has no renegotiation (RFC 8446 §4.1.2), and with older versions a client could use it to waste CPU.
    socket.disableRenegotiation();
    socket.on('error', destroy);
    this.#events.secured(new NodeTransport(socket, options));
  }

  /** @param socket - `undefined` if the handshake could not be started. */
  #failed(error: Error, socket: TLSSocket | undefined, remoteAddress: SocketAddress): void {
    socket?.on('error', ignore);
    socket?.destroy();
    const verifyCode = socket === undefined ? undefined : refusalCode(socket);
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

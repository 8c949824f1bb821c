import type { Duplex } from 'node:stream';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { type IOLoop, SystemError } from '@landspout/ioloop';
import { NodeTransport, type NodeTransportOptions } from './node-transport.ts';
import { StreamConnectError, StreamTimeoutError } from './stream-errors.ts';
import type { TlsServerSettings } from './tls-options.ts';
import type { Transport } from './transport.ts';

export interface TlsAcceptorEvents {
  /** A handshake is complete. Must not throw. */
  secured(transport: Transport): void;
  /** A handshake failed, and its connection is closed. Must not throw. */
  failed(error: StreamConnectError | StreamTimeoutError): void;
}

/**
 * The server's side of TLS handshakes on connections that somebody else has accepted.
 *
 * One `tls.Server` that never listens: it brings the handshake, its deadline and its failures. The accepted
 * connection is given up as a Node socket, and comes back as a transport over a TLS socket.
 */
export class TlsAcceptor {
  readonly #server: Server;
  readonly #events: TlsAcceptorEvents;
  readonly #options: NodeTransportOptions;
  readonly #sockets = new Set<Duplex>();

  /** @param addresses - those of the connection, where only one is accepted here and Node cannot know them. */
  constructor(
    settings: TlsServerSettings,
    loop: IOLoop,
    events: TlsAcceptorEvents,
    addresses?: Pick<Transport, 'localAddress' | 'remoteAddress'>,
  ) {
    const { credentials, secureContext, alpnProtocols, requestCert, rejectUnauthorized, handshakeTimeoutMs } =
      settings;
    this.#events = events;
    this.#options = { loop, localAddress: addresses?.localAddress, remoteAddress: addresses?.remoteAddress };
    this.#server = createServer({
      ...credentials,
      requestCert,
      rejectUnauthorized,
      // Counted from here and never prolonged: nothing that comes before the handshake's end resets it.
      handshakeTimeout: handshakeTimeoutMs,
      ...(alpnProtocols === undefined ? {} : { ALPNProtocols: alpnProtocols }),
    });
    // Node has no option for a context that is ready; this is where it keeps the one that it makes of the options.
    if (Object.keys(credentials).length === 0) Object.assign(this.#server, { _sharedCreds: secureContext });
    this.#server.on('secureConnection', this.#onSecured);
    this.#server.on('tlsClientError', this.#onFailed);
  }

  /** Takes a connection over. @param whenClosed - called when it is gone, after the handshake or in it. */
  accept(transport: Transport, whenClosed?: () => void): void {
    let socket: Duplex;
    try {
      socket = transport.detach();
    } catch (error) {
      whenClosed?.();
      this.#events.failed(handshakeError(error as Error));
      return;
    }
    this.#sockets.add(socket);
    socket.on('error', ignore);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      whenClosed?.();
    });
    // A peer that ends in the handshake is gone; the TLS socket takes over how its ends are treated from here.
    socket.allowHalfOpen = false;
    this.#server.emit('connection', socket);
    socket.allowHalfOpen = true;
  }

  /** Closes every connection that came through here, in the handshake or after it. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  readonly #onSecured = (socket: TLSSocket): void => {
    socket.allowHalfOpen = true;
    this.#events.secured(new NodeTransport(socket, this.#options));
  };

  readonly #onFailed = (error: Error, socket: TLSSocket): void => {
    socket.on('error', ignore);
    socket.destroy();
    this.#events.failed(handshakeError(error));
  };
}

/** The failure is reported where it is met; what else the dying socket says is an echo of it. */
function ignore(): void {}

/** The peer went away or never meant TLS to happen, as port scanners and health checks do all day. */
export function isScanNoise(error: StreamConnectError | StreamTimeoutError): boolean {
  if (error instanceof StreamTimeoutError) return true;
  const code = (error.cause as { code?: unknown } | undefined)?.code;
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ENOTCONN' || code === 'ECONNABORTED';
}

/** The error of a failed handshake, on either side. */
export function handshakeError(error: Error): StreamConnectError | StreamTimeoutError {
  const cause = SystemError.from(error, (error as NodeJS.ErrnoException).syscall ?? 'recv');
  if ((error as NodeJS.ErrnoException).code === 'ERR_TLS_HANDSHAKE_TIMEOUT') {
    return new StreamTimeoutError('tls: the handshake was not complete in time', { cause });
  }
  return new StreamConnectError('ERR_STREAM_TLS', `tls: the handshake failed: ${cause.message}`, { cause });
}

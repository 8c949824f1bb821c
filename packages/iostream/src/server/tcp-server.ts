// The server/ folder holds what a TCP server does with the connections that it accepts: limits, PROXY headers, TLS,
// counters and stopping; and STARTTLS on an open stream. Listening sockets are in listening/.

import type { SecureContext } from 'node:tls';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import { announceListening } from '@landspout/ioloop/processes';
import { isThenable, type RateLimitedLog, withCallerStack } from '@landspout/ioloop/reactor';
import {
  StreamClosedError,
  StreamLimitError,
  StreamProtocolError,
  StreamTruncatedError,
  StreamUsageError,
} from '../errors.ts';
import { bindFor, type ListenOptions, resolveListenOptions } from '../listening/listen-options.ts';
import type { ListeningSocket } from '../listening/listener.ts';
import type { CloseReason } from '../stream/closing.ts';
import type { IOStream } from '../stream/io-stream.ts';
import type { TlsServerOptions } from '../tls/options.ts';
import type { SocketAddress, Transport } from '../transport.ts';
import { ConnectionGate } from './connection-gate.ts';
import { ServerCounters, type TCPServerStats } from './server-counters.ts';
import { resolveServerOptions, type ServerSettings, type TCPServerOptions } from './server-options.ts';
import { ServerStream, type ServerStreamOwner } from './server-stream.ts';

/**
 * Listens for connections and passes each one to {@link handleStream}; with TLS, after the handshake.
 *
 * @example
 * const server = new TCPServer({
 *   async handleStream(stream) {
 *     await stream.write(await stream.readUntil('\n'));
 *     stream.close();
 *   },
 * });
 * await server.listen({ port: 7 });
 */
export class TCPServer {
  readonly #handler: ((stream: IOStream) => unknown) | undefined;
  readonly #settings: ServerSettings;
  readonly #gate: ConnectionGate;
  readonly #owner: ServerStreamOwner;
  readonly #streams = new Set<ServerStream>();
  readonly #counters = new ServerCounters();
  #listeners: ListeningSocket[] = [];

  /**
   * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid; StreamConnectError `ERR_STREAM_TLS` if a
   *   certificate cannot be read or used.
   */
  constructor(options: TCPServerOptions = {}) {
    this.#settings = resolveServerOptions(options);
    this.#handler = options.handleStream;
    if (this.#handler === undefined && this.handleStream === TCPServer.prototype.handleStream) {
      throw usage('TCPServer: set the option handleStream, or override the method in a subclass');
    }
    this.#gate = new ConnectionGate(this.#settings, this.#counters, (transport) => this.#serve(transport));
    this.#owner = {
      streamGone: (stream, reason) => this.#streamGone(stream, reason),
      streamReplaced: (stream, successor) => {
        this.#counters.addBytes(stream);
        this.#streams.delete(stream);
        this.#streams.add(successor);
      },
      handlerFailed: (stream, error) => this.#handlerFailed(stream, error),
    };
  }

  /**
   * Called with each connection, which stays open until it is closed explicitly. If the call throws or rejects, the
   * error is logged and the connection is closed.
   */
  handleStream(stream: IOStream): unknown {
    return this.#handler?.(stream);
  }

  /**
   * Starts listening. Call it again to listen on further ports.
   *
   * @throws SystemError such as `EADDRINUSE`, with `bind` or `listen` as its `syscall`; StreamConnectError
   *   `ERR_STREAM_RESOLVE` if the host has no address; with the option `systemd`, a ListenUsageError, in the same cases
   *   as `systemdSockets`; StreamUsageError `ERR_STREAM_USAGE` if an option is invalid or a descriptor is not a stream
   *   socket that can listen. No socket of this call stays open then.
   */
  async listen(options: ListenOptions): Promise<this> {
    const where = resolveListenOptions(options);
    try {
      this.#startAccepting(await bindFor(this.#settings.loop, where, this.#settings.backlog));
    } catch (error) {
      throw withCallerStack(error);
    }
    announceListening(where);
    return this;
  }

  /**
   * The same as `listen({ sockets })`: serves the connections of sockets opened by {@link bindSockets}. The server owns
   * the sockets from then on.
   */
  addSockets(sockets: readonly ListeningSocket[]): Promise<this> {
    return this.listen({ sockets });
  }

  /** The addresses that the server listens on, in the order of the calls. */
  get addresses(): readonly SocketAddress[] {
    return this.#listeners.map((socket) => socket.address);
  }

  /** The first of {@link addresses}. @throws StreamUsageError `ERR_STREAM_USAGE` if the server does not listen. */
  get address(): SocketAddress {
    const [first] = this.addresses;
    if (first === undefined) throw usage('the server is not listening');
    return first;
  }

  /** The first port that the server listens on. @throws StreamUsageError `ERR_STREAM_USAGE` if there is none. */
  get port(): number {
    for (const address of this.addresses) if ('port' in address) return address.port;
    throw usage('the server is not listening on a port');
  }

  /** Open connections, including those that are in a TLS handshake or wait for a PROXY header. */
  get openConnections(): number {
    return this.#gate.size;
  }

  /**
   * Open connections not yet passed to {@link handleStream}: still in the TLS handshake or waiting for a PROXY header.
   */
  protected get pendingConnections(): number {
    return Math.max(0, this.#gate.size - this.#streams.size);
  }

  /** Returns a snapshot of the server's counters. Its cost grows with the number of open connections. */
  stats(): TCPServerStats {
    return this.#counters.stats(this.#streams);
  }

  /**
   * Without an argument, reads the certificate files again. With `tls`, replaces all TLS options with it. Applies to
   * handshakes that start afterwards; established connections are not affected.
   *
   * @throws StreamConnectError `ERR_STREAM_TLS`, StreamUsageError `ERR_STREAM_USAGE` as
   *   {@link TlsServerContext.reload}; the old certificates stay in use then. StreamUsageError if the server has no
   *   TLS.
   */
  reloadTls(tls?: TlsServerOptions | SecureContext): void {
    if (this.#settings.tls === undefined)
      throw usage('reloadTls: the server was created without the option tls');
    this.#settings.tls.reload(tls);
  }

  /** Stops listening, after accepting the connections still in the backlog. Open connections stay open. Idempotent. */
  async stop(): Promise<unknown> {
    await this.stopListening();
    return undefined;
  }

  /**
   * The log for events that peers can cause as often as they like, such as refused requests. Writes the first record of
   * each kind immediately, and after that one record per minute with the number of events.
   */
  protected get refusalLog(): RateLimitedLog {
    return this.#settings.refusalLog;
  }

  /** Closes the {@link pendingConnections} at once. */
  protected closePending(): void {
    this.#gate.closePending();
  }

  /** Only stops listening. {@link stop} does the same here; subclasses extend `stop`. Idempotent. */
  async stopListening(): Promise<void> {
    const listeners = this.#listeners;
    this.#listeners = [];
    await Promise.all(listeners.map((socket) => socket.close()));
    this.#settings.refusalLog.flush();
  }

  /** Stops listening and closes every connection at once. */
  async closeAll(): Promise<void> {
    await this.stopListening();
    const streams = [...this.#streams];
    for (const stream of streams) stream.close();
    this.closePending();
    this.#gate.destroySecured();
    await Promise.all(streams.map((stream) => stream.waitClosed()));
    this.#settings.refusalLog.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAll();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      addresses: this.addresses.map(inspectedAddress),
      openConnections: this.openConnections,
    }));
  }

  /** Accepts from all `sockets`, or from none if one of them fails. */
  #startAccepting(sockets: readonly ListeningSocket[]): void {
    const stops: (() => void)[] = [];
    try {
      for (const socket of sockets) {
        const isUnix = socket.address.family === 'unix';
        stops.push(socket.addAcceptHandler((transport) => this.#gate.accept(transport, isUnix)));
      }
    } catch (error) {
      for (const stop of stops) stop();
      throw error;
    }
    this.#listeners.push(...sockets);
  }

  #serve(transport: Transport): void {
    const stream = new ServerStream(transport, this.#settings.streamOptions, this.#owner);
    this.#streams.add(stream);
    this.#counters.opened += 1;
    try {
      const result = this.handleStream(stream);
      if (isThenable(result)) stream.watchHandler(result);
    } catch (error) {
      stream.handlerFailed(error);
    }
  }

  #handlerFailed(stream: IOStream, error: unknown): void {
    const { loop, refusalLog } = this.#settings;
    // Nothing is logged if a handler fails because its peer disconnected. A peer that exceeds a limit is logged.
    const reason = error instanceof StreamClosedError ? error.cause : error;
    if (reason instanceof StreamLimitError)
      refusalLog.warn(reason.code, { error }, 'a stream exceeded a limit; its connection is closed');
    else if (
      reason instanceof StreamProtocolError ||
      (reason === error && reason instanceof StreamTruncatedError)
    )
      refusalLog.warn(
        reason.code,
        { error },
        'a peer sent data that the handler cannot read; its connection is closed',
      );
    else if (!(error instanceof StreamClosedError))
      loop.logger.error({ error }, 'handleStream failed; its connection is closed');
    stream.close(error instanceof Error ? error : new Error(String(error)));
  }

  #streamGone(stream: ServerStream, reason: CloseReason | undefined): void {
    this.#counters.streamGone(stream, reason);
    this.#streams.delete(stream);
    this.#gate.served(stream);
  }
}

function usage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', message);
}

// This room knows what a TCP server does with the connections it accepts: limits, PROXY headers, TLS, counters and
// stopping; and how TLS starts on an open stream. It does not know how its sockets listen.

import type { SecureContext } from 'node:tls';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import { announceListening } from '@landspout/ioloop/processes';
import { isThenable, type RateLimitedLog, withCallerStack } from '@landspout/ioloop/reactor';
import { StreamClosedError, StreamLimitError, StreamProtocolError, StreamUsageError } from '../errors.ts';
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
 * Listens and gives each connection, after the TLS handshake where there is one, to {@link handleStream}.
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
   * @throws StreamUsageError `ERR_STREAM_USAGE` for options that cannot be; StreamConnectError `ERR_STREAM_TLS` for
   *   certificates that cannot be read or used.
   */
  constructor(options: TCPServerOptions = {}) {
    this.#settings = resolveServerOptions(options);
    this.#handler = options.handleStream;
    if (this.#handler === undefined && this.handleStream === TCPServer.prototype.handleStream) {
      throw usage('TCPServer: the option handleStream was expected, or a subclass with the method');
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

  /** A connection is there; it stays open until somebody closes it. A rejection is logged, and closes it. */
  handleStream(stream: IOStream): unknown {
    return this.#handler?.(stream);
  }

  /**
   * Starts to listen; may be called again for further ports.
   *
   * @throws SystemError such as `EADDRINUSE`, with `bind` or `listen` as its `syscall`; StreamConnectError
   *   `ERR_STREAM_RESOLVE` for a host without an address; ListenUsageError `ERR_LISTEN_NOT_ACTIVATED`,
   *   `ERR_LISTEN_ACTIVATION` for `systemd` as `systemdSockets`; StreamUsageError `ERR_STREAM_USAGE` for options that
   *   cannot be, and for what is no stream socket that can listen. Nothing of this call is left listening then.
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

  /** As `listen({ sockets })`: serves what connects to sockets of {@link bindSockets}, which are ours from then on. */
  addSockets(sockets: readonly ListeningSocket[]): Promise<this> {
    return this.listen({ sockets });
  }

  /** Where the server listens, in the order of the calls. */
  get addresses(): readonly SocketAddress[] {
    return this.#listeners.map((socket) => socket.address);
  }

  /** The first of {@link addresses}. @throws StreamUsageError `ERR_STREAM_USAGE` when it does not listen. */
  get address(): SocketAddress {
    const [first] = this.addresses;
    if (first === undefined) throw usage('the server does not listen');
    return first;
  }

  /** The first port that it listens on. @throws StreamUsageError `ERR_STREAM_USAGE` when there is none. */
  get port(): number {
    for (const address of this.addresses) if ('port' in address) return address.port;
    throw usage('the server does not listen on a port');
  }

  /** Open connections, those in a TLS handshake included. */
  get openConnections(): number {
    return this.#gate.size;
  }

  /** Open connections that {@link handleStream} has not got yet: in a TLS handshake, or before a PROXY header. */
  protected get pendingConnections(): number {
    return Math.max(0, this.#gate.size - this.#streams.size);
  }

  /** What the server has seen so far; a snapshot, whose cost grows with the open connections. */
  stats(): TCPServerStats {
    return this.#counters.stats(this.#streams);
  }

  /**
   * Reads the certificates' files again, or takes `tls` in place of all TLS options. Handshakes that begin afterwards
   * see the new ones; connections live on with the old.
   *
   * @throws StreamConnectError `ERR_STREAM_TLS`, StreamUsageError `ERR_STREAM_USAGE` as {@link TlsServerContext.reload};
   *   the old ones stay in force then. StreamUsageError for a server without TLS.
   */
  reloadTls(tls?: TlsServerOptions | SecureContext): void {
    if (this.#settings.tls === undefined) throw usage('reloadTls: the server was made without tls');
    this.#settings.tls.reload(tls);
  }

  /** Stops listening; what has connected by then is served. Connections live on. Idempotent. */
  async stop(): Promise<unknown> {
    await this.stopListening();
    return undefined;
  }

  /** For what peers can cause at will, such as a refused request: a minute of it makes two records. */
  protected get refusalLog(): RateLimitedLog {
    return this.#settings.refusalLog;
  }

  /** Closes the {@link pendingConnections} at once. */
  protected closePending(): void {
    this.#gate.closePending();
  }

  /** Stops listening, and no more: what {@link stop} does here, and subclasses add to. Idempotent. */
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

  /** Of all `sockets` or, when one of them cannot be had, of none. */
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
    // That a peer goes away is no fault of the handler's. That it sends more than we take is worth a record.
    const reason = error instanceof StreamClosedError ? error.cause : error;
    if (reason instanceof StreamLimitError)
      refusalLog.warn(reason.code, { error }, 'a stream passed a limit');
    else if (reason instanceof StreamProtocolError)
      refusalLog.warn(reason.code, { error }, 'a stream was not what its handler reads');
    else if (!(error instanceof StreamClosedError)) loop.logger.error({ error }, 'handleStream failed');
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

import type { SecureContext } from 'node:tls';
import { IOLoop } from '@landspout/ioloop';
import { DEFAULT_BACKLOG } from './bind-sockets.ts';
import type { CloseReason } from './close-reason.ts';
import { ConnectionCaps } from './connection-caps.ts';
import type { IOStream } from './io-stream.ts';
import type { ListeningSocket } from './listener.ts';
import { ProxyAcceptor } from './proxy-protocol/proxy-acceptor.ts';
import { type ProxyProtocolOptions, resolveProxyOptions } from './proxy-protocol/proxy-options.ts';
import { bindFor, type ListenOptions } from './server-binding.ts';
import { ServerCounters, type TCPServerStats } from './server-counters.ts';
import { ServerStream, type ServerStreamOwner } from './server-stream.ts';
import { StreamClosedError, StreamLimitError, StreamUsageError } from './stream-errors.ts';
import { type IOStreamOptions, resolveStreamOptions } from './stream-options.ts';
import { TlsAcceptor } from './tls-acceptor.ts';
import { isScanNoise } from './tls-handshake-error.ts';
import type { TlsServerOptions } from './tls-options.ts';
import { TlsServerContext } from './tls-server-context.ts';
import type { SocketAddress, Transport } from './transport.ts';

export interface TCPServerOptions {
  /** What to do with each connection, in place of overriding {@link TCPServer.handleStream}. */
  readonly handleStream?: (stream: IOStream) => unknown;
  /** Speaks TLS on every connection; files are read and checked at once. A {@link TlsServerContext} may be shared. */
  readonly tls?: TlsServerOptions | SecureContext | TlsServerContext;
  /** Default: the loop of this thread. */
  readonly loop?: IOLoop;
  /** Of each stream, with the defaults of {@link IOStreamOptions}. */
  readonly maxReadBufferBytes?: number;
  readonly maxWriteBufferBytes?: number;
  readonly writeOverflow?: 'error' | 'close';
  /**
   * Connections that the system holds until they are accepted; default 511, as Node and nginx: a burst of that many
   * loses none. The system cuts it to its own limit (`net.core.somaxconn`).
   */
  readonly backlog?: number;
  /** Most open connections, those in a TLS handshake included; others are closed at once. 0 is no limit; default 100,000. */
  readonly maxConnections?: number;
  /**
   * Most of them from one IPv4 address or IPv6 /64, loopback excepted. 0 is no limit; default 10,000. A connection of
   * a listed proxy is its client's, as soon as the client is known.
   */
  readonly maxConnectionsPerAddress?: number;
  /**
   * Reads the PROXY protocol's header, version 1 or 2, from the proxies that it lists, before TLS and before
   * {@link TCPServer.handleStream}: a stream's addresses are the client's then, and `proxied` tells of the proxy. A
   * listed proxy that breaks the protocol has that connection reset.
   */
  readonly proxyProtocol?: ProxyProtocolOptions;
}

const DEFAULT_MAX_CONNECTIONS = 100_000;
const DEFAULT_MAX_CONNECTIONS_PER_ADDRESS = 10_000;

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
  readonly #loop: IOLoop;
  readonly #tlsContext: TlsServerContext | undefined;
  readonly #tls: TlsAcceptor | undefined;
  readonly #handler: ((stream: IOStream) => unknown) | undefined;
  readonly #streamOptions: IOStreamOptions;
  readonly #backlog: number;
  readonly #caps: ConnectionCaps;
  readonly #proxies: ProxyAcceptor | undefined;
  readonly #owner: ServerStreamOwner;
  readonly #streams = new Set<ServerStream>();
  readonly #counters = new ServerCounters();
  #listeners: ListeningSocket[] = [];
  #refusing = false;

  /**
   * @throws StreamUsageError `ERR_STREAM_USAGE` for options that cannot be; StreamConnectError `ERR_STREAM_TLS` for
   *   certificates that cannot be read or used.
   */
  constructor(options: TCPServerOptions = {}) {
    this.#handler = options.handleStream;
    if (this.#handler === undefined && this.handleStream === TCPServer.prototype.handleStream) {
      throw usage('TCPServer: the option handleStream was expected, or a subclass with the method');
    }
    this.#loop = options.loop ?? IOLoop.current();
    this.#streamOptions = resolveStreamOptions({ ...options, clock: this.#loop.clock });
    this.#backlog = requireCount('backlog', options.backlog ?? DEFAULT_BACKLOG, 1);
    this.#caps = new ConnectionCaps(
      requireCount('maxConnections', options.maxConnections ?? DEFAULT_MAX_CONNECTIONS, 0),
      requireCount(
        'maxConnectionsPerAddress',
        options.maxConnectionsPerAddress ?? DEFAULT_MAX_CONNECTIONS_PER_ADDRESS,
        0,
      ),
    );
    const { tls, proxyProtocol } = options;
    this.#proxies =
      proxyProtocol === undefined
        ? undefined
        : new ProxyAcceptor(resolveProxyOptions(proxyProtocol), this.#loop);
    this.#tlsContext = tls === undefined || tls instanceof TlsServerContext ? tls : new TlsServerContext(tls);
    this.#tls = this.#tlsContext === undefined ? undefined : this.#createAcceptor(this.#tlsContext);
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
    this.#startAccepting(await bindFor(this.#loop, options, this.#backlog));
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
    return this.#caps.size;
  }

  /** Open connections that {@link handleStream} has not got yet: in a TLS handshake, or before a PROXY header. */
  protected get pendingConnections(): number {
    return Math.max(0, this.#caps.size - this.#streams.size);
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
    if (this.#tlsContext === undefined) throw usage('reloadTls: the server was made without tls');
    this.#tlsContext.reload(tls);
  }

  /** Stops listening; what has connected by then is served. Connections live on. Idempotent. */
  async stop(): Promise<unknown> {
    await this.stopListening();
    return undefined;
  }

  /** Closes the {@link pendingConnections} at once. */
  protected closePending(): void {
    this.#proxies?.closeAll();
    this.#tls?.destroyHandshakes();
  }

  /** Stops listening, and no more: what {@link stop} does here, and subclasses add to. Idempotent. */
  async stopListening(): Promise<void> {
    const listeners = this.#listeners;
    this.#listeners = [];
    await Promise.all(listeners.map((socket) => socket.close()));
  }

  /** Stops listening and closes every connection at once. */
  async closeAll(): Promise<void> {
    await this.stopListening();
    const streams = [...this.#streams];
    for (const stream of streams) stream.close();
    this.closePending();
    this.#tls?.destroyAll();
    await Promise.all(streams.map((stream) => stream.waitClosed()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAll();
  }

  #createAcceptor(context: TlsServerContext): TlsAcceptor {
    const { logger } = this.#loop;
    return new TlsAcceptor(context, this.#loop, {
      secured: (transport) => this.#serve(transport),
      failed: (error, remoteAddress) => {
        this.#counters.handshakesFailed += 1;
        if (isScanNoise(error)) logger.debug({ error, remoteAddress }, 'a TLS handshake was not completed');
        else logger.warn({ error, remoteAddress }, 'a TLS handshake failed');
      },
    });
  }

  /** Of all `sockets` or, when one of them cannot be had, of none. */
  #startAccepting(sockets: readonly ListeningSocket[]): void {
    const stops: (() => void)[] = [];
    try {
      for (const socket of sockets) {
        const isUnix = socket.address.family === 'unix';
        stops.push(socket.addAcceptHandler((transport) => this.#accept(transport, isUnix)));
      }
    } catch (error) {
      for (const stop of stops) stop();
      throw error;
    }
    this.#listeners.push(...sockets);
  }

  #accept(transport: Transport, isUnix: boolean): void {
    if (this.#proxies?.isProxy(transport.remoteAddress, isUnix))
      this.#acceptProxied(transport, this.#proxies);
    else if (this.#tlsContext?.isFull || !this.#caps.admit(transport)) this.#refuse(transport);
    else this.#admitted(transport);
  }

  #acceptProxied(transport: Transport, proxies: ProxyAcceptor): void {
    if (!this.#caps.admitProxy()) {
      this.#refuse(transport);
      return;
    }
    proxies.accept(transport, {
      complete: (proxied) => {
        if (!this.#tlsContext?.isFull && this.#caps.admitClient(proxied)) {
          this.#admitted(proxied);
        } else {
          this.#caps.releaseProxy();
          this.#refuse(proxied);
        }
      },
      gone: () => this.#caps.releaseProxy(),
    });
  }

  #admitted(transport: Transport): void {
    this.#refusing = false;
    if (this.#tls === undefined) {
      this.#serve(transport);
    } else {
      const { remoteAddress } = transport;
      this.#tls.accept(transport, () => this.#caps.release({ remoteAddress }));
    }
  }

  #refuse(transport: Transport): void {
    this.#counters.refused += 1;
    transport.close();
    // Said once for each time that the limit is reached: one line per refused connection would be a second flood.
    if (this.#refusing) return;
    this.#refusing = true;
    this.#loop.logger.warn(
      { openConnections: this.#caps.size },
      'a limit of connections is reached; more are refused',
    );
  }

  #serve(transport: Transport): void {
    const stream = new ServerStream(transport, this.#streamOptions, this.#owner);
    this.#streams.add(stream);
    this.#counters.opened += 1;
    try {
      const result = this.handleStream(stream);
      if (result instanceof Promise) stream.watchHandler(result);
    } catch (error) {
      stream.handlerFailed(error);
    }
  }

  #handlerFailed(stream: IOStream, error: unknown): void {
    // That a peer goes away is no fault of the handler's. That it sends more than we take is worth a word.
    if (!(error instanceof StreamClosedError)) this.#loop.logger.error({ error }, 'handleStream failed');
    else if (error.cause instanceof StreamLimitError)
      this.#loop.logger.warn({ error }, 'a stream passed a limit');
    stream.close(error instanceof Error ? error : new Error(String(error)));
  }

  #streamGone(stream: ServerStream, reason: CloseReason | undefined): void {
    this.#counters.streamGone(stream, reason);
    this.#streams.delete(stream);
    if (this.#tls === undefined) this.#caps.release(stream);
  }
}

function requireCount(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least && value < 2 ** 31) return value;
  throw usage(`${name} of at least ${least} was expected, not ${value}`);
}

function usage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', message);
}

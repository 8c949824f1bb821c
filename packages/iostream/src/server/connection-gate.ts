import type { IOLoop } from '@landspout/ioloop';
import type { RateLimitedLog } from '@landspout/ioloop/reactor';
import { ProxyAcceptor } from '../proxy-protocol/proxy-acceptor.ts';
import { failureCode, type HandshakeError } from '../tls/handshake-error.ts';
import { TlsAcceptor } from '../tls/server/acceptor.ts';
import type { TlsServerContext } from '../tls/server/server-context.ts';
import type { SocketAddress, Transport } from '../transport.ts';
import { ConnectionCaps } from './connection-caps.ts';
import { HandshakeLog } from './handshake-log.ts';
import type { ServerCounters } from './server-counters.ts';
import type { ServerSettings } from './server-options.ts';

/**
 * Decides whether a server serves a connection: enforces the connection limits, reads the PROXY header if the peer must
 * send one, and performs the TLS handshake. Connections that fail are counted and logged.
 */
export class ConnectionGate {
  readonly #loop: IOLoop;
  readonly #counters: ServerCounters;
  readonly #caps: ConnectionCaps;
  readonly #proxies: ProxyAcceptor | undefined;
  readonly #tlsContext: TlsServerContext | undefined;
  readonly #tls: TlsAcceptor | undefined;
  readonly #log: RateLimitedLog;
  readonly #handshakeLog: HandshakeLog;
  readonly #serve: (transport: Transport) => void;

  /** @param serve - called with each connection that passes. Must not throw. */
  constructor(settings: ServerSettings, counters: ServerCounters, serve: (transport: Transport) => void) {
    const { loop, refusalLog, maxConnections, maxConnectionsPerAddress, proxies, tls } = settings;
    this.#loop = loop;
    this.#log = refusalLog;
    this.#handshakeLog = new HandshakeLog(loop, refusalLog);
    this.#counters = counters;
    this.#caps = new ConnectionCaps(maxConnections, maxConnectionsPerAddress);
    this.#proxies = proxies === undefined ? undefined : new ProxyAcceptor(proxies, loop, refusalLog);
    this.#tlsContext = tls;
    this.#tls = tls === undefined ? undefined : this.#createAcceptor(tls);
    this.#serve = serve;
  }

  /** Open connections, both served ones and those still waiting for their PROXY header or TLS handshake. */
  get size(): number {
    return this.#caps.size;
  }

  /** @param isUnix - whether the connection was accepted on a Unix socket. */
  accept(transport: Transport, isUnix: boolean): void {
    if (this.#proxies?.isProxy(transport.remoteAddress, isUnix))
      this.#acceptProxied(transport, this.#proxies);
    else if (this.#tlsContext?.isFull || !this.#caps.admit(transport)) this.#refuse(transport);
    else this.#admitted(transport);
  }

  /** Must be called when a served connection has ended. With TLS, this does nothing: the acceptor reports the end. */
  served(peer: { readonly remoteAddress: SocketAddress }): void {
    if (this.#tls === undefined) this.#caps.release(peer);
  }

  /** Closes the connections that still wait for their PROXY header or TLS handshake. */
  closePending(): void {
    this.#proxies?.closeAll();
    this.#tls?.destroyHandshakes();
  }

  /**
   * Closes the remaining TLS connections at once; otherwise they could stay open, waiting for data from their peers.
   */
  destroySecured(): void {
    this.#tls?.destroyAll();
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
      gone: (error) => {
        if (error !== undefined) this.#counters.proxyHeadersFailed += 1;
        this.#caps.releaseProxy();
      },
    });
  }

  #admitted(transport: Transport): void {
    if (this.#tls === undefined) this.#serve(transport);
    else this.#tls.accept(transport);
  }

  #refuse(transport: Transport): void {
    const { remoteAddress } = transport;
    this.#counters.refused += 1;
    transport.close();
    const details = { openConnections: this.#caps.size, remoteAddress };
    this.#log.warn('connection-limit', details, 'the connection limit is reached; a connection was refused');
  }

  #createAcceptor(context: TlsServerContext): TlsAcceptor {
    return new TlsAcceptor(context, this.#loop, {
      secured: (transport) => {
        this.#counters.handshakeCompleted(transport.tls?.isSessionReused === true);
        this.#serve(transport);
      },
      failed: (error, remoteAddress) => this.#handshakeFailed(error, remoteAddress),
      closed: (peer) => this.#caps.release(peer),
    });
  }

  #handshakeFailed(error: HandshakeError, remoteAddress: SocketAddress): void {
    this.#counters.handshakeFailed(failureCode(error));
    this.#handshakeLog.failed(error, remoteAddress);
  }
}

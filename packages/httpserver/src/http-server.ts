import { HTTPClosedError, type HTTPServerConnectionDelegate } from '@landspout/http1';
import { ServerConnection } from '@landspout/http1/server';
import { IOLoop } from '@landspout/ioloop';
import { pickOptions, shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import type { ProcessTask } from '@landspout/ioloop/processes';
import { SystemdService } from '@landspout/ioloop/reactor';
import { type IOStream, StreamUsageError, TCPServer } from '@landspout/iostream';
import { misplacedTlsProblem } from '@landspout/iostream/transports';
import { requireKnownProtocols } from './application-protocols.ts';
import { CallbackDelegate, type RequestCallback } from './callback-delegate.ts';
import { hostOf, type ServerHost } from './connection-host.ts';
import { containerRemedy } from './container-remedy.ts';
import type { HTTPServerStats } from './monitor/http-server-stats.ts';
import {
  HTTP_SERVER_OPTIONS,
  type HTTPServerOptions,
  listenCallbackProblem,
  nodeNameProblem,
  TRANSPORT_OPTIONS,
} from './options.ts';
import { type StartOptions, startProcesses } from './server-processes.ts';
import { type DrainedListener, ServerDrain } from './stopping/drain.ts';
import {
  type SignalStop,
  STOP_ON_SIGNALS_OPTIONS,
  type StopOnSignalsOptions,
  stopOnSignals,
} from './stopping/stop-on-signals.ts';
import {
  resolveStopOptions,
  type StopOptions,
  type StopResult,
  serverChecks,
} from './stopping/stop-options.ts';

/**
 * Serves HTTP/1.1, or HTTPS with the option `tls`, and passes requests to a delegate or a callback.
 *
 * All limits and deadlines are options with defaults. If a request is invalid, too large or too slow, the client gets a
 * complete 4xx response (505 for the version), and the connection is closed. If response headers were already sent, or
 * the client reads too slowly, the connection is reset or closed without another response. If the delegate fails, the
 * client gets a 500, and one log record is written.
 *
 * @example
 * const server = new HTTPServer((request) => request.respond(200, 'Hello, world'));
 * await server.listen({ port: 8888 });
 * server.stopOnSignals();
 */
export class HTTPServer extends TCPServer {
  readonly #host: ServerHost;
  readonly #drain: ServerDrain;
  readonly #scheme: 'http' | 'https';
  #stop: Promise<StopResult> | undefined;
  /**
   * How many times the server was stopped. If this number changes while `listen` is pending, `listen` closes its
   * sockets again.
   */
  #stops = 0;
  #stoppedBySignal = false;

  /**
   * @throws StreamUsageError, Http1UsageError if an option is invalid, such as a protocol of `tls.alpnProtocols` that is
   *   not HTTP/1; StreamConnectError if a TLS file is unusable.
   */
  constructor(handler: HTTPServerConnectionDelegate | RequestCallback, options: HTTPServerOptions = {}) {
    const problem = nodeNameProblem(options) ?? misplacedTlsProblem(options);
    if (problem !== undefined) throw new StreamUsageError('ERR_STREAM_USAGE', `HTTPServer: ${problem}`);
    serverChecks.options('HTTPServer', options, HTTP_SERVER_OPTIONS);
    if (new.target.prototype.handleStream === HTTPServer.prototype.handleStream)
      requireKnownProtocols('HTTPServer', options.tls);
    super(pickOptions(options, TRANSPORT_OPTIONS));
    requireHandler(handler);
    this.#scheme = options.tls === undefined ? 'http' : 'https';
    const loop = options.loop ?? IOLoop.current();
    const delegate = typeof handler === 'function' ? new CallbackDelegate(handler, loop.clock) : handler;
    this.#drain = new ServerDrain(loop);
    this.#host = hostOf(delegate, options, this.#drain, {
      refusalLog: this.refusalLog,
      connectionEnded: (connection, detached) => this.#drain.connectionEnded(connection, detached),
    });
  }

  /** The URL of the server for clients on this machine, such as `http://127.0.0.1:8888`. */
  get url(): string {
    const { address } = this;
    if (address.family === 'unix' || address.family === 'memory') return `${this.#scheme}+unix:`;
    const host = address.family === 'IPv6' ? '[::1]' : '127.0.0.1';
    const any = address.address === '::' || address.address === '0.0.0.0';
    return `${this.#scheme}://${any ? host : bracketed(address.address)}:${address.port}`;
  }

  /**
   * The number of open connections that use HTTP. Connections still in a handshake, and connections taken over by
   * `detach` (such as WebSockets), are not counted.
   */
  get connectionCount(): number {
    return this.#drain.connectionCount;
  }

  /**
   * Returns a snapshot of the server's counters, as plain numbers. The cost of a call grows with the number of open
   * connections.
   */
  override stats(): HTTPServerStats {
    return this.#host.services.monitor.stats(super.stats());
  }

  /** Aborts when the server starts to stop; the reason has the code `ERR_HTTP_STOPPING`. */
  get stopping(): AbortSignal {
    return this.#drain.signal;
  }

  /**
   * Starts listening. May be called again to listen on more ports. If the server is stopped while the call is pending,
   * the call resolves without listening.
   *
   * @throws the errors of {@link TCPServer.listen}; StreamUsageError while the server is stopping; HTTPClosedError
   *   `ERR_HTTP_STOPPING` after a signal of {@link stopOnSignals} has arrived.
   */
  override async listen(
    options: Parameters<TCPServer['listen']>[0],
    ...others: readonly never[]
  ): Promise<this> {
    const problem = listenCallbackProblem(others);
    if (problem !== undefined) throw new StreamUsageError('ERR_STREAM_USAGE', `listen: ${problem}`);
    if (this.#stoppedBySignal) {
      throw new HTTPClosedError('ERR_HTTP_STOPPING', 'listen: the process got a signal to stop');
    }
    if (this.#stop !== undefined)
      throw new StreamUsageError('ERR_STREAM_USAGE', 'listen: the server is stopping');
    const stops = this.#stops;
    await super.listen(options);
    if (stops !== this.#stops) {
      await this.stopListening();
      return this;
    }
    this.#drain.serve();
    return this;
  }

  /**
   * Serves in several processes that share one port. **Each process runs the whole program from its first line**: code
   * before this call runs in the parent and in every child, and code after it runs only in the children. In the parent
   * the promise never resolves; see `forkProcesses` of `@landspout/ioloop`.
   *
   * The parent restarts children that terminate. On SIGHUP, it replaces all children one by one, without refusing a
   * connection or losing a request. The children share the keys of TLS session tickets. On SIGTERM and SIGINT, it stops
   * all children, each with {@link stop}. With `processes: 1` there is no parent: this process itself listens, and
   * stops on SIGTERM and SIGINT. Under systemd, the process that it knows, which is the parent if there is one, reports
   * that the service is ready, reloads or stops, and resets the watchdog of the unit.
   *
   * @param options.onStats - called in the parent with the counters of all children.
   * @returns in a child, the task of that child; `undefined` with `processes: 1`. Resolves when the process listens.
   * @throws the errors of `forkProcesses`, {@link listen} and {@link stopOnSignals}.
   *
   * @example
   * await server.start({ processes: 'cpus', port: 8888 });
   */
  start(options: StartOptions): Promise<ProcessTask | undefined> {
    return startProcesses(this, options);
  }

  override handleStream(stream: IOStream): void {
    // The listener keeps the process alive. After the listener is closed, requests in progress keep it alive (see
    // `stop`).
    stream.unref();
    this.#drain.add(new ServerConnection(stream, this.#host));
  }

  /** @throws as {@link TCPServer.reloadTls}. */
  override reloadTls(tls?: Parameters<TCPServer['reloadTls']>[0]): void {
    if (this.handleStream === HTTPServer.prototype.handleStream) requireKnownProtocols('reloadTls', tls);
    super.reloadTls(tls);
  }

  /** Stops listening. Open connections stay open; those with a request in progress keep the process alive. */
  override async stopListening(): Promise<void> {
    this.#drain.listenerClosed();
    await super.stopListening();
  }

  /**
   * Stops gracefully. The listeners are closed after `acceptMs`, by default at once, when the connections in the backlog
   * are accepted. Requests in progress are completed, with `Connection: close`. An idle connection may send one more
   * request within `graceMs` from then. The connection is closed after that response, or after `graceMs`. After
   * `drainMs`, all remaining connections are reset.
   *
   * If a stream was taken over with a stop callback, as WebSockets do, the callback is called, and `stop` waits until
   * that stream is closed. At most `closesPerSecond` of these callbacks are called in a second, and the last one 5 s
   * before `drainMs`. A handler whose response does not end by itself, such as an event stream, can listen to
   * {@link stopping}. A second call while the server is stopping returns the result of the first. Do not await this
   * method in a request handler, because the stop waits for the request of that handler.
   *
   * @returns how the connections ended. Resolves when none is left.
   * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid.
   */
  override async stop(options: StopOptions = {}): Promise<StopResult> {
    const times = resolveStopOptions(options);
    this.#stops += 1;
    this.#stop ??= this.#stopWell(times).finally(() => {
      this.#stop = undefined;
    });
    return this.#stop;
  }

  /**
   * Calls {@link stop} when the process receives one of `signals`, by default SIGTERM or SIGINT. If the same signal is
   * received again, the process ends immediately. After the stop, the process exits by itself with code 0 if nothing
   * else keeps it alive. If systemd expects it (NOTIFY_SOCKET is set), it is notified that the service stops.
   *
   * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid.
   */
  stopOnSignals(options: StopOnSignalsOptions = {}): SignalStop {
    serverChecks.options('stopOnSignals', options, STOP_ON_SIGNALS_OPTIONS);
    const { signals, ...stop } = options;
    const times = resolveStopOptions(stop);
    return stopOnSignals(() => {
      this.#stoppedBySignal = true;
      void SystemdService.open(this.#host.services.loop)?.stopping(times.drainMs);
      return this.stop(times);
    }, signals ?? ['SIGTERM', 'SIGINT']);
  }

  /** Stops listening, and closes all connections immediately, including those that handlers have taken over. */
  override async closeAll(): Promise<void> {
    this.#stops += 1;
    const cut = this.#drain.cut('close', new HTTPClosedError('ERR_HTTP_STOPPING', 'the server was closed'));
    await super.closeAll();
    await cut;
    this.#stopped();
  }

  override [INSPECT](): object {
    return inspection(this, [], () => ({
      url: this.addresses.length === 0 ? undefined : this.url,
      addresses: this.addresses.map(inspectedAddress),
      openConnections: this.openConnections,
      isStopping: this.#stop !== undefined,
    }));
  }

  async #stopWell(times: Required<StopOptions>): Promise<StopResult> {
    const listener: DrainedListener = {
      pendingConnections: () => this.pendingConnections,
      stopListening: () => this.stopListening(),
      closePending: () => this.closePending(),
    };
    const result = await this.#drain.stop(listener, times);
    this.#stopped();
    return result;
  }

  /**
   * Called when everything is closed. Writes the remaining records of the rate-limited log, and notifies the delegate.
   */
  #stopped(): void {
    const { loop, delegate, refusalLog } = this.#host.services;
    refusalLog.flush();
    try {
      delegate.serverStopped?.();
    } catch (error) {
      loop.logger.error({ error }, "the delegate's serverStopped callback threw");
    }
  }
}

function requireHandler(handler: unknown): void {
  const isDelegate =
    typeof (handler as Partial<HTTPServerConnectionDelegate> | null)?.startRequest === 'function';
  const remedy = isDelegate ? undefined : containerRemedy(handler);
  if (remedy === undefined && (typeof handler === 'function' || isDelegate)) return;
  const expected = 'a function of a request, an Application or another delegate';
  const problem = `HTTPServer: ${expected} was expected, not ${shownValue(handler)}${remedy === undefined ? '' : `: pass ${remedy}`}`;
  throw new StreamUsageError('ERR_STREAM_USAGE', problem);
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

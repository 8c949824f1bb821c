import { HTTPClosedError, type HTTPServerConnectionDelegate } from '@landspout/http1';
import { ServerConnection } from '@landspout/http1/server';
import { IOLoop } from '@landspout/ioloop';
import { pickOptions, shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import type { ProcessTask } from '@landspout/ioloop/processes';
import { type IOStream, StreamUsageError, TCPServer } from '@landspout/iostream';
import { CallbackDelegate, type RequestCallback } from './callback-delegate.ts';
import { hostOf, type ServerHost } from './connection-host.ts';
import type { HTTPServerStats } from './monitor/http-server-stats.ts';
import { HTTP_SERVER_OPTIONS, type HTTPServerOptions, TRANSPORT_OPTIONS } from './options.ts';
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
 * Serves HTTP/1.1, and HTTPS with `tls`, to a delegate or to a plain callback.
 *
 * Limits and deadlines are options, each with a default; what passes one is answered with a complete 4xx and the
 * connection's end. An error of the delegate is a 500 and one log record.
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
  /** How often it was told to stop: what begins to listen meanwhile must not go on. */
  #stops = 0;
  #stoppedBySignal = false;

  /** @throws StreamUsageError, Http1UsageError for options that cannot be; StreamConnectError for unusable TLS files. */
  constructor(handler: HTTPServerConnectionDelegate | RequestCallback, options: HTTPServerOptions = {}) {
    serverChecks.options('HTTPServer', options, HTTP_SERVER_OPTIONS);
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

  /** Where the server can be reached, such as `http://127.0.0.1:8888`; for a port of this machine. */
  get url(): string {
    const { address } = this;
    if (address.family === 'unix' || address.family === 'memory') return `${this.#scheme}+unix:`;
    const host = address.family === 'IPv6' ? '[::1]' : '127.0.0.1';
    const any = address.address === '::' || address.address === '0.0.0.0';
    return `${this.#scheme}://${any ? host : bracketed(address.address)}:${address.port}`;
  }

  /** Connections that speak HTTP now. */
  get connectionCount(): number {
    return this.#drain.connectionCount;
  }

  /** What the server has seen so far; a snapshot of plain numbers, whose cost grows with the open connections. */
  override stats(): HTTPServerStats {
    return this.#host.services.monitor.stats(super.stats());
  }

  /** Aborts when the server begins to stop, with a reason whose code is `ERR_HTTP_STOPPING`. */
  get stopping(): AbortSignal {
    return this.#drain.signal;
  }

  /**
   * Starts to listen; may be called again for further ports. A stop while it begins ends it, and nothing listens then.
   *
   * @throws as {@link TCPServer.listen}; StreamUsageError while the server stops; HTTPClosedError `ERR_HTTP_STOPPING`
   *   after a signal of {@link stopOnSignals} came.
   */
  override async listen(options: Parameters<TCPServer['listen']>[0]): Promise<this> {
    if (this.#stoppedBySignal) {
      throw new HTTPClosedError('ERR_HTTP_STOPPING', 'listen: the process was told to stop');
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
   * Serves in several processes, which share one port. **The program is started again in each of them, from its first
   * line**: what stands above the call runs in the parent and in every child, and what stands below in the children
   * alone. In the parent the promise does not resolve; see `forkProcesses` of `@landspout/ioloop`.
   *
   * The parent starts children again that die, replaces all of them one by one on SIGHUP, with no connection refused
   * and no request lost, and stops them on SIGTERM and SIGINT, by {@link stop}. With `processes: 1` there is no parent:
   * this process listens, and stops on those signals.
   *
   * @param options.onStats - hears in the parent what all of them have seen.
   * @returns in a child, once it listens: which one it is; `undefined` where there is only this process.
   * @throws as `forkProcesses`, {@link listen} and {@link stopOnSignals}.
   *
   * @example
   * await server.start({ processes: 'cpus', port: 8888 });
   */
  start(options: StartOptions): Promise<ProcessTask | undefined> {
    return startProcesses(this, options);
  }

  override handleStream(stream: IOStream): void {
    // The listener keeps the process alive; once it is closed, requests under way do (see `stop`).
    stream.unref();
    this.#drain.add(new ServerConnection(stream, this.#host));
  }

  /** Stops listening. Connections live on, and keep the process alive while they have a request under way. */
  override async stopListening(): Promise<void> {
    this.#drain.listenerClosed();
    await super.stopListening();
  }

  /**
   * Stops well. The listeners close, and who has connected by then is still served. Requests under way are answered,
   * with `Connection: close`. An idle connection may send one more request within `graceMs`, and is closed then. After
   * `drainMs` the rest is cut.
   *
   * Who has taken a stream over and asked to hear of it, as WebSockets do, is told to close it and is waited for. An
   * answer that would never end hears of it by {@link stopping}. A second call while the server stops joins the first. A handler
   * that waits for it would wait for itself.
   *
   * @returns how many connections ended in which way, when none is left.
   * @throws StreamUsageError `ERR_STREAM_USAGE` for times that cannot be.
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
   * Stops as {@link stop} does when the process is told to end: by SIGTERM or SIGINT, unless `signals` says otherwise. The
   * same signal for the second time ends the process at once. When the server has stopped and nothing else is under way, the process ends
   * by itself, with exit code 0.
   *
   * @throws StreamUsageError `ERR_STREAM_USAGE` for options that cannot be.
   */
  stopOnSignals(options: StopOnSignalsOptions = {}): SignalStop {
    serverChecks.options('stopOnSignals', options, STOP_ON_SIGNALS_OPTIONS);
    const { signals, ...stop } = options;
    const times = resolveStopOptions(stop);
    return stopOnSignals(() => {
      this.#stoppedBySignal = true;
      return this.stop(times);
    }, signals ?? ['SIGTERM', 'SIGINT']);
  }

  /** Stops listening and closes every connection at once, those that handlers have taken over too. */
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

  /** Nothing comes any more: what is left to be logged is logged. */
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
  if (typeof handler === 'function' || isDelegate) return;
  const expected = 'a function of a request, an Application or another delegate';
  const problem = `HTTPServer: ${expected} was expected, not ${shownValue(handler)}`;
  throw new StreamUsageError('ERR_STREAM_USAGE', problem);
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

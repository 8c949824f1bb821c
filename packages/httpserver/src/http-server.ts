import {
  DEFAULT_LIMITS,
  type DetachedStream,
  HTTPClosedError,
  type HTTPServerConnectionDelegate,
  type Http1Limits,
  HttpDateCache,
  resolveLimits,
  ServerCodecs,
  ServerConnection,
  type ServerConnectionSettings,
} from '@landspout/http1';
import { DeadlineWheel, IOLoop } from '@landspout/ioloop';
import { type IOStream, TCPServer, type TCPServerOptions } from '@landspout/iostream';
import { CallbackDelegate, type RequestCallback } from './callback-delegate.ts';
import { type HTTPServerTimeouts, resolveTimeouts } from './timeouts.ts';

export interface HTTPServerOptions
  extends Omit<TCPServerOptions, 'handleStream' | 'maxReadBufferBytes'>,
    Partial<HTTPServerTimeouts>,
    Partial<Http1Limits> {
  /** Whether a connection may carry more than one request. Default true. */
  readonly keepAlive?: boolean;
}

export interface StopOptions {
  /** How long requests under way may take to be answered. Default 30 s. */
  readonly drainMs?: number;
}

/** How the connections of a stopped server ended. */
export interface StopResult {
  /** Idle, or finished their answer in time. */
  readonly finished: number;
  /** Cut at the end of `drainMs`. */
  readonly cut: number;
}

/**
 * Serves HTTP/1.1, and HTTPS with `tls`, to a delegate or to a plain callback.
 *
 * Limits and deadlines are options, each with a default; what passes one is answered with a complete 4xx and the
 * connection's end. An error of the delegate is a 500 and one log record.
 *
 * @example
 * const server = new HTTPServer((request) => request.respond(200, 'Hello, world'));
 * await server.listen({ port: 8888 });
 */
export class HTTPServer extends TCPServer {
  readonly #settings: SharedSettings;
  readonly #connections = new Set<ServerConnection>();
  /** Streams that delegates have taken over and want to close in their own way, and how they hear of it. */
  readonly #detached = new Map<IOStream, () => void>();
  readonly #scheme: 'http' | 'https';
  #whenEmpty: (() => void) | undefined;

  /** @throws StreamUsageError, Http1UsageError for options that cannot be; StreamConnectError for unusable TLS files. */
  constructor(handler: HTTPServerConnectionDelegate | RequestCallback, options: HTTPServerOptions = {}) {
    super(options);
    const loop = options.loop ?? IOLoop.current();
    const timeouts = resolveTimeouts(options);
    const shortest = Math.min(timeouts.headerTimeoutMs, timeouts.idleTimeoutMs, timeouts.progressMs);
    this.#scheme = options.tls === undefined ? 'http' : 'https';
    this.#settings = {
      ...timeouts,
      loop,
      delegate: typeof handler === 'function' ? new CallbackDelegate(handler) : handler,
      codecs: new ServerCodecs(resolveLimits(limitsOf(options))),
      wheel: new DeadlineWheel(loop.clock, loop.logger, Math.max(10, Math.min(500, shortest / 4))),
      dates: new HttpDateCache(),
      keepAlive: options.keepAlive ?? true,
      listenerGone: false,
      stopping: false,
      connectionEnded: (connection, detached) => this.#connectionEnded(connection, detached),
    };
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
    return this.#connections.size;
  }

  /** @throws as {@link TCPServer.listen}. */
  override async listen(options: Parameters<TCPServer['listen']>[0]): Promise<this> {
    await super.listen(options);
    this.#settings.listenerGone = false;
    return this;
  }

  /** Stops listening. Connections live on, and keep the process alive while they have a request under way. */
  override async stop(): Promise<void> {
    this.#settings.listenerGone = true;
    for (const connection of this.#connections) connection.keepProcessAlive();
    await super.stop();
  }

  override handleStream(stream: IOStream): void {
    // The listener keeps the process alive; once it is closed, requests under way do (see `stop`).
    stream.unref();
    this.#connections.add(new ServerConnection(stream, this.#settings));
  }

  /**
   * Stops listening, lets the requests under way be answered (with `Connection: close`), closes idle connections,
   * and cuts what is left after `drainMs`. Who has taken a stream over and asked to hear of it, as WebSockets do, is
   * told to close it and is waited for as well.
   */
  async shutDown(options: StopOptions = {}): Promise<StopResult> {
    const { drainMs = 30_000 } = options;
    const total = this.#size;
    this.#settings.stopping = true;
    await this.stop();
    for (const connection of this.#connections) connection.closeWhenIdle();
    for (const onStopping of this.#detached.values()) this.#settings.loop.addCallback(onStopping);
    await this.#emptied(drainMs);
    const cut = this.#size;
    const reason = new HTTPClosedError(
      'ERR_HTTP_STOPPING',
      'the server stopped before the answer was complete',
    );
    for (const { stream } of this.#connections) stream.reset(reason);
    for (const stream of this.#detached.keys()) stream.reset(reason);
    return { finished: total - cut, cut };
  }

  /** Stops listening and closes every connection at once, those that handlers have taken over too. */
  override async closeAll(): Promise<void> {
    const reason = new HTTPClosedError('ERR_HTTP_STOPPING', 'the server was closed');
    for (const { stream } of this.#connections) stream.close(reason);
    for (const stream of this.#detached.keys()) stream.close(reason);
    await super.closeAll();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAll();
  }

  #connectionEnded(connection: ServerConnection, detached: DetachedStream | undefined): void {
    this.#connections.delete(connection);
    if (detached?.onStopping !== undefined) this.#keep(detached.stream, detached.onStopping);
    if (this.#size === 0) this.#whenEmpty?.();
  }

  #keep(stream: IOStream, onStopping: () => void): void {
    this.#detached.set(stream, onStopping);
    stream.setCloseCallback(() => {
      this.#detached.delete(stream);
      if (this.#size === 0) this.#whenEmpty?.();
    });
    // Taken over while the server was stopping already: told as soon as its new owner is ready.
    if (this.#settings.stopping) this.#settings.loop.addCallback(onStopping);
  }

  /** What `shutDown` waits for. */
  get #size(): number {
    return this.#connections.size + this.#detached.size;
  }

  #emptied(withinMs: number): Promise<void> {
    if (this.#size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#settings.loop.clock.setTimeout(resolve, withinMs);
      this.#whenEmpty = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

type SharedSettings = { -readonly [Key in keyof ServerConnectionSettings]: ServerConnectionSettings[Key] };

/** The limits among the options. */
function limitsOf(options: HTTPServerOptions): Partial<Http1Limits> {
  const limits: Record<string, number> = {};
  for (const name of Object.keys(DEFAULT_LIMITS) as (keyof Http1Limits)[]) {
    const value = options[name];
    if (value !== undefined) limits[name] = value;
  }
  return limits as Partial<Http1Limits>;
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

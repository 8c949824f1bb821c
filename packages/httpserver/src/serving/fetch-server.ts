import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorOf } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { type ListenOptions, StreamUsageError } from '@landspout/iostream';
import { FetchContainer, type FetchEnvironment } from '../fetch/fetch-container.ts';
import { installGlobalObjects } from '../fetch/global-objects.ts';
import { HTTPServer } from '../http-server.ts';
import { NodeContainer } from '../node/node-container.ts';
import { toNodeHandler } from '../node/to-node-handler.ts';
import type { StopOptions } from '../stopping/stop-options.ts';
import { resolveStopOptions } from '../stopping/stop-options.ts';
import { ServeDelegate } from './serve-delegate.ts';
import { withErrorHandler, withMiddleware } from './serve-middleware.ts';
import type { FetchServerEvents, FetchServerOptions, PluginServer, ServeOptions } from './serve-options.ts';
import { acceptServeOptions, resolveServeOptions, type ServeSettings } from './serve-settings.ts';

/**
 * Serves a Fetch handler over an {@link HTTPServer}, with the interface of the servers of @hono/node-server and srvx.
 * Made by `serve`.
 */
export class FetchServer extends EventEmitter<FetchServerEvents> implements PluginServer {
  /** What plugins of srvx check. */
  readonly runtime = 'node';
  readonly options: FetchServerOptions;
  /** The HTTP server, for statistics and the like. */
  readonly server: HTTPServer;
  /** Calls the handler with its middleware and its error handler, without a connection. */
  readonly fetch: (request: Request, environment?: FetchEnvironment) => Response | Promise<Response>;
  readonly #container: FetchContainer;
  readonly #settings: ServeSettings;
  readonly #isOverriding: boolean;
  #nodeHandler: PluginServer['node']['handler'] | undefined;
  /** The last attempt to listen, until it has failed or the server has stopped. */
  #attempt: ListenAttempt<this> | undefined;
  /** Why the last attempt failed. */
  #listenError: Error | undefined;
  /** The failures of attempts that something handles, so that they are not uncaught errors. */
  readonly #handledErrors = new WeakSet<Error>();
  #restoreGlobalObjects: (() => void) | undefined;
  #signals: Disposable | undefined;

  /**
   * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is unknown, invalid or not supported, and the errors of the
   *   constructor of HTTPServer.
   */
  constructor(options: ServeOptions) {
    super();
    const accepted = acceptServeOptions(options);
    this.options = { ...accepted, middleware: [...(accepted.middleware ?? [])] };
    for (const plugin of accepted.plugins ?? []) plugin(this);
    this.#settings = resolveServeOptions(this.options);
    const { loop } = this.#settings;
    this.#isOverriding = this.options.overrideGlobalObjects ?? true;
    const { error: onError } = this.options;
    const handler = withMiddleware(this.options.fetch, this.options.middleware);
    this.fetch = withErrorHandler(handler, onError);
    const { logger } = loop;
    this.#container = new FetchContainer(handler, {
      logger,
      halfOpen: this.options.halfOpen ?? false,
      ...(onError === undefined ? {} : { onError }),
    });
    this.server = new HTTPServer(
      new ServeDelegate({
        requests: this.#container,
        upgrades: new NodeContainer(refuseUpgrade, {
          logger,
          onUpgrade: (request, socket, head) => void this.emit('upgrade', request, socket, head),
        }),
        wantsUpgrades: () => this.listenerCount('upgrade') > 0,
        serverStopped: () => this.#stopped(),
      }),
      this.#settings.server,
    );
    if (this.options.manual !== true) this.#start();
  }

  /** The address for clients on this machine, such as `http://127.0.0.1:3000/`; undefined if it does not listen. */
  get url(): string | undefined {
    return this.listening ? `${this.server.url}/` : undefined;
  }

  /** The port that the server listens on; undefined if there is none. */
  get port(): number | undefined {
    const [address] = this.server.addresses;
    return address !== undefined && 'port' in address ? address.port : undefined;
  }

  /** The name or address that it was asked to listen on; undefined for all interfaces. */
  get hostname(): string | undefined {
    return this.#settings.listen.host;
  }

  get listening(): boolean {
    return this.server.addresses.length > 0;
  }

  get node(): PluginServer['node'] & { readonly server: FetchServer } {
    const handler = (request: IncomingMessage, response: ServerResponse): void => {
      const { logger, clock } = this.#settings.loop;
      this.#nodeHandler ??= toNodeHandler(this.#container, { logger, clock });
      this.#nodeHandler(request, response);
    };
    return { server: this, handler };
  }

  /** Like `net.Server.address`: null if the server does not listen, and a path for a Unix socket. */
  address(): AddressInfo | string | null {
    const [address] = this.server.addresses;
    if (address === undefined || address.family === 'memory') return null;
    return address.family === 'unix' ? address.path : { ...address };
  }

  /** Begins to listen, unless it has begun. @throws the errors of `HTTPServer.listen` and `HTTPServer.start`. */
  serve(): Promise<this> {
    return this.#begin(this.#settings.listen);
  }

  /**
   * Begins to listen like `net.Server.listen`. For a server with the option `manual`.
   *
   * @param place - a port, the path of a Unix socket, or the options of `HTTPServer.listen`. Default: the options of
   *   `serve`.
   * @param more - the host name, a backlog, which is ignored, and a listener of `listening`; each may be left out.
   */
  listen(place?: number | string | ListenOptions, ...more: readonly unknown[]): this {
    const host = more.find((one) => typeof one === 'string');
    const onListening = more.find((one) => typeof one === 'function');
    if (onListening !== undefined) this.once('listening', onListening as () => void);
    this.#reportTo(this.#begin(this.#placeOf(place, host)));
    return this;
  }

  /**
   * Resolves when the server listens.
   *
   * @throws the errors of {@link serve}; StreamUsageError `ERR_STREAM_USAGE` if it was not asked to listen.
   */
  async ready(): Promise<this> {
    if (this.#listenError !== undefined) {
      this.#handledErrors.add(this.#listenError);
      throw this.#listenError;
    }
    const attempt = this.#attempt;
    if (attempt !== undefined) {
      attempt.isErrorHandled = true;
      return attempt.listening;
    }
    throw new StreamUsageError('ERR_STREAM_USAGE', 'ready: the server does not listen: call serve() first');
  }

  /**
   * Makes {@link close} wait for work that continues after its response, such as sending statistics. If the promise is
   * rejected, the error is logged.
   *
   * @throws HTTPUsageError `ERR_HTTP_USAGE` if it is not a promise, or 100,000 are pending, those of `request.waitUntil`
   *   included.
   */
  readonly waitUntil = (promise: PromiseLike<unknown>): void => this.#container.waitUntil(promise);

  /**
   * Stops the server: it no longer accepts connections, completes the requests in progress, and closes idle connections.
   * Then it waits for the promises of {@link waitUntil}. What lasts longer than 30 s is cut. With `true`, all
   * connections are closed immediately. The server may listen again afterwards.
   *
   * @param how - true; or the options of `HTTPServer.stop`, whose `graceMs` is 0 by default; or a callback.
   * @param callback - called after the stop.
   * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid.
   */
  async close(
    how?: boolean | StopOptions | (() => unknown) | undefined,
    callback?: () => unknown,
  ): Promise<void> {
    const done = typeof how === 'function' ? how : callback;
    const options = { graceMs: 0, ...(typeof how === 'object' ? how : {}) };
    const { drainMs } = resolveStopOptions(options);
    const { clock } = this.#settings.loop;
    const deadline = clock.now() + drainMs;
    if (this.#attempt !== undefined) this.#attempt.isErrorHandled = true;
    await (how === true ? this.server.closeAll() : this.server.stop(options));
    if (this.#container.pending > 0) await this.#settle(Math.max(0, deadline - clock.now()));
    done?.();
  }

  /** Closes all connections immediately, as `close(true)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(true);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      url: this.url,
      listening: this.listening,
      openConnections: this.server.openConnections,
      runtime: undefined,
      options: undefined,
      server: undefined,
      fetch: undefined,
      waitUntil: undefined,
      _events: undefined,
      _eventsCount: undefined,
      _maxListeners: undefined,
    }));
  }

  /** Plugins of srvx replace `serve`. */
  #start(): void {
    this.#reportTo(Promise.resolve(this.serve()));
  }

  /** If nothing handles the failure, it is an uncaught error, as for `http.Server`. */
  #reportTo(listening: Promise<unknown>): void {
    listening.catch((error: unknown) => {
      if (error instanceof Error && this.#handledErrors.has(error)) return;
      process.nextTick(() => {
        throw error;
      });
    });
  }

  #begin(place: ListenOptions): Promise<this> {
    if (this.#attempt !== undefined) return this.#attempt.listening;
    const attempt = new ListenAttempt<this>();
    this.#attempt = attempt;
    attempt.listening = this.#open(place, attempt);
    return attempt.listening;
  }

  async #open(place: ListenOptions, attempt: ListenAttempt<this>): Promise<this> {
    this.#listenError = undefined;
    if (this.#isOverriding) {
      this.#restoreGlobalObjects ??= installGlobalObjects(this.#settings.loop.logger);
    }
    try {
      await this.#listen(place);
    } catch (thrown) {
      const error = errorOf(thrown);
      this.#attempt = undefined;
      this.#listenError = error;
      this.#restore();
      const hasListener = this.listenerCount('error') > 0;
      if (hasListener || attempt.isErrorHandled) this.#handledErrors.add(error);
      // A listener may call `listen` again.
      if (hasListener) this.emit('error', error);
      throw error;
    }
    // A listener that throws must not make `serve` reject.
    if (this.listening) {
      await new Promise<void>((resolve) => {
        process.nextTick(() => {
          resolve();
          this.#announce();
        });
      });
    }
    return this;
  }

  async #listen(place: ListenOptions): Promise<void> {
    const { processes } = this.options;
    const { stopOnSignals } = this.#settings;
    if (processes === undefined) {
      await this.server.listen(place);
      if (stopOnSignals !== undefined) this.#signals = this.server.stopOnSignals(stopOnSignals);
      return;
    }
    const { signals: _signals, ...stop } = stopOnSignals ?? {};
    const { port, host } = place;
    await this.server.start({
      processes,
      stop,
      ...(port === undefined ? {} : { port }),
      ...(host === undefined ? {} : { host }),
    });
  }

  /** Waits for the promises of `waitUntil`, but at most `limitMs`; then logs how many are left. */
  async #settle(limitMs: number): Promise<void> {
    const { clock, logger } = this.#settings.loop;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, limitMs);
      void this.#container.settled().then(() => {
        timer.cancel();
        resolve();
      });
    });
    const { pending } = this.#container;
    if (pending > 0) logger.warn({ pending }, 'promises passed to waitUntil are still pending');
  }

  #announce(): void {
    if (!this.listening) return;
    if (this.options.silent === false) {
      this.#settings.loop.logger.info?.({ url: this.url }, `listening on ${this.url}`);
    }
    this.emit('listening');
  }

  #placeOf(place: number | string | ListenOptions | undefined, host: unknown): ListenOptions {
    const named = typeof host === 'string' ? { host } : {};
    if (place === undefined) return { ...this.#settings.listen, ...named };
    if (typeof place === 'number') return { port: place, ...named };
    if (typeof place === 'string') return /^\d+$/.test(place) ? { port: place, ...named } : { path: place };
    return place;
  }

  #stopped(): void {
    this.#restore();
    this.#signals?.[Symbol.dispose]();
    this.#signals = undefined;
    this.#attempt = undefined;
    this.emit('close');
  }

  #restore(): void {
    this.#restoreGlobalObjects?.();
    this.#restoreGlobalObjects = undefined;
  }
}

/** One attempt to listen. */
class ListenAttempt<Server> {
  /** Whether `ready` or `close` was called during the attempt, so that its failure is no uncaught error. */
  isErrorHandled = false;
  listening!: Promise<Server>;
}

/** For a request that asks for an upgrade while the last listener is removed. */
function refuseUpgrade(_request: IncomingMessage, response: ServerResponse): void {
  response.statusCode = 400;
  response.end();
}

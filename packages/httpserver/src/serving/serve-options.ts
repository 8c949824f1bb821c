import type { EventEmitter } from 'node:events';
import type {
  createServer as createHttpServer,
  ServerOptions as HttpOptions,
  IncomingMessage,
  ServerResponse,
} from 'node:http';
import type { createServer as createHttpsServer, ServerOptions as HttpsOptions } from 'node:https';
import type { ListenOptions as NodeListenOptions } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import type { ListenOptions } from '@landspout/iostream';
import { LISTEN_OPTIONS } from '@landspout/iostream/transports';
import type { FetchEnvironment } from '../fetch/fetch-container.ts';
import { HTTP_SERVER_OPTIONS, type HTTPServerOptions } from '../options.ts';
import type { StopOnSignalsOptions } from '../stopping/stop-on-signals.ts';

/** The properties that srvx adds to a request, and h3 reads. */
export interface ServeRequest extends Request {
  /** The IP address of the client. */
  ip?: string | undefined;
  /** The objects of node:http for this request. */
  runtime?: {
    name: string;
    node?: { req: IncomingMessage; res?: ServerResponse };
  };
  /** Values of the application for this request. */
  context?: Record<string, unknown>;
  /** Makes `close` of the FetchServer wait for a promise; see `waitUntil` of FetchServer. */
  waitUntil?: (promise: Promise<unknown>) => void | Promise<void>;
}

/** A Fetch handler as Hono, h3 and srvx have it. The result is checked when it arrives: it must be a `Response`. */
export type ServeFetch = (request: ServeRequest, environment: FetchEnvironment) => unknown;

/** Runs in front of the Fetch handler: returns a response, or calls `next` for the one of the handlers behind it. */
export type ServeMiddleware = (
  request: ServeRequest,
  next: () => Response | Promise<Response>,
) => Response | Promise<Response>;

/** Makes a response for an error that the Fetch handler or a middleware threw. */
export type ServeErrorHandler = (error: unknown) => Response | Promise<Response>;

/** The events of a FetchServer, with the arguments of its listeners. */
export interface FetchServerEvents {
  listening: [];
  /** The server has stopped, and its connections are closed. */
  close: [];
  /** Listening failed. */
  error: [error: Error];
  /** A request to upgrade. Without a listener, the Fetch handler gets it. The listener owns the socket. */
  upgrade: [request: IncomingMessage, socket: Duplex, head: Buffer];
}

/** The options of a FetchServer, which plugins may change until its constructor has called all of them. */
export type FetchServerOptions = { -readonly [Name in keyof ServeOptions]: ServeOptions[Name] } & {
  middleware: ServeMiddleware[];
};

/** What plugins use of a FetchServer, as those of srvx do. */
export interface PluginServer {
  readonly runtime: 'node';
  readonly options: FetchServerOptions;
  readonly url: string | undefined;
  readonly node: {
    /** Emits `upgrade`. */
    readonly server: EventEmitter<FetchServerEvents>;
    /** The Fetch handler as a handler for `http.createServer` or Express. */
    readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  };
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** Begins to listen. A plugin may replace it by a function that calls it. */
  serve(): Promise<PluginServer>;
  ready(): Promise<PluginServer>;
  waitUntil(promise: PromiseLike<unknown>): void;
  close(how?: boolean): Promise<void>;
}

/**
 * Called with a {@link PluginServer} before the server is complete; may add to `options.middleware` and replace `serve`.
 */
// biome-ignore lint/suspicious/noExplicitAny: a plugin that was written for the `Server` of srvx must be accepted too.
export type ServePlugin = (server: any) => void;

/** Options of `http.createServer`, `https.createServer` and `net.Server.listen`. See {@link ServeOptions.node}. */
export type ServeNodeOptions = HttpOptions & HttpsOptions & NodeListenOptions & { readonly http2?: boolean };

/** The options that @hono/node-server has. */
interface HonoOptions {
  /**
   * Whether to replace the global `Response` by a lightweight class until the server is closed. An instance of it is
   * `instanceof Response`, and becomes a real one when that is needed. A `Response` that the program has replaced before
   * is left as it is. `Request` and `fetch` are replaced by ones that accept the requests of the handler, and call what
   * was there when the server began to listen. Default: true.
   */
  readonly overrideGlobalObjects?: boolean;
  /** Accepted and without effect: the body that a handler did not read is always discarded. */
  readonly autoCleanupIncoming?: boolean;
  /**
   * Only `createServer` of node:http and of node:https are accepted, and choose between HTTP and HTTPS; the server
   * itself is always a FetchServer.
   */
  readonly createServer?: typeof createHttpServer | typeof createHttpsServer;
  /** Like {@link ServeOptions.node}. */
  readonly serverOptions?: HttpOptions | HttpsOptions;
  /** Refused with the remedy: it works only with `serve` of @hono/node-server. */
  readonly websocket?: object;
}

/** The options that srvx has. */
interface SrvxOptions {
  /** Makes a response for an error that the handler or a middleware threw. Default: a 500, and one log record. */
  readonly error?: ServeErrorHandler;
  /** Handlers in front of `fetch`, first to last. Default: none. */
  readonly middleware?: readonly ServeMiddleware[];
  /** Called with the server, in this order, before it is complete. Default: none. */
  readonly plugins?: readonly ServePlugin[];
  /** If true, listening begins with `serve()` or `listen()` of the server. Default: false. */
  readonly manual?: boolean;
  /** If false, the address is logged when the server listens. Default: true. */
  readonly silent?: boolean;
  /**
   * Whether the server stops on SIGTERM and SIGINT. `gracefulTimeout` is the time for requests in progress, in seconds;
   * default: 30. Default: false; in srvx it is true.
   */
  readonly gracefulShutdown?: boolean | { readonly gracefulTimeout?: number; readonly forceTimeout?: number };
  /** Maximum size of a request body, in bytes; another name for `maxBodyBytes`. Default: 100 MiB. */
  readonly maxRequestBodySize?: number;
  /**
   * The proxies that may report the client: true for all, `loopback`, or a list of addresses and networks. Another name
   * for `trustedProxies` with `forwardedHost: true`. Default: false.
   */
  readonly trustProxy?: boolean | 'loopback' | readonly string[];
  /**
   * Options of node:http, node:https and `net.Server.listen`: those with a counterpart here are translated, the others
   * are refused with the remedy.
   */
  readonly node?: ServeNodeOptions;
  /** Ignored: for other runtimes. */
  readonly bun?: object;
  /** Ignored: for other runtimes. */
  readonly deno?: object;
  /** Ignored: for other runtimes. */
  readonly serviceWorker?: object;
}

/**
 * The options of `serve`: those of @hono/node-server, those of srvx, those of HTTPServer, and where to listen. An option
 * that is unknown or not supported is refused by name.
 */
export interface ServeOptions
  extends HonoOptions,
    SrvxOptions,
    Omit<HTTPServerOptions, 'protocol'>,
    Omit<ListenOptions, 'host'> {
  /** Called with each request. */
  readonly fetch: ServeFetch;
  /** The name or address to listen on. Default: the environment variable `HOST`, or all interfaces. */
  readonly hostname?: string | undefined;
  /** 0 to 65,535; 0 selects a free port. Default: the environment variable `PORT`, or 3000. */
  readonly port?: number | string | undefined;
  /**
   * `http` turns `tls` off. Without `tls`, `https` sets the scheme of the URLs of requests, for a server behind a proxy
   * that terminates TLS. Default: the protocol of the connection.
   */
  readonly protocol?: 'http' | 'https';
  /**
   * Serves in several processes: a number, or `cpus` for one per CPU. See `HTTPServer.start`: each process runs the
   * whole program, and all stop on SIGTERM and SIGINT. In the parent, the server never listens, and closing it does not
   * stop the children. Default: this process only, without signals.
   */
  readonly processes?: number | 'cpus';
  /** Stops on SIGTERM and SIGINT, or as the options of `HTTPServer.stopOnSignals` say. Default: false. */
  readonly stopOnSignals?: boolean | StopOnSignalsOptions;
  /**
   * Whether a client that ends its side of the connection still gets its response. If false, it has left, as for
   * `http.Server`: the signal of its request aborts. Default: false.
   */
  readonly halfOpen?: boolean;
  /** Receives errors, instead of the logger of `loop`. */
  readonly logger?: Logger;
}

/** The option names of `serve`. */
export const SERVE_OPTIONS: OptionNames<ServeOptions> = (() => {
  const { host: _host, ...place } = LISTEN_OPTIONS;
  return Object.freeze({
    ...HTTP_SERVER_OPTIONS,
    ...place,
    fetch: true,
    hostname: true,
    overrideGlobalObjects: true,
    autoCleanupIncoming: true,
    createServer: true,
    serverOptions: true,
    websocket: true,
    error: true,
    middleware: true,
    plugins: true,
    manual: true,
    silent: true,
    gracefulShutdown: true,
    maxRequestBodySize: true,
    trustProxy: true,
    node: true,
    bun: true,
    deno: true,
    serviceWorker: true,
    processes: true,
    stopOnSignals: true,
    halfOpen: true,
    logger: true,
  });
})();

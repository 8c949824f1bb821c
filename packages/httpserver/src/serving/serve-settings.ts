import { IOLoop } from '@landspout/ioloop';
import { pickOptions } from '@landspout/ioloop/errors';
import { portNumber } from '@landspout/ioloop/reactor';
import type { ListenOptions, TlsServerOptions } from '@landspout/iostream';
import { LISTEN_OPTIONS } from '@landspout/iostream/transports';
import { isNodeApplication } from '../container-remedy.ts';
import { HTTP_SERVER_OPTIONS, type HTTPServerOptions } from '../options.ts';
import type { StopOnSignalsOptions } from '../stopping/stop-on-signals.ts';
import { serverChecks } from '../stopping/stop-options.ts';
import { translateNodeOptions } from './serve-node-options.ts';
import { SERVE_OPTIONS, type ServeOptions } from './serve-options.ts';

const DEFAULT_PORT = 3000;

/** What `serve` was asked for, in terms of HTTPServer. */
export interface ServeSettings {
  readonly server: HTTPServerOptions;
  readonly listen: ListenOptions;
  readonly loop: IOLoop;
  /** Undefined: signals are not handled. */
  readonly stopOnSignals: StopOnSignalsOptions | undefined;
}

/**
 * Returns options that plugins may change. A Hono or h3 application, which has methods of its own, may take the place
 * of the options: only its `fetch` is used.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is unknown, has the wrong type or is not supported.
 */
export function acceptServeOptions(options: ServeOptions): ServeOptions {
  const given: ServeOptions = isApplication(options) ? { fetch: options.fetch.bind(options) } : options;
  if ((given as { readonly host?: unknown } | null)?.host !== undefined) {
    throw serverChecks.wrong('serve', 'hostname instead of host', (given as { host?: unknown }).host);
  }
  serverChecks.options('serve', given, SERVE_OPTIONS);
  serverChecks.callback('serve', 'fetch', given.fetch);
  if (isNodeApplication(given.fetch)) {
    const expected =
      'fetch: a Fetch handler (for an Express or Connect application, use ' +
      'new HTTPServer(new NodeContainer(app)) of @landspout/httpserver and its /node)';
    throw serverChecks.wrong('serve', expected, given.fetch);
  }
  const { hostname } = given;
  if (hostname !== undefined && (typeof hostname !== 'string' || hostname === '')) {
    throw serverChecks.wrong('serve', 'hostname: a name or an address', hostname);
  }
  requireTypes(given);
  requireSupported(given);
  return { ...given };
}

/** @throws StreamUsageError `ERR_STREAM_USAGE` if options contradict each other. */
export function resolveServeOptions(options: ServeOptions): ServeSettings {
  const { logger, loop = logger === undefined ? IOLoop.current() : new IOLoop({ logger }) } = options;
  const nodeOptions = translateNodeOptions('node', options.node);
  const serverOptions = translateNodeOptions('serverOptions', options.serverOptions);
  const {
    tls: _tls,
    protocol: _protocol,
    ...own
  } = pickOptions<HTTPServerOptions>(options, HTTP_SERVER_OPTIONS);
  return {
    server: {
      ...serverOptions.server,
      ...nodeOptions.server,
      ...own,
      ...protocolOf(options, bothOf(serverOptions.tls, nodeOptions.tls)),
      ...proxiesOf(options),
      ...bodyLimitOf(options),
      loop,
    },
    listen: placeOf(options, { ...serverOptions.listen, ...nodeOptions.listen }),
    loop,
    stopOnSignals: signalsOf(options),
  };
}

/** A Hono or h3 application, or a module, is not a plain object with options. */
function isApplication(options: ServeOptions): boolean {
  if (typeof options !== 'object' || options === null) return false;
  const prototype: unknown = Object.getPrototypeOf(options);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return !isPlain && typeof options.fetch === 'function';
}

function requireTypes(options: ServeOptions): void {
  for (const name of [
    'overrideGlobalObjects',
    'autoCleanupIncoming',
    'manual',
    'silent',
    'halfOpen',
  ] as const) {
    if (options[name] !== undefined) serverChecks.boolean('serve', name, options[name]);
  }
  if (options.error !== undefined) serverChecks.callback('serve', 'error', options.error);
  for (const name of ['middleware', 'plugins'] as const) {
    const list: unknown = options[name] ?? [];
    const isList = Array.isArray(list) && list.every((one) => typeof one === 'function');
    if (!isList) throw serverChecks.wrong('serve', `${name}: a list of functions`, list);
  }
}

function requireSupported({ websocket, createServer, processes, ...options }: ServeOptions): void {
  if (websocket !== undefined) {
    const remedy =
      'no option websocket, which works only with serve of @hono/node-server (use upgradeWebSocket of ' +
      '@landspout/websocket/fetch, or injectWebSocket(server) of @hono/node-ws),';
    throw serverChecks.wrong('serve', remedy, websocket);
  }
  if (createServer !== undefined && moduleOf(createServer) === undefined) {
    const expected =
      'createServer: that of node:http or node:https, or no such option (the server is a FetchServer; set tls for ' +
      'HTTPS, and put a proxy in front of it for HTTP/2)';
    throw serverChecks.wrong('serve', expected, createServer);
  }
  if (processes === undefined) return;
  for (const name of ['path', 'fd', 'sockets', 'systemd', 'cluster', 'reusePort', 'family'] as const) {
    if (options[name] !== undefined) {
      throw serverChecks.wrong('serve', `no option ${name} together with processes`, options[name]);
    }
  }
}

/** Compares with the functions of Node's modules, which a program that passes them has loaded. */
function moduleOf(createServer: unknown): 'http' | 'https' | undefined {
  for (const name of ['http', 'https'] as const) {
    if (process.getBuiltinModule(`node:${name}`).createServer === createServer) return name;
  }
  return undefined;
}

/** @returns undefined if neither is set. */
function bothOf(
  first: TlsServerOptions | undefined,
  second: TlsServerOptions | undefined,
): TlsServerOptions | undefined {
  return first === undefined ? second : { ...first, ...second };
}

/**
 * Chooses between HTTP and HTTPS. Options for TLS without a certificate are refused: their values may come from
 * variables that are not set, and the server would then use HTTP.
 */
function protocolOf(
  { tls, protocol, createServer }: ServeOptions,
  nodeTls: TlsServerOptions | undefined,
): Pick<HTTPServerOptions, 'tls' | 'protocol'> {
  const isHttps = moduleOf(createServer) === 'https';
  if (protocol === 'http' && !isHttps) return {};
  if (tls === undefined && nodeTls === undefined && !isHttps)
    return protocol === undefined ? {} : { protocol };
  const settings = tlsOf(tls, nodeTls);
  if (settings !== undefined) return { tls: settings };
  const expected =
    "tls: a certificate and its key, for HTTPS (for HTTP, leave out tls or set protocol: 'http'),";
  throw serverChecks.wrong('serve', expected, tls);
}

/**
 * Returns undefined if the options name neither a certificate nor a key. A certificate or key that is not PEM text is
 * the path of a file.
 */
function tlsOf(
  tls: HTTPServerOptions['tls'],
  nodeTls: TlsServerOptions | undefined,
): HTTPServerOptions['tls'] | undefined {
  const isObject = typeof tls === 'object' && tls !== null;
  const prototype: unknown = isObject ? Object.getPrototypeOf(tls) : Object.prototype;
  const isPlain = tls === undefined || (isObject && (prototype === Object.prototype || prototype === null));
  if (!isPlain) return tls;
  const merged = Object.entries({ ...nodeTls, ...tls }).filter(([, value]) => value !== undefined);
  const { cert, key, ...others } = Object.fromEntries(merged) as TlsServerOptions;
  const settings = { ...others, ...fileOrPem('cert', cert), ...fileOrPem('key', key) };
  return hasCertificate(settings) ? settings : undefined;
}

function hasCertificate(tls: TlsServerOptions): boolean {
  const { cert, certFile, key, keyFile, certificates, secureContext } = tls;
  return [cert, certFile, key, keyFile, certificates, secureContext].some((value) => value !== undefined);
}

function fileOrPem(name: 'cert' | 'key', value: string | Buffer | undefined): TlsServerOptions {
  if (value === undefined) return {};
  const isFile = typeof value === 'string' && !value.includes('-----BEGIN ');
  return { [isFile ? `${name}File` : name]: value };
}

function proxiesOf({ trustProxy, ...options }: ServeOptions): HTTPServerOptions {
  if (trustProxy === undefined || trustProxy === false) return {};
  if (options.trustedProxies !== undefined) {
    throw serverChecks.wrong('serve', 'no option trustProxy together with trustedProxies', trustProxy);
  }
  const forwardedHost = options.forwardedHost ?? true;
  if (trustProxy === true) return { trustedProxies: ['0.0.0.0/0', '::/0', 'unix'], forwardedHost };
  if (trustProxy === 'loopback') return { trustedProxies: ['127.0.0.0/8', '::1'], forwardedHost };
  if (Array.isArray(trustProxy)) return { trustedProxies: trustProxy, forwardedHost };
  throw serverChecks.wrong('serve', "trustProxy: true, false, 'loopback' or a list of addresses", trustProxy);
}

function bodyLimitOf({ maxRequestBodySize, maxBodyBytes }: ServeOptions): HTTPServerOptions {
  if (maxRequestBodySize === undefined) return {};
  if (maxBodyBytes !== undefined) {
    const expected = 'no option maxRequestBodySize together with maxBodyBytes';
    throw serverChecks.wrong('serve', expected, maxRequestBodySize);
  }
  // Programs written for srvx may pass Infinity for no limit.
  const maxBytes = maxRequestBodySize === Infinity ? Number.MAX_SAFE_INTEGER : maxRequestBodySize;
  return { maxBodyBytes: maxBytes };
}

/** An empty environment variable is the same as none. */
function placeOf(options: ServeOptions, nodePlace: ListenOptions): ListenOptions {
  const { hostname } = options;
  const { port: _port, ...own } = pickOptions<ListenOptions>(options, LISTEN_OPTIONS);
  const place: ListenOptions = {
    ...nodePlace,
    ...own,
    ...(hostname === undefined ? {} : { host: hostname }),
    ...(options.port === undefined ? {} : { port: options.port }),
  };
  const isElsewhere = [place.path, place.fd, place.sockets, place.systemd].some((way) => way !== undefined);
  if (isElsewhere) return place;
  const { PORT, HOST } = process.env;
  const port = place.port ?? (PORT || DEFAULT_PORT);
  if (portNumber(port) === undefined) {
    const name = place.port === undefined ? 'the environment variable PORT' : 'port';
    throw serverChecks.wrong('serve', `${name}: 0 to 65535`, port);
  }
  return { ...(HOST === undefined || HOST === '' ? {} : { host: HOST }), ...place, port };
}

function signalsOf({ stopOnSignals, gracefulShutdown }: ServeOptions): StopOnSignalsOptions | undefined {
  if (stopOnSignals !== undefined) {
    if (typeof stopOnSignals !== 'object') serverChecks.boolean('serve', 'stopOnSignals', stopOnSignals);
    if (stopOnSignals === false) return undefined;
    return stopOnSignals === true ? {} : stopOnSignals;
  }
  if (gracefulShutdown === undefined || gracefulShutdown === false) return undefined;
  if (gracefulShutdown === true) return {};
  const { gracefulTimeout } = gracefulShutdown;
  if (gracefulTimeout === undefined) return {};
  serverChecks.number('serve', 'gracefulShutdown.gracefulTimeout', gracefulTimeout);
  return { drainMs: gracefulTimeout * 1_000, graceMs: Math.min(1_000, gracefulTimeout * 1_000) };
}

// The connecting/ folder holds the client's side: it resolves the name, tries each address on either backend, then
// performs the TLS handshake. Servers and listening sockets are elsewhere.

import type { SecureContext } from 'node:tls';
import { type ClockTimer, IOLoop } from '@landspout/ioloop';
import { type OptionNames, shownText } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { onAbort, withCallerStack } from '@landspout/ioloop/reactor';
import type { AddressFamily } from '../addresses/net-address.ts';
import type { Resolver } from '../addresses/resolver.ts';
import { SystemResolver } from '../addresses/system-resolver.ts';
import { StreamConnectError, StreamTimeoutError, streamChecks } from '../errors.ts';
import { IOStream } from '../stream/io-stream.ts';
import { type IOStreamOptions, resolveStreamOptions, streamOptionsAmong } from '../stream/stream-options.ts';
import { connectTls } from '../tls/client.ts';
import { isSecureContext } from '../tls/node-tls-adapter.ts';
import type { TlsClientOptions } from '../tls/options.ts';
import { TlsSessionCache } from '../tls/session-cache.ts';
import type { Transport } from '../transport.ts';
import { connect } from './connect.ts';
import { type ConnectTarget, requireDialOptions } from './connect-target.ts';
import { connectToAny } from './happy-eyeballs.ts';

export interface TCPClientOptions {
  /** Default: a {@link SystemResolver}. */
  readonly resolver?: Resolver;
  /** Default: the loop of the current thread. */
  readonly loop?: IOLoop;
  /**
   * Maximum number of TLS sessions kept for resumption, which shortens the next handshake with the same server. 0 keeps
   * none. Default: 100.
   */
  readonly maxTlsSessions?: number;
}

interface SharedConnectOptions {
  /** Connects with TLS and verifies the server's certificate and name. */
  readonly tls?: true | TlsClientOptions | SecureContext;
  /** Limit for resolving, connecting and the TLS handshake together; 0 means no limit. Default: 20 s. */
  readonly timeoutMs?: number;
  /** Aborts connecting; nothing stays open then. */
  readonly signal?: AbortSignal;
  /** Options of the stream; defaults as in {@link IOStreamOptions}. */
  readonly maxReadBufferBytes?: number;
  readonly maxWriteBufferBytes?: number;
  readonly writeOverflow?: 'error' | 'close';
}

export interface TCPConnectOptions extends SharedConnectOptions {
  /** A host name or a numeric address. */
  readonly host: string;
  /** 1 to 65,535, as a number or a string of digits. */
  readonly port: number | string;
  /** Tries only addresses of this family. */
  readonly family?: AddressFamily;
  /** The local address to connect from, in numeric form. Only addresses of the same family are tried. */
  readonly localAddress?: string;
  /**
   * The local port to connect from. Default: any free port. If set without `localAddress`, connects from the loopback
   * address.
   */
  readonly localPort?: number | string | undefined;
}

export interface UnixConnectOptions extends SharedConnectOptions {
  /** The path of a Unix socket. On Linux a path that starts with NUL is an abstract name. */
  readonly path: string;
}

const CLIENT_OPTIONS: OptionNames<TCPClientOptions> = { resolver: true, loop: true, maxTlsSessions: true };
const SHARED_OPTIONS: OptionNames<SharedConnectOptions> = {
  tls: true,
  timeoutMs: true,
  signal: true,
  maxReadBufferBytes: true,
  maxWriteBufferBytes: true,
  writeOverflow: true,
};
const TCP_OPTIONS: OptionNames<TCPConnectOptions> = {
  ...SHARED_OPTIONS,
  host: true,
  port: true,
  family: true,
  localAddress: true,
  localPort: true,
};
const UNIX_OPTIONS: OptionNames<UnixConnectOptions> = { ...SHARED_OPTIONS, path: true };

const DEFAULT_TIMEOUT_MS = 20_000;

/**
 * Opens client connections: resolves the name, tries each address and performs the TLS handshake, within one deadline.
 *
 * If the host has several addresses, the next one is tried after 250 ms, or as soon as the previous attempt fails,
 * alternating between IPv6 and IPv4. The first connection to be established is used (RFC 8305 §5).
 */
export class TCPClient {
  readonly #resolver: Resolver;
  readonly #loop: IOLoop;
  readonly #sessions: TlsSessionCache | undefined;

  constructor(options: TCPClientOptions = {}) {
    streamChecks.options('TCPClient', options, CLIENT_OPTIONS);
    this.#resolver = options.resolver ?? new SystemResolver();
    this.#loop = options.loop ?? IOLoop.current();
    this.#sessions = options.maxTlsSessions === 0 ? undefined : new TlsSessionCache(options.maxTlsSessions);
  }

  /**
   * Connects, and performs the TLS handshake if `tls` is set.
   *
   * @returns an open stream.
   * @throws SystemError such as `ECONNREFUSED`, or ConnectError with the same code and the `errors` of all attempts if
   *   the host has several addresses; StreamConnectError `ERR_STREAM_RESOLVE` or `ERR_STREAM_TLS`; StreamTimeoutError
   *   `ERR_STREAM_TIMEOUT`; StreamUsageError `ERR_STREAM_USAGE` if an option is invalid; the reason of `signal` if it
   *   aborts. Nothing stays open then.
   */
  async connect(options: TCPConnectOptions | UnixConnectOptions): Promise<IOStream> {
    requireConnectOptions(options);
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    streamChecks.durationMs('connect', 'timeoutMs', timeoutMs);
    const streamOptions = resolveStreamOptions(streamOptionsAmong(options, this.#loop.clock));
    try {
      const transport = await this.#within(options, (either) => this.#open(options, either));
      return new IOStream(transport, streamOptions);
    } catch (error) {
      throw withCallerStack(error);
    }
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ resolver: this.#resolver, tlsSessions: this.#sessions?.size ?? 0 }));
  }

  async #open(options: TCPConnectOptions | UnixConnectOptions, signal: AbortSignal): Promise<Transport> {
    const transport = isUnix(options)
      ? await connect(this.#loop, options, signal)
      : await this.#dial(options, signal);
    if (options.tls === undefined) return transport;
    const servername = isUnix(options) ? 'localhost' : options.host;
    const sessions = this.#sessions === undefined ? {} : { sessions: this.#sessions };
    // No separate limit for the handshake: the deadline of `timeoutMs` covers it.
    const defaults = { servername, handshakeTimeoutMs: 0, ...sessions };
    return connectTls(transport, { ...defaults, ...toTlsOptions(options.tls) }, signal, this.#loop);
  }

  async #dial(options: TCPConnectOptions, signal: AbortSignal): Promise<Transport> {
    const { host, localAddress } = options;
    const { family, port, localPort } = requireDialOptions(options);
    const found = await unlessAborted(this.#resolver.resolve(host, { port, family, signal }), signal);
    // A custom resolver may ignore the requested family.
    const addresses = family === undefined ? found : found.filter((one) => one.family === family);
    if (addresses.length === 0) {
      const kind = family === undefined ? 'address' : `IPv${family} address`;
      throw new StreamConnectError('ERR_STREAM_RESOLVE', `connect: ${host} has no ${kind}`);
    }
    const targets = addresses.map((found) => ({
      address: found.address,
      family: found.family,
      port: found.port ?? port,
      localAddress: localAddress ?? (localPort === undefined ? undefined : LOOPBACK[found.family]),
      localPort,
    }));
    const connectTo = (target: ConnectTarget, either: AbortSignal) => connect(this.#loop, target, either);
    return connectToAny(host, targets, connectTo, this.#loop.clock, signal);
  }

  /** Calls `open` with a signal that aborts at the deadline or when the caller's signal does. */
  async #within<T>(
    options: TCPConnectOptions | UnixConnectOptions,
    open: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
    signal?.throwIfAborted();
    const controller = new AbortController();
    const stopListening = onAbort(signal, (reason) => controller.abort(reason));
    let timer: ClockTimer | undefined;
    if (timeoutMs > 0) {
      const expire = (): void => {
        const message = `connect: not connected to ${peerName(options)} within ${timeoutMs} ms`;
        controller.abort(new StreamTimeoutError(message));
      };
      timer = this.#loop.clock.setTimeout(expire, timeoutMs);
    }
    try {
      return await open(controller.signal);
    } finally {
      timer?.cancel();
      stopListening();
    }
  }
}

function peerName(options: TCPConnectOptions | UnixConnectOptions): string {
  if ('path' in options) return shownText(options.path, MAX_NAME);
  return `${shownText(options.host, MAX_NAME)}, port ${options.port},`;
}

/** Maximum number of characters of a name in an error message. */
const MAX_NAME = 100;

function requireConnectOptions(options: TCPConnectOptions | UnixConnectOptions): void {
  if (!isUnix(options)) {
    streamChecks.options('connect', options, TCP_OPTIONS);
    return;
  }
  streamChecks.options('connect', options, UNIX_OPTIONS);
  const { path } = options;
  if (typeof path !== 'string' || path === '') throw streamChecks.wrong('connect', 'a path', path);
}

function isUnix(options: TCPConnectOptions | UnixConnectOptions): options is UnixConnectOptions {
  return (options as Partial<UnixConnectOptions> | null)?.path !== undefined;
}

function toTlsOptions(tls: true | TlsClientOptions | SecureContext): TlsClientOptions {
  if (tls === true) return {};
  return isSecureContext(tls) ? { secureContext: tls } : tls;
}

/**
 * Stops waiting if `signal` aborts: a custom resolver may be slow to react to the abort, and may return any thenable.
 */
function unlessAborted<T>(resolving: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, reject);
    const settled = Promise.resolve(resolving).then(resolve, reject);
    void settled.finally(stopListening);
  });
}

const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const;

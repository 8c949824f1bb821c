// The connecting/ folder holds the client's side: it resolves the name, tries each address on either backend, then
// performs the TLS handshake. Servers and listening sockets are elsewhere.

import type { SecureContext } from 'node:tls';
import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { withCallerStack } from '@landspout/ioloop/reactor';
import type { AddressFamily } from '../addresses/net-address.ts';
import type { Resolver } from '../addresses/resolver.ts';
import { SystemResolver } from '../addresses/system-resolver.ts';
import { streamChecks } from '../errors.ts';
import { IOStream } from '../stream/io-stream.ts';
import { type IOStreamOptions, resolveStreamOptions, streamOptionsAmong } from '../stream/stream-options.ts';
import { connectTlsSettings, type TlsClientSettings } from '../tls/client/client-settings.ts';
import type { TlsClientOptions } from '../tls/options.ts';
import { TlsSessionCache } from '../tls/session-cache.ts';
import { type ConnectMeans, ConnectOperation, type ConnectRequest } from './connect-operation.ts';
import { requireHostTarget } from './connect-target.ts';
import { ConnectTimings } from './connect-timings.ts';

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
  /** Filled in with the time of each phase, and with the phase that failed. Use a new one for each call. */
  readonly timings?: ConnectTimings;
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
  timings: true,
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
  readonly #means: ConnectMeans;
  readonly #sessions: TlsSessionCache | undefined;

  constructor(options: TCPClientOptions = {}) {
    streamChecks.options('TCPClient', options, CLIENT_OPTIONS);
    const { maxTlsSessions } = options;
    this.#means = {
      resolver: options.resolver ?? new SystemResolver(),
      loop: options.loop ?? IOLoop.current(),
    };
    this.#sessions = maxTlsSessions === 0 ? undefined : new TlsSessionCache(maxTlsSessions);
  }

  /**
   * Connects, and performs the TLS handshake if `tls` is set.
   *
   * @returns an open stream.
   * @throws StreamConnectError `ERR_STREAM_RESOLVE` if the name does not resolve; SystemError such as `ECONNREFUSED` if
   *   connecting fails, or ConnectError with the same code and the `errors` of all attempts if the host has several
   *   addresses; StreamConnectError `ERR_STREAM_TLS` if the handshake fails, or before anything is resolved if a file or
   *   certificate of `tls` is unusable; StreamTimeoutError `ERR_STREAM_TIMEOUT`, whose `phase` says which of the three
   *   was in progress; StreamUsageError `ERR_STREAM_USAGE` if an option is invalid; the reason of `signal` if it aborts.
   *   Errors of connecting, of the handshake and of the timeout have the `address` of the server that was tried. Nothing
   *   stays open after an error.
   */
  async connect(options: TCPConnectOptions | UnixConnectOptions): Promise<IOStream> {
    const operation = new ConnectOperation(this.#means, checkedRequest(options));
    const streamOptions = resolveStreamOptions(streamOptionsAmong(options, this.#means.loop.clock));
    const settings = this.#tlsSettings(options);
    try {
      let transport = await operation.connect();
      if (settings !== undefined) transport = await operation.secure(transport, settings);
      return new IOStream(transport, streamOptions);
    } catch (error) {
      throw withCallerStack(error);
    } finally {
      operation.end();
    }
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      resolver: this.#means.resolver,
      tlsSessions: this.#sessions?.size ?? 0,
    }));
  }

  #tlsSettings(options: TCPConnectOptions | UnixConnectOptions): TlsClientSettings | undefined {
    const { tls } = options;
    if (tls === undefined) return undefined;
    const host = isUnix(options) ? 'localhost' : options.host;
    return connectTlsSettings(tls, host, this.#sessions, this.#means.loop);
  }
}

function checkedRequest(options: TCPConnectOptions | UnixConnectOptions): ConnectRequest {
  if (isUnix(options)) streamChecks.options('connect', options, UNIX_OPTIONS);
  else streamChecks.options('connect', options, TCP_OPTIONS);
  const { timeoutMs = DEFAULT_TIMEOUT_MS, timings = new ConnectTimings(), signal, tls } = options;
  streamChecks.durationMs('connect', 'timeoutMs', timeoutMs);
  if (!(timings instanceof ConnectTimings))
    throw streamChecks.wrong('connect', 'timings: a ConnectTimings', timings);
  const to = isUnix(options) ? { path: requirePath(options.path) } : requireHostTarget(options);
  return { to, isSecure: tls !== undefined, timeoutMs, signal, timings };
}

function isUnix(options: TCPConnectOptions | UnixConnectOptions): options is UnixConnectOptions {
  return (options as Partial<UnixConnectOptions> | null)?.path !== undefined;
}

function requirePath(path: unknown): string {
  if (typeof path === 'string' && path !== '') return path;
  throw streamChecks.wrong('connect', 'a path', path);
}

import type { SecureContext } from 'node:tls';
import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { RateLimitedLog } from '@landspout/ioloop/reactor';
import { StreamUsageError, streamChecks } from '../errors.ts';
import { DEFAULT_BACKLOG } from '../listening/bind-sockets.ts';
import {
  type ProxyProtocolOptions,
  type ProxySettings,
  resolveProxyOptions,
} from '../proxy-protocol/proxy-options.ts';
import type { IOStream } from '../stream/io-stream.ts';
import { type IOStreamOptions, resolveStreamOptions, streamOptionsAmong } from '../stream/stream-options.ts';
import { nodeTlsProblem } from '../tls/option-types.ts';
import type { TlsServerOptions } from '../tls/options.ts';
import { TlsServerContext } from '../tls/server/server-context.ts';
import { TLS_SERVER_OPTIONS } from '../tls/server/server-settings.ts';

export interface TCPServerOptions {
  /** Called with each connection; an alternative to overriding {@link TCPServer.handleStream}. */
  readonly handleStream?: (stream: IOStream) => unknown;
  /**
   * Uses TLS on every connection. Files are read and checked at construction. Several servers can share a
   * {@link TlsServerContext}.
   */
  readonly tls?: TlsServerOptions | SecureContext | TlsServerContext;
  /** Default: the loop of the current thread. */
  readonly loop?: IOLoop;
  /** Options of each stream; defaults as in {@link IOStreamOptions}. */
  readonly maxReadBufferBytes?: number;
  readonly maxWriteBufferBytes?: number;
  readonly writeOverflow?: 'error' | 'close';
  /**
   * Maximum number of connections that the system queues until they are accepted. The system's own limit
   * (`net.core.somaxconn`) also applies. Default: 511, as in Node and nginx; a burst of up to 511 connections is not
   * dropped.
   */
  readonly backlog?: number;
  /**
   * Maximum number of open connections, including those in a TLS handshake; further ones are closed at once. 0 means no
   * limit. Default: 100,000.
   */
  readonly maxConnections?: number;
  /**
   * Maximum number of open connections from one IPv4 address or IPv6 /64, except loopback. A connection from a listed
   * proxy is counted for its client as soon as the client is known. 0 means no limit. Default: 10,000.
   */
  readonly maxConnectionsPerAddress?: number;
  /**
   * Reads a PROXY protocol header, version 1 or 2, from the listed proxies, before TLS and before
   * {@link TCPServer.handleStream}. The addresses of the stream are then the client's, and `proxied` describes the
   * proxy's connection. If a listed proxy violates the protocol, that connection is reset.
   */
  readonly proxyProtocol?: ProxyProtocolOptions;
}

/** The option names of {@link TCPServer}, for servers that accept further options. */
export const TCP_SERVER_OPTIONS: OptionNames<TCPServerOptions> = Object.freeze({
  handleStream: true,
  tls: true,
  loop: true,
  maxReadBufferBytes: true,
  maxWriteBufferBytes: true,
  writeOverflow: true,
  backlog: true,
  maxConnections: true,
  maxConnectionsPerAddress: true,
  proxyProtocol: true,
});

/** {@link TCPServerOptions}, checked and with defaults filled in. */
export interface ServerSettings {
  readonly loop: IOLoop;
  /** The log for events that peers can cause as often as they like. */
  readonly refusalLog: RateLimitedLog;
  readonly streamOptions: IOStreamOptions;
  readonly backlog: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly proxies: ProxySettings | undefined;
  readonly tls: TlsServerContext | undefined;
}

const MAX_COUNT = 2 ** 31 - 1;
const DEFAULT_MAX_CONNECTIONS = 100_000;
const DEFAULT_MAX_CONNECTIONS_PER_ADDRESS = 10_000;

/**
 * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid; StreamConnectError `ERR_STREAM_TLS` if a
 *   certificate cannot be read or used.
 */
export function resolveServerOptions(options: TCPServerOptions): ServerSettings {
  const misplaced = misplacedTlsProblem(options);
  if (misplaced !== undefined) throw new StreamUsageError('ERR_STREAM_USAGE', `TCPServer: ${misplaced}`);
  streamChecks.options('TCPServer', options, TCP_SERVER_OPTIONS);
  const {
    loop = IOLoop.current(),
    backlog = DEFAULT_BACKLOG,
    maxConnections = DEFAULT_MAX_CONNECTIONS,
    maxConnectionsPerAddress = DEFAULT_MAX_CONNECTIONS_PER_ADDRESS,
    tls,
    proxyProtocol,
  } = options;
  return {
    loop,
    refusalLog: new RateLimitedLog(loop),
    streamOptions: resolveStreamOptions(streamOptionsAmong(options, loop.clock)),
    backlog: streamChecks.wholeNumber('TCPServer', 'backlog', backlog, 1, MAX_COUNT),
    maxConnections: streamChecks.wholeNumber('TCPServer', 'maxConnections', maxConnections, 0, MAX_COUNT),
    maxConnectionsPerAddress: streamChecks.wholeNumber(
      'TCPServer',
      'maxConnectionsPerAddress',
      maxConnectionsPerAddress,
      0,
      MAX_COUNT,
    ),
    proxies: proxyProtocol === undefined ? undefined : resolveProxyOptions(proxyProtocol),
    tls: tls === undefined || tls instanceof TlsServerContext ? tls : new TlsServerContext(tls),
  };
}

/**
 * Describes an option of TLS that is beside the option `tls` instead of in it, as in `https.createServer`, the way
 * `optionsProblem` does. `undefined` if there is none.
 */
export function misplacedTlsProblem(options: unknown): string | undefined {
  if (typeof options !== 'object' || options === null) return undefined;
  const given = options as Readonly<Record<string, unknown>>;
  for (const name of ['https', 'ssl', ...Object.keys(TLS_SERVER_OPTIONS)]) {
    if (given[name] === undefined) continue;
    const inside = name in TLS_SERVER_OPTIONS ? name : 'certFile, keyFile';
    return `unknown option "${name}": set tls: { ${inside} }`;
  }
  return nodeTlsProblem(options);
}

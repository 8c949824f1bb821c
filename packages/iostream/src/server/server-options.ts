import type { SecureContext } from 'node:tls';
import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { RateLimitedLog } from '@landspout/ioloop/reactor';
import { streamChecks } from '../errors.ts';
import { DEFAULT_BACKLOG } from '../listening/bind-sockets.ts';
import {
  type ProxyProtocolOptions,
  type ProxySettings,
  resolveProxyOptions,
} from '../proxy-protocol/proxy-options.ts';
import type { IOStream } from '../stream/io-stream.ts';
import { type IOStreamOptions, resolveStreamOptions, streamOptionsAmong } from '../stream/stream-options.ts';
import type { TlsServerOptions } from '../tls/options.ts';
import { TlsServerContext } from '../tls/server-context.ts';

export interface TCPServerOptions {
  /** What to do with each connection, in place of overriding {@link TCPServer.handleStream}. */
  readonly handleStream?: (stream: IOStream) => unknown;
  /** Speaks TLS on every connection; files are read and checked at once. A {@link TlsServerContext} may be shared. */
  readonly tls?: TlsServerOptions | SecureContext | TlsServerContext;
  /** Default: the loop of this thread. */
  readonly loop?: IOLoop;
  /** Of each stream, with the defaults of {@link IOStreamOptions}. */
  readonly maxReadBufferBytes?: number;
  readonly maxWriteBufferBytes?: number;
  readonly writeOverflow?: 'error' | 'close';
  /**
   * Connections that the system holds until they are accepted; default 511, as Node and nginx: a burst of that many
   * loses none. The system cuts it to its own limit (`net.core.somaxconn`).
   */
  readonly backlog?: number;
  /** Most open connections, those in a TLS handshake included; others are closed at once. 0 is no limit; default 100,000. */
  readonly maxConnections?: number;
  /**
   * Most of them from one IPv4 address or IPv6 /64, loopback excepted. 0 is no limit; default 10,000. A connection of
   * a listed proxy is its client's, as soon as the client is known.
   */
  readonly maxConnectionsPerAddress?: number;
  /**
   * Reads the PROXY protocol's header, version 1 or 2, from the proxies that it lists, before TLS and before
   * {@link TCPServer.handleStream}: a stream's addresses are the client's then, and `proxied` tells of the proxy. A
   * listed proxy that breaks the protocol has that connection reset.
   */
  readonly proxyProtocol?: ProxyProtocolOptions;
}

/** The names that a {@link TCPServer} knows, for servers that have options of their own besides. */
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

/** {@link TCPServerOptions}, checked and complete. */
export interface ServerSettings {
  readonly loop: IOLoop;
  /** For what strangers can cause at will. */
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
 * @throws StreamUsageError `ERR_STREAM_USAGE` for options that cannot be; StreamConnectError `ERR_STREAM_TLS` for
 *   certificates that cannot be read or used.
 */
export function resolveServerOptions(options: TCPServerOptions): ServerSettings {
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

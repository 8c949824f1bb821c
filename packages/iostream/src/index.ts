/**
 * Streams of bytes over TCP, TLS, Unix sockets and memory, with one behaviour on every backend.
 *
 * This package handles connections, buffers with limits, host names and certificates, TLS and the PROXY protocol. It
 * implements no application protocol: `@landspout/http1` is the first that does.
 *
 * @packageDocumentation
 */

// Streams.

export type { CloseReason } from './stream/closing.ts';
export { IOStream } from './stream/io-stream.ts';
export type { ChunksOptions, LinesOptions } from './stream/iterators.ts';
export type { SendFileOptions } from './stream/outgoing-file.ts';
export { join, type PipeOptions } from './stream/pipe.ts';
export type { StreamConsumer } from './stream/stream-consumer.ts';
export type {
  BoundedReadOptions,
  DrainOptions,
  IOStreamOptions,
  ReadBytesOptions,
  ReadOptions,
  ReadUntilRegexOptions,
} from './stream/stream-options.ts';
export type { ProxiedConnection, SocketAddress, TlsInfo } from './transport.ts';

// Clients.

export { ConnectTimings } from './connecting/connect-timings.ts';
export {
  TCPClient,
  type TCPClientOptions,
  type TCPConnectOptions,
  type UnixConnectOptions,
} from './connecting/tcp-client.ts';

// Servers.

export {
  type BindSocketsOptions,
  type BindUnixSocketOptions,
  bindSockets,
  bindUnixSocket,
} from './listening/bind-sockets.ts';
export type { ListenOptions } from './listening/listen-options.ts';
export type { ListenTarget } from './listening/listener.ts';
export { type SystemdSocket, systemdSockets } from './listening/systemd.ts';
export type { ProxyProtocolOptions } from './proxy-protocol/proxy-options.ts';
export type { TCPServerStats } from './server/server-counters.ts';
export type { TCPServerOptions } from './server/server-options.ts';
export { TCPServer } from './server/tcp-server.ts';

// TLS.

export { type StartTlsOptions, startTls } from './server/start-tls.ts';
export type {
  TlsCertificateOptions,
  TlsClientOptions,
  TlsNamedCertificate,
  TlsOptions,
  TlsServerOptions,
  TlsVersion,
} from './tls/options.ts';
export { TlsServerContext } from './tls/server/server-context.ts';
export { type KeptSession, TlsSessionCache } from './tls/session-cache.ts';

// Names and addresses.

export { AddressList } from './addresses/address-list.ts';
export {
  CachingResolver,
  type CachingResolverOptions,
  type CachingResolverStats,
} from './addresses/caching-resolver.ts';
export { CaresResolver, type CaresResolverOptions } from './addresses/cares-resolver.ts';
export { type AddressFamily, isValidIp, normalizeIp } from './addresses/net-address.ts';
export {
  type Override,
  OverrideResolver,
  type ResolvedAddress,
  type ResolveOptions,
  type Resolver,
} from './addresses/resolver.ts';
export { SystemResolver } from './addresses/system-resolver.ts';

// Other kinds of streams, and descriptors.

export { toDuplex } from './interop/stream-duplex.ts';
export { fromWeb, toWeb, type WebStreamPair } from './interop/web-streams.ts';
export { type OpenFdOptions, openFd } from './transports/fd-transport.ts';

// Other programs.

export type { CommunicateOptions, CommunicateResult } from './subprocess/communicate.ts';
export { Subprocess, type WaitForExitOptions } from './subprocess/subprocess.ts';
export type { SubprocessOptions, SubprocessStdio } from './subprocess/subprocess-options.ts';

// Errors.

export {
  ConnectError,
  type ConnectPhase,
  LISTEN_ERRORS,
  ListenUsageError,
  STREAM_ERRORS,
  StreamClosedError,
  StreamConnectError,
  type StreamErrorCode,
  StreamFileError,
  StreamLimitError,
  StreamProtocolError,
  StreamTimeoutError,
  StreamTruncatedError,
  StreamUsageError,
} from './errors.ts';
export { PROXY_ERRORS, type ProxyErrorCode, ProxyProtocolError } from './proxy-protocol/proxy-errors.ts';
export {
  CalledProcessError,
  SUBPROCESS_ERRORS,
  type SubprocessErrorCode,
  SubprocessLimitError,
} from './subprocess/subprocess-errors.ts';

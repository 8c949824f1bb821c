/**
 * Streams of bytes over TCP, TLS, Unix sockets and memory, with one behaviour on every backend.
 *
 * Knows connections, buffers and their limits, names and certificates. Does not know any protocol:
 * `@landspout/http1` is the first that does.
 *
 * @packageDocumentation
 */

// Listening.
export { AddressList } from './address-list.ts';
export {
  type BindSocketsOptions,
  type BindUnixSocketOptions,
  bindSockets,
  bindUnixSocket,
} from './bind-sockets.ts';
export type { ChunksOptions } from './chunk-iterator.ts';
export type { CloseReason } from './close-reason.ts';
export { connect } from './connect.ts';
export type { ConnectTarget } from './connect-target.ts';
export { type OpenFdOptions, openFd } from './fd-transport.ts';
// Streams.
export { IOStream } from './io-stream.ts';
export type { LinesOptions } from './line-iterator.ts';
export { listen } from './listen.ts';
export { LISTEN_ERRORS, ListenUsageError } from './listen-errors.ts';
export type {
  AcceptHandler,
  Listener,
  ListenerOptions,
  ListeningSocket,
  ListenTarget,
} from './listener.ts';
export { memoryPair } from './memory-transport.ts';
export { type AddressFamily, isValidIp, normalizeIp } from './net-address.ts';
export { connectNode } from './node-connect.ts';
export { listenNode } from './node-listener.ts';
export { NodeTransport, type NodeTransportOptions } from './node-transport.ts';
export type { SendFileOptions } from './outgoing-file.ts';
export type { SystemdSocket } from './passed-sockets.ts';
export type { ProxiedConnection } from './proxy-protocol/proxied-connection.ts';
export { PROXY_ERRORS, type ProxyErrorCode, ProxyProtocolError } from './proxy-protocol/proxy-errors.ts';
export type { ProxyProtocolOptions } from './proxy-protocol/proxy-options.ts';
// Names and addresses.
export {
  type Override,
  OverrideResolver,
  type ResolvedAddress,
  type ResolveOptions,
  type Resolver,
} from './resolver.ts';
export { LISTEN_OPTIONS, type ListenOptions, listenOptionsProblem } from './server-binding.ts';
export type { TCPServerStats } from './server-counters.ts';
export { TCP_SERVER_OPTIONS, type TCPServerOptions } from './server-options.ts';
export { type StartTlsOptions, startTls } from './start-tls.ts';
export type { StreamConsumer } from './stream-consumer.ts';
export { toDuplex } from './stream-duplex.ts';
// What can go wrong.
export {
  ConnectError,
  STREAM_ERRORS,
  StreamClosedError,
  StreamConnectError,
  type StreamErrorCode,
  StreamFileError,
  StreamLimitError,
  StreamProtocolError,
  StreamTimeoutError,
  StreamUsageError,
} from './stream-errors.ts';
export {
  type BoundedReadOptions,
  DEFAULT_MAX_READ_BUFFER_BYTES,
  DEFAULT_MAX_WRITE_BUFFER_BYTES,
  type DrainOptions,
  type IOStreamOptions,
  type ReadBytesOptions,
  type ReadOptions,
  type ReadUntilRegexOptions,
} from './stream-options.ts';
export { join, type PipeOptions } from './stream-pipe.ts';
// Other programs.
export type { CommunicateOptions, CommunicateResult } from './subprocess/communicate.ts';
export { Subprocess, type WaitForExitOptions } from './subprocess/subprocess.ts';
export {
  CalledProcessError,
  SUBPROCESS_ERRORS,
  type SubprocessErrorCode,
  SubprocessLimitError,
} from './subprocess/subprocess-errors.ts';
export type { SubprocessOptions, SubprocessStdio } from './subprocess/subprocess-options.ts';
export { SystemResolver } from './system-resolver.ts';
export { systemdSockets } from './systemd-sockets.ts';
export {
  TCPClient,
  type TCPClientOptions,
  type TCPConnectOptions,
  type UnixConnectOptions,
} from './tcp-client.ts';
// Servers and clients.
export { TCPServer } from './tcp-server.ts';
export { connectTls } from './tls-client.ts';
export type {
  TlsCertificateOptions,
  TlsClientOptions,
  TlsNamedCertificate,
  TlsOptions,
  TlsServerOptions,
  TlsVersion,
} from './tls-options.ts';
export { TlsServerContext } from './tls-server-context.ts';
export { type KeptSession, TlsSessionCache } from './tls-session-cache.ts';
// The layer below the streams.
export type { SocketAddress, TlsInfo, Transport, TransportEvents } from './transport.ts';
export { TransportDuplex } from './transport-duplex.ts';
export { fromWeb, toWeb, type WebStreamPair } from './web-streams.ts';

/**
 * Streams of bytes over TCP, TLS, Unix sockets and memory, with one behaviour on every backend.
 *
 * Knows connections, buffers and their limits, names and certificates. Does not know any protocol:
 * `@landspout/http1` is the first that does.
 *
 * @packageDocumentation
 */

// Names and addresses.
export { AddressList } from './addresses/address-list.ts';
export { type AddressFamily, isValidIp, normalizeIp } from './addresses/net-address.ts';
export {
  type Override,
  OverrideResolver,
  type ResolvedAddress,
  type ResolveOptions,
  type Resolver,
} from './addresses/resolver.ts';
export { SystemResolver } from './addresses/system-resolver.ts';
// Clients.
export { connect } from './connecting/connect.ts';
export type { ConnectTarget } from './connecting/connect-target.ts';
export { connectNode } from './connecting/node-connect.ts';
export {
  TCPClient,
  type TCPClientOptions,
  type TCPConnectOptions,
  type UnixConnectOptions,
} from './connecting/tcp-client.ts';
// What can go wrong.
export {
  ConnectError,
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
  StreamUsageError,
} from './errors.ts';
// As streams of other kinds.
export { toDuplex } from './interop/stream-duplex.ts';
export { fromWeb, toWeb, type WebStreamPair } from './interop/web-streams.ts';
// Listening.
export {
  type BindSocketsOptions,
  type BindUnixSocketOptions,
  bindSockets,
  bindUnixSocket,
} from './listening/bind-sockets.ts';
export { listen } from './listening/listen.ts';
export { LISTEN_OPTIONS, type ListenOptions, listenOptionsProblem } from './listening/listen-options.ts';
export type {
  AcceptHandler,
  Listener,
  ListenerOptions,
  ListeningSocket,
  ListenTarget,
} from './listening/listener.ts';
export { listenNode } from './listening/node-listener.ts';
export { type SystemdSocket, systemdSockets } from './listening/systemd.ts';
// Clients behind a proxy.
export { PROXY_ERRORS, type ProxyErrorCode, ProxyProtocolError } from './proxy-protocol/proxy-errors.ts';
export type { ProxyProtocolOptions } from './proxy-protocol/proxy-options.ts';
// Servers.
export type { TCPServerStats } from './server/server-counters.ts';
export { TCP_SERVER_OPTIONS, type TCPServerOptions } from './server/server-options.ts';
export { type StartTlsOptions, startTls } from './server/start-tls.ts';
export { TCPServer } from './server/tcp-server.ts';
// Streams.
export type { CloseReason } from './stream/closing.ts';
export { IOStream } from './stream/io-stream.ts';
export type { ChunksOptions, LinesOptions } from './stream/iterators.ts';
export type { SendFileOptions } from './stream/outgoing-file.ts';
export { join, type PipeOptions } from './stream/pipe.ts';
export type { StreamConsumer } from './stream/stream-consumer.ts';
export {
  type BoundedReadOptions,
  DEFAULT_MAX_READ_BUFFER_BYTES,
  DEFAULT_MAX_WRITE_BUFFER_BYTES,
  type DrainOptions,
  type IOStreamOptions,
  type ReadBytesOptions,
  type ReadOptions,
  type ReadUntilRegexOptions,
} from './stream/stream-options.ts';
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
// TLS.
export { connectTls } from './tls/client.ts';
export type {
  TlsCertificateOptions,
  TlsClientOptions,
  TlsNamedCertificate,
  TlsOptions,
  TlsServerOptions,
  TlsVersion,
} from './tls/options.ts';
export { TlsServerContext } from './tls/server-context.ts';
export { type KeptSession, TlsSessionCache } from './tls/session-cache.ts';
// The layer below the streams.
export type {
  ProxiedConnection,
  SocketAddress,
  TlsInfo,
  Transport,
  TransportEvents,
} from './transport.ts';
export { type OpenFdOptions, openFd } from './transports/fd-transport.ts';
export { memoryPair } from './transports/memory-transport.ts';
export { NodeTransport, type NodeTransportOptions } from './transports/node-transport.ts';
export { TransportDuplex } from './transports/transport-duplex.ts';

/**
 * The layer below the streams: transports, which carry the bytes of one connection, and how they are connected and
 * accepted. For code that implements its own transport or server; `@landspout/iostream/compliance` tests a transport.
 *
 * A program uses `TCPClient`, `TCPServer` and `IOStream` of `@landspout/iostream` instead.
 *
 * @packageDocumentation
 */

// Transports.

export type { Transport, TransportEvents } from '../transport.ts';
export { memoryPair } from './memory-transport.ts';
export { NodeTransport, type NodeTransportOptions } from './node-transport.ts';
export { TransportDuplex } from './transport-duplex.ts';

// Connecting.

export { connect } from '../connecting/connect.ts';
export type { ConnectTarget } from '../connecting/connect-target.ts';
export { connectNode } from '../connecting/node-connect.ts';
export { checkTlsClientOptions } from '../tls/client/client-settings.ts';
export { connectTls } from '../tls/client/connect-tls.ts';

// Addresses.

export { clientNetwork } from '../addresses/net-address.ts';

// Listening.

export { listen } from '../listening/listen.ts';
export type { AcceptHandler, Listener, ListenerOptions, ListeningSocket } from '../listening/listener.ts';
export { listenNode } from '../listening/node-listener.ts';

// The options of streams, servers and TLS: names, checks and defaults.

export { LISTEN_OPTIONS, listenOptionsProblem } from '../listening/listen-options.ts';
export { misplacedTlsProblem, TCP_SERVER_OPTIONS } from '../server/server-options.ts';
export { DEFAULT_MAX_READ_BUFFER_BYTES, DEFAULT_MAX_WRITE_BUFFER_BYTES } from '../stream/stream-options.ts';
export { TLS_CLIENT_OPTIONS } from '../tls/client/client-settings.ts';

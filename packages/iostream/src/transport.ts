/**
 * What an {@link IOStream} stands on: one connected, bidirectional channel of bytes.
 *
 * Three implementations: the reactor's descriptors, any Node socket or Duplex, and memory. All pass the suite
 * in `@landspout/iostream/compliance`. A transport queues and flushes; it sets no limits and makes no promises:
 * that is the stream's work, which counts what is queued from {@link write} and {@link TransportEvents.sent}.
 */
export interface Transport {
  readonly kind: 'reactor' | 'node' | 'memory';
  /**
   * Set where bytes go one way only, as through a pipe: `'read'` ignores what is written, `'write'` never reports
   * data or an end.
   */
  readonly direction?: 'read' | 'write' | undefined;

  /** Says who hears of events. Called once, before anything else; events come from later turns or calls only. */
  attach(events: TransportEvents): void;

  /** Starts or stops reading. A new transport is paused. A paused one reports neither data nor the end. */
  resume(): void;
  pause(): void;

  /**
   * Queues bytes; they leave in order, together, at the end of this turn at the latest. A string is latin1:
   * one byte per code unit, no code unit above 0xFF. A `Uint8Array` belongs to the transport from here on, until
   * it has been reported as sent. Ignored after {@link endWrite} or close.
   */
  write(piece: string | Uint8Array): void;
  /**
   * Where a transport has a better way than to read and write: sends from an open file now, only while nothing is
   * queued, and never waiting for the file.
   *
   * @returns how many bytes it took, which are not reported as `sent`. When they are fewer than `byteLength`,
   *   {@link TransportEvents.writable} follows on a later turn. Or -1: this part of the file has to be read and written.
   */
  sendFile?(fd: number, position: number, byteLength: number): number;
  /** Hands what is queued to the kernel now instead of at the end of the turn. */
  flush(): void;
  /** Shuts down the writing side after all that is queued (FIN). Reading goes on. */
  endWrite(): void;

  /** Ends both directions at once; what is still queued is lost. `closed` follows on a later turn. Idempotent. */
  close(): void;
  /**
   * As close, but the peer sees a reset (RST) where there is such a thing: over TCP, and TLS on it. Over Unix sockets
   * and pipes it sees an end, as of a close; but Linux makes a reset of each close of a Unix socket that has unread
   * bytes.
   */
  reset(): void;

  /** Whether this open channel keeps the process alive. A new transport does. */
  ref(): void;
  unref(): void;

  /** TCP_NODELAY where there is TCP; elsewhere nothing happens. On by default. */
  setNoDelay(on: boolean): void;

  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress;
  /** What TLS agreed on, where there is TLS. */
  readonly tls: TlsInfo | undefined;
  /** The proxy that has told of the client; a transport on top of this one has it too. */
  readonly proxied?: ProxiedConnection | undefined;

  /**
   * Gives the channel away as a Node socket (for TLS on top). Nothing more is reported; the transport is dead.
   * Must be called while nothing is queued for writing.
   */
  detach(): import('node:stream').Duplex;
}

/** The events of a {@link Transport}. None is called inside a call of the transport's own methods but flush. */
export interface TransportEvents {
  /** Bytes `start` to `end` of `bytes`, lent for the length of this call only. */
  received(bytes: Buffer, start: number, end: number): void;
  /** The peer shut down its writing side (FIN). Ours still works. */
  ended(): void;
  /** This many more bytes reached the kernel, in the order written. */
  sent(byteLength: number): void;
  /** After a {@link Transport.sendFile} that took less than all: it may take more now. */
  writable?(): void;
  /** The last event, exactly once. `error` is a SystemError or TLS error when it was no orderly end. */
  closed(error: Error | undefined): void;
}

/** One end of a connection. */
export type SocketAddress =
  | { readonly family: 'IPv4' | 'IPv6'; readonly address: string; readonly port: number }
  | { readonly family: 'unix'; readonly path: string }
  | { readonly family: 'memory' };

/** What is between a client and us, where a PROXY header has told of the client. */
export interface ProxiedConnection {
  /** Of the header. */
  readonly version: 1 | 2;
  /** The proxy: the peer of the connection itself. */
  readonly proxyAddress: SocketAddress;
  /** Where the proxy connected to: our own end of the connection itself. */
  readonly proxyLocalAddress: SocketAddress;
}

/** What a TLS handshake agreed on. */
export interface TlsInfo {
  /** Such as `TLSv1.3`. */
  readonly protocol: string | null;
  /** The cipher suite's name as the RFCs write it, such as `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string | undefined;
  /** The application protocol (ALPN), or false where none was agreed on. */
  readonly alpnProtocol: string | false;
  /** Whether the peer presented a certificate that the configured authorities vouch for. */
  readonly authorized: boolean;
  /** Why not, where one was presented or demanded: OpenSSL's code, such as `CERT_HAS_EXPIRED`. */
  readonly authorizationError: string | undefined;
  /** The name that the client asked for (SNI). */
  readonly servername: string | undefined;
  /** Whether the connection went on with the session of an earlier one, instead of a full handshake. */
  readonly isSessionReused: boolean;
  /** The peer's certificate, read when asked for. */
  getPeerCertificate(): import('node:tls').PeerCertificate | undefined;
}

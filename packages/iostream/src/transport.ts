/**
 * The layer below an {@link IOStream}: one connected channel of bytes in both directions.
 *
 * There are three implementations: descriptors on the reactor, Node sockets and Duplexes, and memory. All pass the
 * suite in `@landspout/iostream/compliance`. A transport queues and flushes. It enforces no limits and returns no
 * promises. The stream does both: it counts the bytes passed to {@link write} and reported by
 * {@link TransportEvents.sent}.
 */
export interface Transport {
  readonly kind: 'reactor' | 'node' | 'memory';
  /**
   * Set if bytes go one way only, as through a pipe: a `'read'` transport ignores writes, and a `'write'` transport
   * never reports data or an end.
   */
  readonly direction?: 'read' | 'write' | undefined;

  /**
   * Sets the receiver of events. Called once, before any other method. No event is reported before this method returns.
   */
  attach(events: TransportEvents): void;

  /** Starts or stops reading. A new transport is paused. While paused, it reports neither data nor the peer's end. */
  resume(): void;
  pause(): void;

  /**
   * Queues bytes. They are sent in order and together, at the latest at the end of this loop iteration. A string is
   * latin1: one byte per code unit, none above 0xFF. A `Uint8Array` is owned by the transport, and must not be
   * modified, until its bytes have been reported as sent. Ignored after {@link endWrite} or close.
   */
  write(piece: string | Uint8Array): void;
  /**
   * Sends bytes of an open file now, without waiting for the disk. Present only if the transport has a faster way than
   * reading and writing. Called only while nothing is queued.
   *
   * @returns how many bytes were sent; these are not reported as `sent`. If fewer than `byteLength` were sent,
   *   {@link TransportEvents.writable} is called later. -1 means that this part of the file must be read and written
   *   instead.
   */
  sendFile?(fd: number, position: number, byteLength: number): number;
  /** Passes everything queued to the kernel now, instead of at the end of the loop iteration. */
  flush(): void;
  /** Shuts down the writing side (FIN) after everything queued has been sent. Reading continues. */
  endWrite(): void;

  /** Closes both directions at once and discards everything queued. `closed` is called later. Idempotent. */
  close(): void;
  /**
   * Like {@link close}, but the peer sees a reset (RST) if the protocol has one: TCP, and TLS over TCP. On Unix
   * sockets and pipes the peer sees an end, as after a close. On Linux, however, closing a Unix socket that has unread
   * bytes is always a reset.
   */
  reset(): void;

  /** `ref` makes the open channel keep the process alive, which is the default; `unref` undoes it. */
  ref(): void;
  unref(): void;

  /** Sets TCP_NODELAY; does nothing without TCP. On by default. */
  setNoDelay(on: boolean): void;

  /**
   * Bytes of a write that has begun, but was not reported as sent: it is not known how many of them have reached the
   * kernel. Keeps its value if the write fails or the transport is closed. Not present if a write never lasts.
   */
  readonly bytesInFlight?: number;

  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress;
  /** What the TLS handshake negotiated; `undefined` without TLS. */
  readonly tls: TlsInfo | undefined;
  /** The proxy that announced the client; a transport on top of this one reports it too. */
  readonly proxied?: ProxiedConnection | undefined;

  /**
   * Releases the descriptor of a channel on the reactor, for TLS on top of it, with the bytes that were received and not
   * delivered. The transport cannot be used afterwards and reports nothing more. Must be called while nothing is queued
   * for writing. Not present, or `undefined`, if the channel is not a plain descriptor on the reactor: use
   * {@link detach} then.
   */
  takeDescriptor?(): TakenDescriptor | undefined;

  /**
   * Releases the channel as a Node socket, for example to run TLS on top of it. The transport cannot be used afterwards
   * and reports nothing more. Must be called while nothing is queued for writing.
   */
  detach(): import('node:stream').Duplex;
}

/** The events of a {@link Transport}. None is called from within one of the transport's own methods, except `flush`. */
export interface TransportEvents {
  /** Bytes `start` to `end` of `bytes`, borrowed until the callback returns. */
  received(bytes: Buffer, start: number, end: number): void;
  /**
   * The peer shut down its writing side (FIN). We can still write.
   *
   * @param isBare - whether the end was not announced, although the protocol can announce it: TLS without close_notify.
   *   Bytes may then have been cut off by an attacker (RFC 8446 §6.1). Always false on node:tls, which cannot tell.
   */
  ended(isBare: boolean): void;
  /** This many more bytes have reached the kernel, in the order written. */
  sent(byteLength: number): void;
  /** More of the file may be sent now, after a {@link Transport.sendFile} that sent only a part of it. */
  writable?(): void;
  /** The last event, called exactly once. `error` is a SystemError or TLS error unless the close was orderly. */
  closed(error: Error | undefined): void;
}

/** A descriptor of the reactor whose transport has released it. The receiver owns it and must close it. */
export interface TakenDescriptor {
  readonly slot: number;
  readonly generation: number;
  /** Bytes that were received and not delivered. */
  readonly early: Uint8Array | undefined;
  /** Whether it kept the process alive. */
  readonly keepsAlive: boolean;
}

/** One end of a connection. */
export type SocketAddress =
  | { readonly family: 'IPv4' | 'IPv6'; readonly address: string; readonly port: number }
  | { readonly family: 'unix'; readonly path: string }
  | { readonly family: 'memory' };

/** The proxy between a client and this process, as announced by a PROXY header. */
export interface ProxiedConnection {
  /** The version of the PROXY header. */
  readonly version: 1 | 2;
  /** The address of the proxy: the peer of the connection itself. */
  readonly proxyAddress: SocketAddress;
  /** The address that the proxy connected to: our end of the connection itself. */
  readonly proxyLocalAddress: SocketAddress;
}

/**
 * What a TLS handshake negotiated. It is read when the handshake is complete and does not change.
 *
 * Native TLS and node:tls report the same values, unless a field says otherwise.
 */
export interface TlsInfo {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string | null;
  /** The cipher suite as the RFCs name it, such as `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string | undefined;
  /** The application protocol (ALPN), or `false` if none was agreed on. */
  readonly alpnProtocol: string | false;
  /**
   * Whether the peer presented a certificate that one of the configured authorities has signed; on a client, also for
   * the name of the server. In a resumed session: whether it did so when the session was created.
   */
  readonly authorized: boolean;
  /**
   * Why the certificate that the peer presented is not accepted: OpenSSL's code, such as `CERT_HAS_EXPIRED`, or
   * `ERR_TLS_CERT_ALTNAME_INVALID` if a server's certificate is not for its name. `undefined` if `authorized` is true,
   * and if the client presented no certificate.
   */
  readonly authorizationError: string | undefined;
  /** The server name that the client requested (SNI), in lower case. */
  readonly servername: string | undefined;
  /** Whether the handshake resumed an earlier session instead of being a full one. */
  readonly isSessionReused: boolean;
  /**
   * Returns the peer's certificate, which is read on demand: `undefined` if it presented none. After the connection is
   * closed, native TLS returns it only if it was asked for before; node:tls does not return it.
   */
  getPeerCertificate(): import('node:tls').PeerCertificate | undefined;
}

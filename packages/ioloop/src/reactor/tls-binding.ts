/**
 * The TLS calls of the native binding: thin calls of the OpenSSL that Node itself carries, in the manner of the system
 * calls of `native-binding.ts`. They have no policy: which certificate, which options and what a failure means is
 * decided above.
 *
 * A context holds certificates, trusted authorities and options. Its number is valid until {@link tlsContextClose};
 * another number throws an Error with the code `ERR_REACTOR_BAD_CONTEXT`. Connections that were attached to a context
 * keep it alive. What OpenSSL refuses in a context throws an Error with the code `ERR_REACTOR_TLS`, whose message is
 * OpenSSL's reason.
 *
 * A connection is a slot to which a context was attached. Its calls return numbers: a negative errno, where -EPROTO
 * means that TLS has failed and {@link tlsFailure} says why, or a number of bytes (the bits of {@link TLS_BYTES}) with
 * the flags below. After a failure, every call except `tlsFailure`, `tlsFacts`, `tlsPeerChain` and `close` returns
 * -EPROTO. A call on a slot without TLS throws ERR_REACTOR_BAD_ARGUMENT.
 */
export interface TlsBinding {
  /**
   * Finds OpenSSL's functions in this process, checks that they belong together, and performs a handshake in memory.
   * Must have returned `undefined` before any other TLS call. Idempotent.
   *
   * @param version - `process.versions.openssl`.
   * @returns `undefined`, or why TLS is not available.
   */
  tlsLoad(version: string): string | undefined;

  // ---- contexts ----

  /**
   * Creates a context without certificates, which verifies nothing, for versions 1.2 and 1.3, without renegotiation,
   * compression, early data and internal session cache, and with cipher preferences of the server.
   *
   * @returns the number of the context, at least 1.
   */
  tlsContextOpen(isServer: boolean): number;
  tlsContextClose(context: number): void;
  /** @param least, most - 0x0303 for TLS 1.2 or 0x0304 for TLS 1.3. */
  tlsContextVersions(context: number, least: number, most: number): void;
  /**
   * @param list - for TLS 1.2, in OpenSSL's format. A client never uses anonymous suites.
   * @param suites - for TLS 1.3. An empty string keeps OpenSSL's.
   */
  tlsContextCiphers(context: number, list: string, suites: string): void;
  /** @param names - such as `X25519:P-256`. */
  tlsContextGroups(context: number, names: string): void;
  /** Adds a certificate (DER) and its private key (PKCS #8, DER), one for each type of key. */
  tlsContextCertificate(context: number, certificate: Uint8Array, key: Uint8Array): void;
  /** Adds an intermediate certificate (DER) to the certificate that was added last. */
  tlsContextChain(context: number, certificate: Uint8Array): void;
  /** Trusts an authority (DER). @param isNamed - whether a server names it when it requests a certificate. */
  tlsContextTrust(context: number, certificate: Uint8Array, isNamed: boolean): void;
  /** Trusts what OpenSSL trusts by default on this machine (SSL_CERT_FILE, SSL_CERT_DIR). */
  tlsContextTrustDefault(context: number): void;
  /** Trusts what another context trusts, by sharing its list, which cannot be changed afterwards through either. */
  tlsContextTrustFrom(context: number, other: number): void;
  /** Adds a revocation list (DER). All certificates of a chain are checked from then on. */
  tlsContextRevocations(context: number, list: Uint8Array): void;
  /**
   * @param mode - 0: a server requests no certificate, and a client verifies nothing; 1: the peer is verified, but
   *   accepted in any case, and {@link tlsFacts} has the result; 2: the handshake fails if the peer has no certificate
   *   or it does not verify. The result is that of node:tls: the last problem of the chain, or else a wrong name.
   */
  tlsContextVerify(context: number, mode: number): void;
  /** At most 32 bytes; sessions that were created under another value are not resumed. */
  tlsContextSessionId(context: number, value: Uint8Array): void;
  /**
   * The keys of session tickets: 1 to 4 times 48 bytes (name, HMAC-SHA-256, AES-128-CBC, 16 bytes each). The first
   * encrypts; the others only decrypt, and their tickets are replaced. Without this call, tickets use random keys of
   * the context. May be called again at any time.
   */
  tlsContextTicketKeys(context: number, keys: Uint8Array): void;
  /** The application protocols in the format of RFC 7301: one length byte and the name, for each. */
  tlsContextAlpn(context: number, protocols: Uint8Array): void;
  /**
   * A server then stops each handshake at the client's hello with {@link TLS_WANTS_CONTEXT}, until
   * {@link tlsChooseContext} is called.
   */
  tlsContextByName(context: number): void;
  /** Collects the lines of a key log (NSS format) for {@link tlsKeyLog}. */
  tlsContextKeyLog(context: number): void;
  /** Collects the sessions that servers issue for {@link tlsSession}. Only for contexts of clients. */
  tlsContextSessions(context: number): void;

  // ---- connections ----

  /**
   * Starts TLS on a connected socket. @param early - bytes that were already received; they are copied. @returns 0 or
   * -errno
   */
  tlsAttach(slot: number, generation: number, context: number, early: Uint8Array | undefined): number;
  /**
   * For a client, before its handshake.
   *
   * @param servername - sent to the server (SNI); empty for none.
   * @param host - the name, or the numeric address, that the certificate must have; empty for no check.
   * @param isAddress - whether `host` is an address.
   */
  tlsExpect(slot: number, generation: number, servername: string, host: string, isAddress: boolean): void;
  /** Offers a session of {@link tlsSession} for resumption. @returns whether OpenSSL accepts the bytes: 1 or 0 */
  tlsResume(slot: number, generation: number, session: Uint8Array): number;
  /**
   * Goes on with the handshake, with at most one recv and one send.
   *
   * @returns {@link TLS_COMPLETE}, {@link TLS_WANTS_READ} or {@link TLS_WANTS_CONTEXT}, with {@link TLS_WAITING} and
   *   {@link TLS_KEPT}; or -errno. If the peer ends its side during the handshake, -ECONNRESET.
   */
  tlsHandshake(slot: number, generation: number): number;
  /** The name that the client requests (SNI), in lower case; `undefined` if none. */
  tlsServerName(slot: number, generation: number): string | undefined;
  /** @param context - 0 keeps the context that was attached, -1 refuses the client with the alert unrecognized_name. */
  tlsChooseContext(slot: number, generation: number, context: number): void;

  /**
   * Receives with one recv and decrypts into `target`, which must have at least 64 KiB from `offset` on.
   *
   * @returns number of bytes with {@link TLS_KEPT}, {@link TLS_FULL}, {@link TLS_ENDED}, {@link TLS_BARE},
   *   {@link TLS_WAITING}, {@link TLS_SESSION} and {@link TLS_KEY_LINES}; or -errno, -EAGAIN if nothing has arrived.
   *   0 bytes without a flag mean that no complete record has arrived.
   */
  tlsRecv(slot: number, generation: number, target: Uint8Array, offset: number, length: number): number;
  /**
   * As `sendBytes`, `sendLatin1` and `sendVector`: encrypts at most 128 KiB, and sends it with one call.
   *
   * @returns number of bytes that were encrypted, with {@link TLS_WAITING} if the kernel has not taken all of it, and
   *   {@link TLS_NEEDS_INPUT}; or -errno, and -EAGAIN, with nothing encrypted, while ciphertext waits.
   */
  tlsSendBytes(slot: number, generation: number, bytes: Uint8Array, offset: number, length: number): number;
  tlsSendLatin1(slot: number, generation: number, text: string, offset: number): number;
  tlsSendVector(
    slot: number,
    generation: number,
    pieces: readonly (string | Uint8Array)[],
    first: number,
    skip: number,
  ): number;
  /**
   * Sends ciphertext that waits.
   *
   * @returns number of bytes of plain text whose records are now completely in the kernel, since the last report, with
   *   {@link TLS_WAITING} if some still waits; or -errno. If a send call returned without TLS_WAITING, all of its bytes
   *   are in the kernel and are not reported here.
   */
  tlsFlush(slot: number, generation: number): number;
  /**
   * Sends the alert close_notify, after what waits. Nothing can be sent after it.
   *
   * @returns 0, {@link TLS_WAITING}, {@link TLS_NEEDS_INPUT} if it was not sent, or -errno
   */
  tlsShutdown(slot: number, generation: number): number;

  // ---- facts ----

  /**
   * [version such as 0x0304, cipher suite as an IANA number, verification result of OpenSSL, 1 if a session was resumed,
   * application protocol or undefined, server name or undefined]
   */
  tlsFacts(slot: number, generation: number): TlsFacts;
  /** The IANA name of a cipher suite of {@link tlsFacts}. */
  tlsCipherName(cipher: number): string | undefined;
  /** OpenSSL's words for a verification result. */
  tlsVerifyText(result: number): string;
  /**
   * The certificates that the peer presented (DER), its own first; empty if none. Only its own if the session was resumed,
   * or if the certificate was refused.
   */
  tlsPeerChain(slot: number, generation: number): Uint8Array[];
  /** Removes and returns the oldest session that was collected (DER, as the `session` event of node:tls). At most 4 wait. */
  tlsSession(slot: number, generation: number): Uint8Array | undefined;
  /** Removes and returns the lines of the key log, each with its line feed. */
  tlsKeyLog(slot: number, generation: number): string | undefined;
  /** Why TLS has failed: [OpenSSL's reason such as `wrong version number`, verification result, alert that was received or -1] */
  tlsFailure(
    slot: number,
    generation: number,
  ): readonly [reason: string, verifyResult: number, alert: number] | undefined;
}

export type TlsFacts = readonly [
  version: number,
  cipher: number,
  verifyResult: number,
  isResumed: number,
  alpnProtocol: string | undefined,
  servername: string | undefined,
];

/** The bits of a result that are a number of bytes. */
export const TLS_BYTES = 0xfffff;
/** Bytes are left in the slot that epoll does not report: call again without waiting for readiness. */
export const TLS_KEPT = 1 << 20;
/** The peer has announced its end with close_notify. Sending is still possible. */
export const TLS_ENDED = 1 << 21;
/** The peer has ended its side of TCP without close_notify. */
export const TLS_BARE = 1 << 22;
/** Ciphertext waits until the kernel can take more. */
export const TLS_WAITING = 1 << 23;
/** A session was collected. */
export const TLS_SESSION = 1 << 24;
/** Lines of the key log were collected. */
export const TLS_KEY_LINES = 1 << 25;
/** The recv has filled its buffer: there may be more in the kernel. */
export const TLS_FULL = 1 << 26;

/**
 * A handshake message of the peer, such as a key update, has arrived in part, and nothing can be encrypted before the
 * rest: call again after the next {@link TlsBinding.tlsRecv} that has received something.
 */
export const TLS_NEEDS_INPUT = 1 << 27;

/** Results of `tlsHandshake`, in the bits of {@link TLS_BYTES}. */
export const TLS_COMPLETE = 0;
export const TLS_WANTS_READ = 1;
export const TLS_WANTS_CONTEXT = 2;

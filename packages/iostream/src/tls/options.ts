// The tls/ folder holds TLS on top of an open transport, for client and server: options, certificates, sessions and the
// handshake. It does not connect, listen or depend on streams.

import type { SecureContext } from 'node:tls';
import type { TlsSessionCache } from './session-cache.ts';

/** Older versions are not supported (RFC 8996). */
export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** A certificate and its private key, as files or as PEM text. */
export interface TlsCertificateOptions {
  /** PEM file with our certificate, followed by the intermediate certificates up to the authority. */
  readonly certFile?: string;
  /** PEM file with the private key. Default: the key is in `certFile` too. */
  readonly keyFile?: string;
  /** The certificate and the key as PEM text, instead of files. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** Decrypts an encrypted private key. */
  readonly passphrase?: string;
}

/** TLS options of both client and server. Files are read when the server or connection is created. */
export interface TlsOptions extends TlsCertificateOptions {
  /**
   * PEM file with the trusted certificate authorities. Default: Node's list. On a server, it is for the certificates of
   * clients, see {@link TlsServerOptions.requestCert}; without `requestCert`, it only supplies intermediate certificates
   * that are missing in `certFile`.
   */
  readonly caFile?: string;
  /** The trusted authorities as PEM text, instead of a file. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /**
   * PEM file with certificate revocation lists, one for each authority in the chains of the peers. A peer is refused if
   * a certificate of its chain is on a list, or if the list of its authority is missing or has expired. A server needs
   * `requestCert` with it. Default: no certificate is considered revoked.
   */
  readonly crlFile?: string;
  /** The revocation lists as PEM text, instead of a file. Each text can have several. */
  readonly crl?: string | Buffer | readonly (string | Buffer)[];
  /**
   * Supported application protocols, most preferred first. A server refuses clients that offer only others. An
   * HTTPServer accepts only `http/1.1` and `http/1.0`, unless a subclass overrides `handleStream`.
   */
  readonly alpnProtocols?: readonly string[];
  /**
   * Whether to refuse a peer whose certificate does not verify. If false, any host name is accepted too. Default: true.
   */
  readonly rejectUnauthorized?: boolean;
  /** Oldest version allowed. Default: `tls.DEFAULT_MIN_VERSION` of Node, but at least `TLSv1.2`. */
  readonly minVersion?: TlsVersion;
  /** Newest version allowed. Default: `tls.DEFAULT_MAX_VERSION` of Node, but at least `TLSv1.2`. */
  readonly maxVersion?: TlsVersion;
  /**
   * Cipher suites in OpenSSL's format; those of TLS 1.3 start with `TLS_`. Without one of TLS 1.2, that version is not
   * used; without one of TLS 1.3, OpenSSL's are. Default: `tls.DEFAULT_CIPHERS` of Node.
   */
  readonly ciphers?: string;
  /**
   * A ready-made context, instead of certificates, keys, authorities, versions and ciphers. If a server requests client
   * certificates, its context needs a `sessionIdContext`; otherwise OpenSSL refuses clients that resume a session.
   * Connections with a ready-made context always use node:tls.
   */
  readonly secureContext?: SecureContext;
  /**
   * Called with each line of a key log in the NSS format, which ends with a line feed, so that a tool such as Wireshark
   * can decrypt recorded connections. Anyone with these lines can read everything that the connections transport, and
   * change it while they are open: use this for debugging only. An error that it throws is logged. Default: no keys are
   * logged.
   */
  readonly keyLog?: (line: string) => void;
}

/** One of several certificates of a server. */
export interface TlsNamedCertificate extends TlsCertificateOptions {
  /**
   * The host names to use it for, in ASCII (`xn--…`); a leading `*.` matches one label. Default: the names in the
   * certificate.
   */
  readonly names?: readonly string[];
}

export interface TlsServerOptions extends TlsOptions {
  /**
   * Several certificates, instead of one. A client gets the first whose names include the requested one (SNI); exact
   * names take precedence over wildcards. Clients that request no name get the first certificate. 1 to 1,000.
   *
   * With native TLS, certificates for the same name may have different types of keys, such as RSA and ECDSA: the client
   * gets the first of each type that it supports. On node:tls, all must have the same type of key.
   */
  readonly certificates?: readonly TlsNamedCertificate[];
  /**
   * If no certificate has the requested name: `'default'` presents the first certificate, `'refuse'` fails the
   * handshake. Default: `'default'`.
   */
  readonly unknownName?: 'default' | 'refuse';
  /**
   * Whether to request a certificate from clients. It is required, unless `rejectUnauthorized` is false. Set `caFile` or
   * `ca` too: without them, a certificate of any authority of Node's list is accepted, which is rarely meant. They are
   * refused if they are given as `undefined` here, such as from a variable that is not set. Default: false.
   */
  readonly requestCert?: boolean;
  /**
   * 48 random bytes that encrypt session tickets. Share them among the machines of one service, and keep them over
   * restarts, so that clients can resume sessions. Anyone with these bytes can decrypt recorded connections and resume
   * any session: replace them every few days. After a reload with other keys, the tickets of the keys before are still
   * accepted; on node:tls they are not.
   *
   * Default: random keys, which are replaced every 12 hours; the tickets of the keys before are still accepted, but not
   * on node:tls. The children of one `HTTPServer.start` or `forkProcesses` get the same keys from their parent, and a
   * reload keeps them. Servers of one process that have the same certificates have the same keys too.
   */
  readonly ticketKeys?: Uint8Array;
  /** A file with the 48 bytes of {@link ticketKeys}. */
  readonly ticketKeysFile?: string;
  /** Limit for a handshake, measured by the loop's clock. Default: 10 s. */
  readonly handshakeTimeoutMs?: number;
  /**
   * Maximum number of simultaneous handshakes; further connections are closed. 0 means no limit. Default: 5,000. One
   * thread cannot complete that many before their deadline, so a higher limit would only use more memory.
   */
  readonly maxHandshakes?: number;
}

export interface TlsClientOptions extends TlsOptions {
  /** The host name that is sent to the server and must match its certificate. Default: the host of the connection. */
  readonly servername?: string;
  /**
   * Limit for the handshake alone; 0 means no limit. Default: 20 s; 0 in a TCPClient, whose `timeoutMs` covers the
   * handshake.
   */
  readonly handshakeTimeoutMs?: number;
  /**
   * The cache in which sessions are kept, so that later connections can resume them. Default: the TCPClient's own
   * cache; without a TCPClient, sessions are not kept.
   */
  readonly sessions?: TlsSessionCache;
}

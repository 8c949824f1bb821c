// This room knows TLS over an open transport, for client and server: options, certificates, sessions and the handshake.
// It does not know streams, and neither connects nor listens.

import type { SecureContext } from 'node:tls';
import type { TlsSessionCache } from './session-cache.ts';

/** Older versions are never spoken (RFC 8996). */
export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** A certificate and its key, in files or as PEM text. */
export interface TlsCertificateOptions {
  /** PEM file with our certificate, followed by those that lead to the authority. */
  readonly certFile?: string;
  /** PEM file with its private key. Default: the key is in `certFile` too. */
  readonly keyFile?: string;
  /** The same two as PEM text, in place of files. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** Opens an encrypted private key. */
  readonly passphrase?: string;
}

/** What both sides of TLS may say. Files are read when the server or connection is made. */
export interface TlsOptions extends TlsCertificateOptions {
  /** PEM file with the authorities that we believe. Default: Node's list. */
  readonly caFile?: string;
  /** The same as PEM text, in place of a file. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** Application protocols that we speak, best first. A server refuses clients that offer only others. */
  readonly alpnProtocols?: readonly string[];
  /** Whether a peer whose certificate does not verify is refused. Default true; false also accepts any name. */
  readonly rejectUnauthorized?: boolean;
  /** The oldest version that is spoken. Default `TLSv1.2`. */
  readonly minVersion?: TlsVersion;
  /** The newest. Default `TLSv1.3`. */
  readonly maxVersion?: TlsVersion;
  /** OpenSSL's list of cipher suites. Default: Node's. */
  readonly ciphers?: string;
  /**
   * A ready context, in place of certificates, keys, authorities, versions and ciphers. One for a server that asks
   * for client certificates needs a `sessionIdContext`, or OpenSSL refuses clients that come back.
   */
  readonly secureContext?: SecureContext;
}

/** One of several certificates of a server. */
export interface TlsNamedCertificate extends TlsCertificateOptions {
  /** Host names that it is shown for; `*.` first stands for one label. Default: those in the certificate. */
  readonly names?: readonly string[];
}

export interface TlsServerOptions extends TlsOptions {
  /**
   * Several certificates, in place of the one: a client is shown the first that has the name it asks for (SNI),
   * a whole name before a wildcard. The first of all is for clients that ask for none. 1 to 1,000, whose keys are
   * of one kind, such as all RSA.
   */
  readonly certificates?: readonly TlsNamedCertificate[];
  /** What a client that asks for a name which no certificate has gets: the first certificate, or nothing. Default `'default'`. */
  readonly unknownName?: 'default' | 'refuse';
  /** Whether clients must present a certificate, or may with `rejectUnauthorized: false`. Default false. */
  readonly requestCert?: boolean;
  /**
   * 48 random bytes that protect the sessions which clients may go on with, to be shared by the processes of one
   * service and kept over restarts. Who has them can read recorded connections: replace them every few days.
   * Default: fresh ones, and again at each reload.
   */
  readonly ticketKeys?: Uint8Array;
  /** A file with these bytes. */
  readonly ticketKeysFile?: string;
  /** Most milliseconds of a handshake, by the loop's clock. Default 10 s. */
  readonly handshakeTimeoutMs?: number;
  /**
   * Most handshakes in progress at once; further connections are closed. 0 is no limit. Default 5,000: more than
   * one thread completes before their deadline, so that others would only take memory.
   */
  readonly maxHandshakes?: number;
}

export interface TlsClientOptions extends TlsOptions {
  /** The name that the server must prove, and that it is told. Default: the host of the connection. */
  readonly servername?: string;
  /** Most milliseconds of the handshake alone; 0 is no limit. Default 20 s; in a TCPClient, whose `timeoutMs` covers it, 0. */
  readonly handshakeTimeoutMs?: number;
  /** Where sessions are kept, to be gone on with by later connections. Default: the TCPClient's own; without one, nowhere. */
  readonly sessions?: TlsSessionCache;
}

import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { StreamConnectError, StreamUsageError } from './stream-errors.ts';

/** What both sides of TLS may say. Files are read once, when the server or connection is made. */
export interface TlsOptions {
  /** PEM file with our certificate, followed by those that lead to the authority. */
  readonly certFile?: string;
  /** PEM file with its private key. Default: the key is in `certFile` too. */
  readonly keyFile?: string;
  /** PEM file with the authorities that we believe. Default: Node's list. */
  readonly caFile?: string;
  /** The same three as PEM text, in place of files. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** Opens an encrypted private key. */
  readonly passphrase?: string;
  /** Application protocols that we speak, best first. */
  readonly alpnProtocols?: readonly string[];
  /** Whether a peer whose certificate does not verify is refused. Default true; false also accepts any name. */
  readonly rejectUnauthorized?: boolean;
  /** A ready context, in place of certificates, keys and authorities. */
  readonly secureContext?: SecureContext;
}

export interface TlsServerOptions extends TlsOptions {
  /** Whether clients must present a certificate, or may with `rejectUnauthorized: false`. Default false. */
  readonly requestCert?: boolean;
  /** Most milliseconds of a handshake. Default 10 s. */
  readonly handshakeTimeoutMs?: number;
}

export interface TlsClientOptions extends TlsOptions {
  /** The name that the server must prove, and that it is told. Default: the host of the connection. */
  readonly servername?: string;
}

const SHARED_KEYS = [
  'certFile',
  'keyFile',
  'caFile',
  'cert',
  'key',
  'ca',
  'passphrase',
  'alpnProtocols',
  'rejectUnauthorized',
  'secureContext',
];
const SERVER_KEYS = new Set([...SHARED_KEYS, 'requestCert', 'handshakeTimeoutMs']);
const CLIENT_KEYS = new Set([...SHARED_KEYS, 'servername']);

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;

/** A server's options, checked, with its certificates read. */
export interface TlsServerSettings {
  /** What the context is made of; empty where it came ready. */
  readonly credentials: SecureContextOptions;
  readonly secureContext: SecureContext;
  readonly alpnProtocols: string[] | undefined;
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
  readonly handshakeTimeoutMs: number;
}

/**
 * Checks a server's options.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` for unknown keys and missing certificates; StreamConnectError
 *   `ERR_STREAM_TLS` for files that cannot be read and certificates that cannot be used.
 */
export function resolveTlsServerOptions(given: TlsServerOptions | SecureContext): TlsServerSettings {
  const options: TlsServerOptions = isSecureContext(given) ? { secureContext: given } : given;
  requireKnownKeys(options, SERVER_KEYS);
  if (options.secureContext === undefined && options.certFile === undefined && options.cert === undefined) {
    throw usage('a server needs certFile and keyFile, cert and key, or a secureContext');
  }
  const { handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = options;
  if (!(handshakeTimeoutMs > 0 && handshakeTimeoutMs <= MAX_TIMEOUT_MS)) {
    throw usage(`handshakeTimeoutMs of 1 to ${MAX_TIMEOUT_MS} was expected, not ${handshakeTimeoutMs}`);
  }
  const credentials = readCredentials(options);
  return {
    credentials,
    secureContext: toSecureContext(options, credentials),
    alpnProtocols: options.alpnProtocols === undefined ? undefined : [...options.alpnProtocols],
    requestCert: options.requestCert ?? false,
    rejectUnauthorized: options.rejectUnauthorized ?? true,
    handshakeTimeoutMs,
  };
}

/** A client's options, checked, with its certificates read. */
export interface TlsClientSettings {
  readonly secureContext: SecureContext;
  readonly alpnProtocols: string[] | undefined;
  readonly rejectUnauthorized: boolean;
}

/** Checks a client's options. @throws as {@link resolveTlsServerOptions}; no certificate is needed. */
export function resolveTlsClientOptions(options: TlsClientOptions): TlsClientSettings {
  requireKnownKeys(options, CLIENT_KEYS);
  return {
    secureContext: toSecureContext(options, readCredentials(options)),
    alpnProtocols: options.alpnProtocols === undefined ? undefined : [...options.alpnProtocols],
    rejectUnauthorized: options.rejectUnauthorized ?? true,
  };
}

const MAX_TIMEOUT_MS = 2 ** 31 - 1;

function isSecureContext(value: TlsOptions | SecureContext): value is SecureContext {
  return 'context' in value;
}

function requireKnownKeys(options: object, known: ReadonlySet<string>): void {
  const unknown = Object.keys(options).filter((key) => !known.has(key));
  if (unknown.length > 0) throw usage(`unknown options: ${unknown.join(', ')}`);
}

function readCredentials(options: TlsOptions): SecureContextOptions {
  const { certFile, keyFile, caFile, passphrase } = options;
  requireOne(options, 'cert', 'certFile');
  requireOne(options, 'key', 'keyFile');
  requireOne(options, 'ca', 'caFile');
  const cert = certFile === undefined ? options.cert : readPem('certFile', certFile);
  const key = keyFile === undefined ? (options.key ?? cert) : readPem('keyFile', keyFile);
  const ca = caFile === undefined ? options.ca : readPem('caFile', caFile);
  if (cert === undefined && key !== undefined) throw usage('there is a key, and no certificate for it');
  const credentials: SecureContextOptions = {};
  if (cert !== undefined) credentials.cert = cert;
  if (key !== undefined) credentials.key = key;
  if (ca !== undefined) credentials.ca = ca as string | Buffer | (string | Buffer)[];
  if (passphrase !== undefined) credentials.passphrase = passphrase;
  return credentials;
}

function toSecureContext(options: TlsOptions, credentials: SecureContextOptions): SecureContext {
  const { certFile, keyFile, caFile, secureContext } = options;
  const isEmpty = Object.keys(credentials).length === 0;
  if (secureContext !== undefined) {
    if (!isEmpty) throw usage('either a secureContext or what it is made of was expected');
    return secureContext;
  }
  if (isEmpty) {
    defaultContext ??= createSecureContext();
    return defaultContext;
  }
  try {
    return createSecureContext(credentials);
  } catch (cause) {
    const files = [certFile, keyFile, caFile].filter((file) => file !== undefined);
    const where = files.length === 0 ? '' : ` (${files.join(', ')})`;
    throw new StreamConnectError(
      'ERR_STREAM_TLS',
      `tls: the certificates or keys cannot be used${where}: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

/** For clients that say nothing of their own: the authorities that Node believes. */
let defaultContext: SecureContext | undefined;

function readPem(key: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new StreamConnectError(
      'ERR_STREAM_TLS',
      `tls: ${key} ${file} cannot be read: ${messageOf(cause)}`,
      { cause },
    );
  }
}

function requireOne(options: TlsOptions, one: keyof TlsOptions, other: keyof TlsOptions): void {
  if (options[one] !== undefined && options[other] !== undefined)
    throw usage(`either ${one} or ${other} was expected`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function usage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', `tls: ${message}`);
}

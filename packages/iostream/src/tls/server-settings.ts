import { createHash } from 'node:crypto';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import {
  CERTIFICATE_KEYS,
  CERTIFICATE_OPTIONS,
  CONTEXT_KEYS,
  type ReadContext,
  readAlpn,
  readContext,
  readTerms,
  readTlsFile,
  requireOnlyContext,
  requireTimeout,
  requireTlsOptions,
  SHARED_OPTIONS,
  tlsUsage,
} from './credentials.ts';
import { isSecureContext } from './node-tls-adapter.ts';
import type { TlsNamedCertificate, TlsServerOptions } from './options.ts';
import { type NamedContext, TlsServerNames } from './server-names.ts';

const SERVER_OPTIONS: OptionNames<TlsServerOptions> = {
  ...SHARED_OPTIONS,
  certificates: true,
  unknownName: true,
  requestCert: true,
  ticketKeys: true,
  ticketKeysFile: true,
  handshakeTimeoutMs: true,
  maxHandshakes: true,
};
const NAMED_OPTIONS: OptionNames<TlsNamedCertificate> = { ...CERTIFICATE_OPTIONS, names: true };
/** The options that cannot be combined with a ready-made context. */
const MADE_HERE = [...CONTEXT_KEYS, 'certificates', 'ticketKeys', 'ticketKeysFile'];

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_HANDSHAKES = 5_000;
const MAX_CERTIFICATES = 1_000;
const TICKET_KEYS_BYTES = 48;

/** A server's options, checked, with the files read. */
export interface TlsServerSettings {
  /**
   * Used for clients that request no name or an unknown name: either the credentials of a context, or a ready-made
   * context.
   */
  readonly credentials: SecureContextOptions;
  readonly readyContext: SecureContext | undefined;
  /** Selects the certificate by the requested name; `undefined` if all clients get the same one. */
  readonly names: TlsServerNames | undefined;
  readonly refusesUnknownNames: boolean;
  readonly alpnProtocols: string[] | undefined;
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
  readonly handshakeTimeoutMs: number;
  /** 0 means no limit. */
  readonly maxHandshakes: number;
}

/**
 * Checks a server's options and reads its files.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid or there is no certificate; StreamConnectError
 *   `ERR_STREAM_TLS` if a file cannot be read or a certificate cannot be used.
 */
export function resolveTlsServerOptions(given: TlsServerOptions | SecureContext): TlsServerSettings {
  const options: TlsServerOptions = isSecureContext(given) ? { secureContext: given } : given;
  requireTlsOptions(options, SERVER_OPTIONS);
  const { unknownName = 'default', maxHandshakes = DEFAULT_MAX_HANDSHAKES } = options;
  if (unknownName !== 'default' && unknownName !== 'refuse') {
    throw tlsUsage(`unknownName must be 'default' or 'refuse', got ${shownValue(unknownName)}`);
  }
  if (!Number.isInteger(maxHandshakes) || maxHandshakes < 0) {
    throw tlsUsage(`maxHandshakes must be a whole number of 0 or more, got ${shownValue(maxHandshakes)}`);
  }
  return {
    ...readContexts(options, unknownName === 'refuse'),
    refusesUnknownNames: unknownName === 'refuse',
    alpnProtocols: readAlpn(options.alpnProtocols),
    requestCert: options.requestCert ?? false,
    rejectUnauthorized: options.rejectUnauthorized ?? true,
    handshakeTimeoutMs: requireTimeout(options.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS, 1),
    maxHandshakes,
  };
}

function readContexts(
  options: TlsServerOptions,
  byName: boolean,
): Pick<TlsServerSettings, 'credentials' | 'readyContext' | 'names'> {
  const { secureContext: readyContext } = options;
  if (readyContext !== undefined) {
    requireOnlyContext(options, MADE_HERE);
    if (byName)
      throw tlsUsage("unknownName 'refuse' needs certificates: the names of a secureContext cannot be read");
    return { credentials: {}, readyContext, names: undefined };
  }
  const listed = listCertificates(options);
  const terms = readTerms(options);
  const shared: SecureContextOptions = {
    ...terms,
    ...readTicketKeys(options),
    honorCipherOrder: true,
    sessionIdContext: sessionIdContext(options, terms),
  };
  const read = listed.map(({ names, ...certificate }) => ({ names, ...readContext(certificate, shared) }));
  const [first] = read as [(typeof read)[number]];
  // For each type of key, Node replaces the first certificate with the one of the requested name. With mixed types, a
  // client could choose the type that was not replaced.
  const other = read.find(({ keyType }) => keyType !== first.keyType);
  if (other !== undefined) {
    throw tlsUsage(
      `all certificates must have the same type of key, got ${first.keyType} and ${other.keyType}`,
    );
  }
  const needsNames = byName || options.certificates !== undefined;
  return {
    credentials: first.credentials,
    readyContext: undefined,
    names: needsNames ? new TlsServerNames(read.map(toNamed)) : undefined,
  };
}

function toNamed(certificate: ReadContext & { names: readonly string[] | undefined }): NamedContext {
  const { names, context, credentials } = certificate;
  return {
    context,
    cert: credentials.cert as string | Buffer,
    names: names?.map((name) => name.toLowerCase()),
  };
}

function listCertificates(options: TlsServerOptions): readonly TlsNamedCertificate[] {
  const { certificates, certFile, keyFile, cert, key, passphrase } = options;
  if (certificates === undefined) {
    if (certFile === undefined && cert === undefined) {
      throw tlsUsage('a server needs certFile and keyFile, cert and key, certificates, or a secureContext');
    }
    return [
      {
        ...(certFile === undefined ? {} : { certFile }),
        ...(keyFile === undefined ? {} : { keyFile }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(passphrase === undefined ? {} : { passphrase }),
      },
    ];
  }
  const besides = CERTIFICATE_KEYS.filter((name) => options[name as keyof TlsServerOptions] !== undefined);
  if (besides.length > 0) throw tlsUsage(`certificates cannot be combined with ${besides.join(', ')}`);
  if (certificates.length < 1 || certificates.length > MAX_CERTIFICATES) {
    throw tlsUsage(`certificates must have 1 to ${MAX_CERTIFICATES} entries, got ${certificates.length}`);
  }
  for (const certificate of certificates) {
    requireTlsOptions(certificate, NAMED_OPTIONS);
    if (certificate.certFile === undefined && certificate.cert === undefined) {
      throw tlsUsage('each of certificates needs certFile or cert');
    }
  }
  return certificates;
}

function readTicketKeys(options: TlsServerOptions): SecureContextOptions {
  const { ticketKeys, ticketKeysFile } = options;
  if (ticketKeys !== undefined && ticketKeysFile !== undefined) {
    throw tlsUsage('ticketKeys cannot be combined with ticketKeysFile');
  }
  const bytes = ticketKeysFile === undefined ? ticketKeys : readTlsFile('ticketKeysFile', ticketKeysFile);
  if (bytes === undefined) return {};
  if (bytes.byteLength !== TICKET_KEYS_BYTES) {
    throw tlsUsage(`ticket keys must have ${TICKET_KEYS_BYTES} bytes, got ${bytes.byteLength}`);
  }
  return { ticketKeys: Buffer.from(bytes) };
}

/**
 * A resumed session is treated as verified: the client's certificate is not checked again. So a session created under
 * other verification options, by another process with the same ticket keys or before a reload, must not be resumed.
 * OpenSSL refuses the session if this value differs.
 */
function sessionIdContext(options: TlsServerOptions, terms: SecureContextOptions): string {
  const { requestCert = false, rejectUnauthorized = true } = options;
  const hash = createHash('sha256').update(`${requestCert} ${rejectUnauthorized}`);
  if (requestCert) for (const ca of [terms.ca ?? []].flat()) hash.update('\0').update(ca);
  return hash.digest('hex').slice(0, 32);
}

import { createHash } from 'node:crypto';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import {
  CERTIFICATE_KEYS,
  CERTIFICATE_OPTIONS,
  CONTEXT_KEYS,
  type ReadCredentials,
  readAlpn,
  readKeyLog,
  readTerms,
  readTlsFile,
  readUsable,
  requireOnlyContext,
  requireTimeout,
  requireTlsOptions,
  SHARED_OPTIONS,
  tlsUsage,
} from '../credentials.ts';
import { isSecureContext } from '../node-tls-adapter.ts';
import type { TlsNamedCertificate, TlsServerOptions } from '../options.ts';
import { nameProblem, TlsServerNames } from './server-names.ts';
import { TICKET_KEY_BYTES } from './ticket-keys.ts';

export const TLS_SERVER_OPTIONS: OptionNames<TlsServerOptions> = {
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

/** A server's options, checked, with the files read. */
export interface TlsServerSettings {
  /** The first is for clients that request no name or an unknown name. Empty if there is a ready-made context. */
  readonly certificates: readonly ReadCredentials[];
  readonly readyContext: SecureContext | undefined;
  /** Selects from {@link certificates}. */
  readonly names: TlsServerNames;
  /** Whether the certificate depends on the requested name. */
  readonly selectsByName: boolean;
  readonly refusesUnknownNames: boolean;
  readonly alpnProtocols: string[] | undefined;
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
  readonly handshakeTimeoutMs: number;
  /** 0 means no limit. */
  readonly maxHandshakes: number;
  /** 48 bytes; `undefined` if the options have none. */
  readonly ticketKeys: Buffer | undefined;
  readonly keyLog: ((line: string) => void) | undefined;
}

/**
 * Checks a server's options and reads its files.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid or there is no certificate; StreamConnectError
 *   `ERR_STREAM_TLS` if a file cannot be read or a certificate cannot be used.
 */
export function resolveTlsServerOptions(given: TlsServerOptions | SecureContext): TlsServerSettings {
  const options: TlsServerOptions = isSecureContext(given) ? { secureContext: given } : given;
  requireTlsOptions(options, TLS_SERVER_OPTIONS);
  const { unknownName = 'default', maxHandshakes = DEFAULT_MAX_HANDSHAKES } = options;
  if (unknownName !== 'default' && unknownName !== 'refuse') {
    throw tlsUsage(`unknownName must be 'default' or 'refuse', got ${shownValue(unknownName)}`);
  }
  if (!Number.isInteger(maxHandshakes) || maxHandshakes < 0) {
    throw tlsUsage(`maxHandshakes must be a whole number of 0 or more, got ${shownValue(maxHandshakes)}`);
  }
  requireEffect(options);
  return {
    ...readCertificates(options, unknownName === 'refuse'),
    refusesUnknownNames: unknownName === 'refuse',
    alpnProtocols: readAlpn(options.alpnProtocols),
    requestCert: options.requestCert ?? false,
    rejectUnauthorized: options.rejectUnauthorized ?? true,
    handshakeTimeoutMs: requireTimeout(options.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS, 1),
    maxHandshakes,
    ticketKeys: readTicketKeys(options),
    keyLog: readKeyLog(options.keyLog),
  };
}

function readCertificates(
  options: TlsServerOptions,
  byName: boolean,
): Pick<TlsServerSettings, 'certificates' | 'readyContext' | 'names' | 'selectsByName'> {
  const { secureContext: readyContext } = options;
  if (readyContext !== undefined) {
    requireOnlyContext(options, MADE_HERE);
    if (byName)
      throw tlsUsage("unknownName 'refuse' needs certificates: the names of a secureContext cannot be read");
    return { certificates: [], readyContext, names: new TlsServerNames([]), selectsByName: false };
  }
  const listed = listCertificates(options);
  const terms = readTerms(options);
  const shared: SecureContextOptions = {
    ...terms,
    honorCipherOrder: true,
    sessionIdContext: sessionIdContext(options, terms),
  };
  const certificates = listed.map((certificate) => readUsable(certificate, shared));
  const named = certificates.map(({ credentials, keyType }, index) => ({
    names: listed[index]?.names?.map((name) => name.toLowerCase()),
    cert: credentials.cert as string | Buffer,
    keyType,
  }));
  return {
    certificates,
    readyContext: undefined,
    names: new TlsServerNames(named),
    selectsByName: byName || options.certificates !== undefined,
  };
}

/** Refuses options about client certificates that would not do what they say. */
function requireEffect(options: TlsServerOptions): void {
  if (options.requestCert !== true) {
    for (const name of ['crlFile', 'crl'] as const) {
      if (options[name] !== undefined)
        throw tlsUsage(
          `${name} has no effect without client certificates: set requestCert: true, or remove it`,
        );
    }
    return;
  }
  if (options.caFile !== undefined || options.ca !== undefined) return;
  // Such as the value of a variable that is not set. Clients of any public authority would then be accepted.
  for (const name of ['caFile', 'ca'] as const) {
    if (name in options)
      throw tlsUsage(
        `${name} is undefined: set it to the authorities of the clients; ` +
          `without ${name}, requestCert accepts those of any authority of Node's list`,
      );
  }
}

/**
 * node:tls replaces, for each type of key, the first certificate with the one of the requested name. With several types,
 * a client could choose one that was not replaced.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` if the certificates have several types of keys.
 */
export function requireOneKeyType({ certificates }: TlsServerSettings, reason: string): void {
  const [first] = certificates;
  const other = certificates.find(({ keyType }) => keyType !== first?.keyType);
  if (other === undefined) return;
  throw tlsUsage(
    `on node:tls, all certificates must have the same type of key, got ${first?.keyType} and ${other.keyType}; ` +
      `native TLS has no such limit, but is not used here: ${reason}`,
  );
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
  for (const [index, certificate] of certificates.entries()) {
    requireTlsOptions(certificate, NAMED_OPTIONS, `certificates[${index}]: `);
    if (certificate.certFile === undefined && certificate.cert === undefined) {
      throw tlsUsage(`certificates[${index}]: each of certificates needs certFile or cert`);
    }
    for (const name of certificate.names ?? []) {
      const problem = nameProblem(name);
      if (problem !== undefined) throw tlsUsage(`certificates[${index}]: names: ${problem}`);
    }
  }
  return certificates;
}

function readTicketKeys(options: TlsServerOptions): Buffer | undefined {
  const { ticketKeys, ticketKeysFile } = options;
  if (ticketKeys !== undefined && ticketKeysFile !== undefined) {
    throw tlsUsage('ticketKeys cannot be combined with ticketKeysFile');
  }
  const bytes = ticketKeysFile === undefined ? ticketKeys : readTlsFile('ticketKeysFile', ticketKeysFile);
  if (bytes === undefined) return undefined;
  if (bytes.byteLength !== TICKET_KEY_BYTES) {
    const name = ticketKeysFile === undefined ? 'ticketKeys' : `ticketKeysFile ${ticketKeysFile}`;
    throw tlsUsage(`${name} must have ${TICKET_KEY_BYTES} bytes, got ${bytes.byteLength}`);
  }
  return Buffer.from(bytes);
}

/**
 * A resumed session is treated as verified: the client's certificate is not checked again. So a session created under
 * other verification options, by another process with the same ticket keys or before a reload, must not be resumed.
 * OpenSSL refuses the session if this value differs.
 */
function sessionIdContext(options: TlsServerOptions, terms: SecureContextOptions): string {
  const { requestCert = false, rejectUnauthorized = true } = options;
  const hash = createHash('sha256').update(`${requestCert} ${rejectUnauthorized}`);
  if (requestCert) {
    for (const ca of [terms.ca ?? []].flat()) hash.update('\0').update(ca);
    for (const crl of [terms.crl ?? []].flat()) hash.update('\0').update(crl);
  }
  return hash.digest('hex').slice(0, 32);
}

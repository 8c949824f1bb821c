import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import tls, { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { StreamUsageError } from '../errors.ts';
import { divideCiphers } from './cipher-list.ts';
import { nodeTlsProblem, typeProblem } from './option-types.ts';
import type { TlsCertificateOptions, TlsOptions, TlsVersion } from './options.ts';
import { type Pem, pemBlocks } from './pem.ts';
import {
  isEncrypted,
  nameOf,
  type PemContent,
  requireContent,
  requirePair,
  unusable,
} from './pem-content.ts';

export const CERTIFICATE_OPTIONS: OptionNames<TlsCertificateOptions> = {
  certFile: true,
  keyFile: true,
  cert: true,
  key: true,
  passphrase: true,
};
export const SHARED_OPTIONS: OptionNames<TlsOptions> = {
  ...CERTIFICATE_OPTIONS,
  caFile: true,
  ca: true,
  crlFile: true,
  crl: true,
  alpnProtocols: true,
  rejectUnauthorized: true,
  minVersion: true,
  maxVersion: true,
  ciphers: true,
  secureContext: true,
  keyLog: true,
};
export const CERTIFICATE_KEYS = Object.keys(CERTIFICATE_OPTIONS);

const VERSIONS: readonly string[] = ['TLSv1.2', 'TLSv1.3'];
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** A certificate and its key, with the options of its context. */
export interface ReadCredentials {
  readonly credentials: SecureContextOptions;
  /** For example `rsa` or `ec`; `undefined` without a certificate. */
  readonly keyType: string | undefined;
}

/** Reads a certificate and its key, and checks that OpenSSL can use them together with `terms`. */
export function readUsable(options: TlsCertificateOptions, terms: SecureContextOptions): ReadCredentials {
  const read = readCredentials(options, terms);
  createContext(read.credentials, filesOf(options));
  return read;
}

/** Reads a certificate and its key, if there is one, and adds them to `terms`. */
export function readCredentials(
  options: TlsCertificateOptions,
  terms: SecureContextOptions,
): ReadCredentials {
  const { certFile, keyFile, passphrase } = options;
  requireOne(options, 'cert', 'certFile');
  requireOne(options, 'key', 'keyFile');
  const cert = certFile === undefined ? options.cert : readTlsFile('certFile', certFile);
  const key = keyFile === undefined ? (options.key ?? cert) : readTlsFile('keyFile', keyFile);
  if (cert === undefined || key === undefined) {
    if (key !== undefined) throw tlsUsage('a key needs a certificate: set cert or certFile too');
    return { credentials: terms, keyType: undefined };
  }
  const certContent: PemContent = { option: 'cert', text: cert, file: certFile };
  const hasOwnKey = keyFile !== undefined || options.key !== undefined;
  const keyContent: PemContent = hasOwnKey ? { option: 'key', text: key, file: keyFile } : certContent;
  requirePair(certContent, keyContent, passphrase);
  const secret = passphrase === undefined ? {} : { passphrase };
  const privateKey = readKey(keyContent, passphrase);
  // OpenSSL accepts a key of another type than the certificate's; every handshake would then fail.
  usable(filesOf(options), () => {
    if (!new X509Certificate(cert).checkPrivateKey(privateKey))
      throw new Error('the key does not belong to the certificate');
  });
  return { credentials: { ...terms, cert, key, ...secret }, keyType: privateKey.asymmetricKeyType };
}

function readKey(content: PemContent, passphrase: string | undefined): KeyObject {
  const { text: key, file } = content;
  if (passphrase === undefined || !isEncrypted(content))
    return usable([file], () =>
      createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) }),
    );
  try {
    return createPrivateKey({ key, passphrase });
  } catch (cause) {
    throw unusable(`passphrase does not decrypt the private key of ${nameOf(content)}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/**
 * Creates a context of node:tls.
 *
 * @param files - named in the message of the error.
 * @throws StreamConnectError `ERR_STREAM_TLS` if OpenSSL refuses a part of `credentials`.
 */
export function createContext(credentials: SecureContextOptions, files: TlsFiles = []): SecureContext {
  return usable(files, () => createSecureContext(credentials));
}

/** Reads the options that all certificates of a server share; for a client, everything but its own certificate. */
export function readTerms(options: TlsOptions): SecureContextOptions {
  const { caFile, crlFile, ciphers } = options;
  requireOne(options, 'ca', 'caFile');
  requireOne(options, 'crl', 'crlFile');
  const { minVersion = nodeVersion(tls.DEFAULT_MIN_VERSION) } = options;
  const { maxVersion = nodeVersion(tls.DEFAULT_MAX_VERSION) } = options;
  for (const version of [minVersion, maxVersion]) {
    if (!VERSIONS.includes(version))
      throw tlsUsage(`the version must be TLSv1.2 or TLSv1.3, got ${shownValue(version)}`);
  }
  if (minVersion > maxVersion)
    throw tlsUsage(`minVersion ${minVersion} is greater than maxVersion ${maxVersion}`);
  const terms: SecureContextOptions = { minVersion, maxVersion };
  const ca = caFile === undefined ? options.ca : readTlsFile('caFile', caFile);
  if (ca !== undefined) terms.ca = ca as string | Buffer | (string | Buffer)[];
  for (const text of pemTexts(ca)) requireContent({ option: 'ca', text, file: caFile });
  // Node ignores an invalid authority, and would then trust none.
  usable([caFile], () => pemTexts(ca).map((each) => new X509Certificate(each)));
  const crl = crlFile === undefined ? options.crl : readTlsFile('crlFile', crlFile);
  for (const text of pemTexts(crl)) requireContent({ option: 'crl', text, file: crlFile });
  if (crl !== undefined) terms.crl = usable([crlFile], () => revocationLists(crl));
  if (ciphers !== undefined) terms.ciphers = ciphers;
  usable([], () => requireCiphers(ciphers, maxVersion));
  return terms;
}

/** The version that Node uses by default, unless it is one that is not supported here. */
function nodeVersion(version: string): TlsVersion {
  return version === 'TLSv1.3' ? version : 'TLSv1.2';
}

function pemTexts(pem: Pem | readonly Pem[] | undefined): Pem[] {
  return [pem ?? []].flat() as Pem[];
}

/** Divides the texts into single lists, since Node reads only the first of each text. */
function revocationLists(crl: Pem | readonly Pem[]): string[] {
  const lists = pemBlocks(crl, 'X509 CRL').map(({ text }) => text);
  if (lists.length === 0) throw new Error('the certificate revocation list has no end');
  return lists;
}

/** Node would accept such a list, and every handshake would fail. */
function requireCiphers(ciphers: string | undefined, maxVersion: TlsVersion): void {
  if (maxVersion === 'TLSv1.2' && divideCiphers(ciphers).list === '')
    throw new Error('ciphers has no suite of TLSv1.2, and maxVersion allows no newer version');
}

/** Refuses options that a ready-made context would silently override. */
export function requireOnlyContext(options: object, others: readonly string[]): void {
  const given = others.filter((key) => (options as Record<string, unknown>)[key] !== undefined);
  if (given.length > 0) throw tlsUsage(`secureContext cannot be combined with ${given.join(', ')}`);
}

/** The options that a context is created from. */
export const CONTEXT_KEYS = [
  ...CERTIFICATE_KEYS,
  'caFile',
  'ca',
  'crlFile',
  'crl',
  'minVersion',
  'maxVersion',
  'ciphers',
];

/** Copies the protocol names, which have 1 to 255 bytes (RFC 7301 §3.1). */
export function readAlpn(protocols: readonly string[] | undefined): string[] | undefined {
  // An empty list means the same as none, as in node:tls.
  if (protocols === undefined || protocols.length === 0) return undefined;
  for (const protocol of protocols) {
    const byteLength = Buffer.byteLength(protocol);
    if (byteLength < 1 || byteLength > 255) throw tlsUsage('each of alpnProtocols must have 1 to 255 bytes');
  }
  return [...protocols];
}

export function readKeyLog(keyLog: TlsOptions['keyLog']): TlsOptions['keyLog'] {
  if (keyLog !== undefined && typeof keyLog !== 'function')
    throw tlsUsage(`keyLog must be a function, got ${shownValue(keyLog)}`);
  return keyLog;
}

/**
 * Checks the names of options, and the types of their values.
 *
 * @param at - where the options are, such as `certificates[0]: `.
 * @throws StreamUsageError `ERR_STREAM_USAGE`, which names the option, what was expected, and what was passed.
 */
export function requireTlsOptions<Options extends object>(
  options: Options,
  known: OptionNames<Options>,
  at = '',
): void {
  const problem = namesProblem(options, known) ?? typeProblem(options);
  if (problem !== undefined) throw tlsUsage(`${at}${problem}`);
}

function namesProblem(options: object, known: object): string | undefined {
  const problem = optionsProblem(options, known);
  return problem === undefined || typeof options !== 'object' || options === null
    ? problem
    : (nodeTlsProblem(options) ?? problem);
}

export function requireTimeout(value: number, least: number): number {
  if (typeof value === 'number' && value >= least && value <= MAX_TIMEOUT_MS) return value;
  throw tlsUsage(
    `handshakeTimeoutMs must be a number from ${least} to ${MAX_TIMEOUT_MS}, got ${shownValue(value)}`,
  );
}

/** @throws StreamConnectError `ERR_STREAM_TLS`, which names the option and the file. */
export function readTlsFile(key: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw unusable(`${key} ${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

export function tlsUsage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', `tls: ${message}`);
}

type TlsFiles = readonly (string | undefined)[];

function filesOf({ certFile, keyFile }: TlsCertificateOptions): TlsFiles {
  return [certFile, keyFile];
}

function usable<T>(files: TlsFiles, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    const named = files.filter((file) => file !== undefined);
    const where = named.length === 0 ? '' : ` (${named.join(', ')})`;
    throw unusable(`the certificates, keys or ciphers cannot be used${where}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function requireOne<Options>(options: Options, one: keyof Options, other: keyof Options): void {
  if (options[one] !== undefined && options[other] !== undefined)
    throw tlsUsage(`${String(one)} cannot be combined with ${String(other)}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

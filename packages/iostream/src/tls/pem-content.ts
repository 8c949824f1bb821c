import { StreamConnectError } from '../errors.ts';
import type { Pem } from './pem.ts';

type PemOption = 'cert' | 'key' | 'ca' | 'crl';

/** PEM text, and the option that it is from. */
export interface PemContent {
  readonly option: PemOption;
  readonly text: Pem;
  /** From which the text was read, if it was. */
  readonly file: string | undefined;
}

/** The labels of the blocks, by what they have (RFC 7468 §4). Older programs write a word before some of them. */
const CONTENTS: readonly (readonly [RegExp, string])[] = [
  [/CERTIFICATE REQUEST$/, 'a certificate request'],
  [/CERTIFICATE$/, 'a certificate'],
  [/PRIVATE KEY$/, 'a private key'],
  [/PUBLIC KEY$/, 'a public key'],
  [/X509 CRL$/, 'a certificate revocation list'],
];
const LABEL = /-----BEGIN ([A-Z0-9 ]{1,64})-----/g;
/** RFC 7468 §11, and the header of the older form (RFC 1421 §4.6.1.1). */
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

const WANTED: Readonly<Record<PemOption, string>> = {
  cert: 'a certificate',
  key: 'a private key',
  ca: 'a certificate',
  crl: 'a certificate revocation list',
};

/**
 * Checks that PEM text has a block of the type that an option needs. Messages name the option and the file, and never
 * contain the text.
 *
 * @throws StreamConnectError `ERR_STREAM_TLS`.
 */
export function requireContent(content: PemContent, option: PemOption = content.option): void {
  if (!has(content, option)) throw unusable(contentProblem(content, option));
}

/**
 * Checks that there are a certificate, and a private key that can be decrypted.
 *
 * @param key - may be from the option of the certificate too.
 * @throws as {@link requireContent}.
 */
export function requirePair(cert: PemContent, key: PemContent, passphrase: string | undefined): void {
  if (!has(cert, 'cert') && has(cert, 'key') && !has(key, 'key') && has(key, 'cert'))
    throw unusable(`${nameOf(cert)} has a private key and ${nameOf(key)} a certificate: are they swapped?`);
  requireContent(cert);
  if (key.option === 'cert' && !has(key, 'key'))
    throw unusable(`${nameOf(key)} has no private key: set ${key.file === undefined ? 'key' : 'keyFile'}`);
  requireContent(key, 'key');
  if (passphrase === undefined && isEncrypted(key))
    throw unusable(`the private key of ${nameOf(key)} is encrypted: set passphrase`);
}

export function isEncrypted({ text }: PemContent): boolean {
  return ENCRYPTED.test(text.toString());
}

/** Of an option or its file, such as `keyFile key.pem`. */
export function nameOf({ option, file }: PemContent): string {
  return file === undefined ? option : `${option}File ${file}`;
}

/** The error for unusable text. @param problem - must not contain the text. */
export function unusable(problem: string, options?: ErrorOptions): StreamConnectError {
  return new StreamConnectError('ERR_STREAM_TLS', `tls: ${problem}`, options);
}

function has({ text }: PemContent, option: PemOption): boolean {
  return contentsOf(text).has(WANTED[option]);
}

function contentProblem(content: PemContent, wanted: PemOption): string {
  const { option, text, file } = content;
  if (labelsOf(text).length === 0) {
    // Text that is not PEM is often the name of a file.
    const remedy = file === undefined ? `; to read a file, set ${option}File` : '';
    return `${nameOf(content)} has no PEM block (-----BEGIN …)${remedy}`;
  }
  const [found = 'another PEM block'] = contentsOf(text);
  return `${nameOf(content)} has no ${WANTED[wanted].replace(/^a /, '')}, but ${found}`;
}

function contentsOf(text: Pem): Set<string> {
  const known = labelsOf(text).map((label) => CONTENTS.find(([pattern]) => pattern.test(label))?.[1]);
  return new Set(known.filter((content) => content !== undefined));
}

function labelsOf(text: Pem): string[] {
  return [...text.toString().matchAll(LABEL)].map(([, label = '']) => label);
}

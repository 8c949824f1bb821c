import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { type CookieSecret, cookieSecretOf, type Secret, type SecretVersions } from './cookie-secret.ts';
import {
  type CreateValueOptions,
  createArguments,
  type DecodeValueOptions,
  decodeArguments,
  receivedBytes,
  requireFits,
  textOf,
  wholeNumberOf,
} from './value-options.ts';

/** The digit 2, the version of the format. Version 1 signed its parts without delimiters, so it is refused (ATT-49). */
const VERSION = 0x32;
const PIPE = 0x7c;
const COLON = 0x3a;
/** Hexadecimal digits of an HMAC-SHA256. */
const SIGNATURE_LENGTH = 64;
/** A field length with more digits is longer than any accepted value. */
const MAX_LENGTH_DIGITS = 9;

/**
 * Signs a value. {@link decodeSignedValue} accepts it only if it is unchanged, has the same name and is not too old.
 * The result is in version 2 of Tornado's format: `2|1:0|10:1300000000|1:n|4:dg==|…`. It contains the key version, the
 * time, the name and the value in base64, each preceded by its length in bytes, and the HMAC-SHA256 of all of them.
 *
 * A signed value is not encrypted: anyone who has it can read it. See `createEncryptedValue`.
 *
 * @param secret - one secret or several by version. At least 32 bytes each, but only {@link CookieSecret} checks this.
 * @param name - what the value is for, such as the name of its cookie. It is signed too, so that a value for one name
 *   is not accepted for another.
 * @param value - text, which is signed as UTF-8, or bytes.
 * @throws WebUsageError `ERR_WEB_USAGE` if an argument is invalid, or the result has more than `maxBytes`.
 */
export function createSignedValue(
  secret: CookieSecret | Secret | SecretVersions,
  name: string,
  value: string | Uint8Array,
  options: CreateValueOptions = {},
): string {
  const { bytes, seconds, maxBytes } = createArguments('createSignedValue', name, value, options);
  const secrets = cookieSecretOf('createSignedValue', secret, options.keyVersion);
  const version = secrets.requireVersion('createSignedValue', options.keyVersion);
  const fields = [String(version), String(seconds), name, bytes.toString('base64')];
  const signed = `2|${fields.map((field) => `${Buffer.byteLength(field)}:${field}|`).join('')}`;
  const result = signed + signatureOf(secrets.keyOf(version) as KeyObject, signed);
  return requireFits('createSignedValue', name, result, maxBytes);
}

/**
 * Returns the text of a signed value, or undefined if it is missing, malformed, too long or too old, was signed for
 * another name or with another or an unknown secret, or is not UTF-8. Never throws because of the value. Signatures are
 * compared in constant time.
 *
 * Reads values made by Tornado's `create_signed_value`, except version 1.
 *
 * @param value - as received, such as the value of a cookie.
 * @throws WebUsageError `ERR_WEB_USAGE` if any other argument is invalid.
 */
export function decodeSignedValue(
  secret: CookieSecret | Secret | SecretVersions,
  name: string,
  value: string | undefined,
  options: DecodeValueOptions = {},
): string | undefined {
  return textOf(decodeSignedBytes(secret, name, value, options));
}

/** Like {@link decodeSignedValue}, but returns the value as bytes, which the caller owns. */
export function decodeSignedBytes(
  secret: CookieSecret | Secret | SecretVersions,
  name: string,
  value: string | undefined,
  options: DecodeValueOptions = {},
): Buffer | undefined {
  const { oldestMs, maxBytes } = decodeArguments('decodeSignedValue', name, options);
  const secrets = cookieSecretOf('decodeSignedValue', secret);
  const fields = fieldsOf(receivedBytes(value, maxBytes));
  if (fields === undefined) return undefined;
  const key = secrets.keyOf(fields.keyVersion);
  if (key === undefined || !isSignedBy(key, fields)) return undefined;
  // From here on, all fields are verified by the signature.
  if (fields.name !== name || fields.seconds * 1_000 < oldestMs) return undefined;
  const bytes = Buffer.from(fields.base64, 'base64');
  // Node ignores characters that are not base64: only the spelling that we would write ourselves is accepted.
  return bytes.toString('base64') === fields.base64 ? bytes : undefined;
}

/**
 * Returns the version of the key that a signed value names, or undefined if it is malformed or has more than 4096
 * bytes. Nothing is verified. Use it to count which keys are still in use, or, after {@link decodeSignedValue}, to find
 * the values that should be signed again with the current key.
 */
export function signatureKeyVersion(value: string | undefined): number | undefined {
  return fieldsOf(receivedBytes(value))?.keyVersion;
}

/** The parts of a well-formed value. Nothing is verified yet. */
interface SignedFields {
  readonly keyVersion: number;
  readonly seconds: number;
  readonly name: string;
  readonly base64: string;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

function fieldsOf(bytes: Buffer | undefined): SignedFields | undefined {
  if (bytes === undefined || bytes[0] !== VERSION || bytes[1] !== PIPE) return undefined;
  const reader = new FieldReader(bytes);
  const keyVersion = wholeNumberOf(reader.next());
  const seconds = wholeNumberOf(reader.next());
  const name = reader.next();
  const base64 = reader.next();
  const { position } = reader;
  if (position === -1 || bytes.length - position !== SIGNATURE_LENGTH) return undefined;
  if (keyVersion === undefined || seconds === undefined) return undefined;
  const signed = bytes.subarray(0, position);
  return { keyVersion, seconds, name, base64, signed, signature: bytes.subarray(position) };
}

/** Reads fields of the form `length:bytes|`, one after the other. */
class FieldReader {
  readonly #bytes: Buffer;
  /** Where the next field starts; -1 after a malformed one. */
  position = 2;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Returns the text of the next field. If it is malformed, returns '' and sets {@link position} to -1. */
  next(): string {
    if (this.position === -1) return '';
    const colon = this.#bytes.indexOf(COLON, this.position);
    const isLength = colon !== -1 && colon - this.position <= MAX_LENGTH_DIGITS;
    const length = isLength ? wholeNumberOf(this.#bytes.toString('latin1', this.position, colon)) : undefined;
    const start = colon + 1;
    const end = start + (length ?? 0);
    if (length === undefined || this.#bytes[end] !== PIPE) {
      this.position = -1;
      return '';
    }
    this.position = end + 1;
    return this.#bytes.toString('utf8', start, end);
  }
}

function isSignedBy(key: KeyObject, { signed, signature }: SignedFields): boolean {
  return timingSafeEqual(Buffer.from(signatureOf(key, signed), 'latin1'), signature);
}

function signatureOf(key: KeyObject, signed: string | Buffer): string {
  return createHmac('sha256', key).update(signed).digest('hex');
}

import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
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

/**
 * The version of the format: `e1|key version|seconds|base64url of salt, ciphertext and tag`. Signed values begin with a
 * digit, so the two cannot be confused.
 */
const VERSION = 'e1';
const CIPHER = 'aes-256-gcm';
/**
 * Each value has its own key and IV, derived from the secret and a random salt. If all values shared one key with
 * random 96-bit IVs, the secret would have to be replaced after 2^32 values (NIST SP 800-38D §8.3).
 */
const SALT_LENGTH = 16;
const KEY_LENGTH = 32;
const IV_LENGTH = 12;
const TAG_LENGTH = 16;
const HKDF_INFO = 'landspout encrypted value e1';

/**
 * Encrypts a value with AES-256-GCM, so that only the application can read it. {@link decodeEncryptedValue} accepts it
 * only if it is unchanged, has the same name and is not too old. The key is derived from the secret by HKDF-SHA256. The
 * name, the time and the key version are authenticated. Anyone can read the time, the key version and the length of the
 * value.
 *
 * @param secret - one secret or several by version. At least 32 bytes each, but only {@link CookieSecret} checks this.
 * @param name - what the value is for, such as the name of its cookie.
 * @param value - text, which is encrypted as UTF-8, or bytes.
 * @throws WebUsageError `ERR_WEB_USAGE` if an argument is invalid, or the result has more than `maxBytes`.
 */
export function createEncryptedValue(
  secret: CookieSecret | Secret | SecretVersions,
  name: string,
  value: string | Uint8Array,
  options: CreateValueOptions = {},
): string {
  const { bytes, seconds, maxBytes } = createArguments('createEncryptedValue', name, value, options);
  const secrets = cookieSecretOf('createEncryptedValue', secret, options.keyVersion);
  const version = secrets.requireVersion('createEncryptedValue', options.keyVersion);
  const head = `${VERSION}|${version}|${seconds}|`;
  const salt = randomBytes(SALT_LENGTH);
  const { key, iv } = keyAndIv(secrets.keyOf(version) as KeyObject, salt);
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_LENGTH });
  cipher.setAAD(Buffer.from(head + name, 'utf8'));
  const sealed = [salt, cipher.update(bytes), cipher.final(), cipher.getAuthTag()];
  return requireFits(
    'createEncryptedValue',
    name,
    head + Buffer.concat(sealed).toString('base64url'),
    maxBytes,
  );
}

/**
 * Returns the text of an encrypted value, or undefined if it is missing, malformed, too long or too old, was encrypted
 * for another name or with another or an unknown secret, or is not UTF-8. Never throws because of the value.
 *
 * @param value - as received, such as the value of a cookie.
 * @throws WebUsageError `ERR_WEB_USAGE` if any other argument is invalid.
 */
export function decodeEncryptedValue(
  secret: CookieSecret | Secret | SecretVersions,
  name: string,
  value: string | undefined,
  options: DecodeValueOptions = {},
): string | undefined {
  return textOf(decodeEncryptedBytes(secret, name, value, options));
}

/** Like {@link decodeEncryptedValue}, but returns the value as bytes, which the caller owns. */
export function decodeEncryptedBytes(
  secret: CookieSecret | Secret | SecretVersions,
  name: string,
  value: string | undefined,
  options: DecodeValueOptions = {},
): Buffer | undefined {
  const { oldestMs, maxBytes } = decodeArguments('decodeEncryptedValue', name, options);
  const secrets = cookieSecretOf('decodeEncryptedValue', secret);
  const parts = partsOf(receivedBytes(value, maxBytes)?.toString('latin1'));
  if (parts === undefined || parts.seconds * 1_000 < oldestMs) return undefined;
  const key = secrets.keyOf(parts.keyVersion);
  return key === undefined ? undefined : opened(key, parts, name);
}

/**
 * Returns the version of the key that an encrypted value names, or undefined if it is malformed or has more than 4096
 * bytes. Nothing is verified, as with `signatureKeyVersion`.
 */
export function encryptionKeyVersion(value: string | undefined): number | undefined {
  return partsOf(receivedBytes(value)?.toString('latin1'))?.keyVersion;
}

/** The parts of a well-formed value. Nothing is verified yet. */
interface EncryptedParts {
  readonly keyVersion: number;
  readonly seconds: number;
  /** The text that is authenticated in addition to the name. */
  readonly head: string;
  /** Salt, ciphertext and tag. */
  readonly sealed: Buffer;
}

function partsOf(text: string | undefined): EncryptedParts | undefined {
  if (text === undefined || !text.startsWith(`${VERSION}|`)) return undefined;
  const versionEnd = text.indexOf('|', VERSION.length + 1);
  const headEnd = text.indexOf('|', versionEnd + 1) + 1;
  if (versionEnd === -1 || headEnd === 0) return undefined;
  const keyVersion = wholeNumberOf(text.slice(VERSION.length + 1, versionEnd));
  const seconds = wholeNumberOf(text.slice(versionEnd + 1, headEnd - 1));
  if (keyVersion === undefined || seconds === undefined) return undefined;
  const base64url = text.slice(headEnd);
  const sealed = Buffer.from(base64url, 'base64url');
  // Node ignores characters that are not base64url and unused bits of the last digit. We accept only the canonical
  // spelling.
  if (sealed.toString('base64url') !== base64url || sealed.length < SALT_LENGTH + TAG_LENGTH)
    return undefined;
  return { keyVersion, seconds, head: text.slice(0, headEnd), sealed };
}

function opened(secret: KeyObject, { head, sealed }: EncryptedParts, name: string): Buffer | undefined {
  const tagStart = sealed.length - TAG_LENGTH;
  const { key, iv } = keyAndIv(secret, sealed.subarray(0, SALT_LENGTH));
  const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_LENGTH });
  decipher.setAAD(Buffer.from(head + name, 'utf8'));
  decipher.setAuthTag(sealed.subarray(tagStart));
  const plain = decipher.update(sealed.subarray(SALT_LENGTH, tagStart));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    // The only error that can occur here is that the tag does not match.
    return undefined;
  }
}

function keyAndIv(secret: KeyObject, salt: Buffer): { key: Buffer; iv: Buffer } {
  const derived = Buffer.from(hkdfSync('sha256', secret, salt, HKDF_INFO, KEY_LENGTH + IV_LENGTH));
  return { key: derived.subarray(0, KEY_LENGTH), iv: derived.subarray(KEY_LENGTH) };
}

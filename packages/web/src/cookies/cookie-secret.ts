// This folder holds what a response stores in the browser: signed and encrypted values, XSRF tokens, and the cookies
// that a response sets. Does not know handlers; the wire format of cookies is in http1.

import { createSecretKey, type KeyObject } from 'node:crypto';
import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { WebUsageError, webChecks } from '../errors.ts';

/** A key, as text (encoded as UTF-8) or as bytes. */
export type Secret = string | Uint8Array;

/** Secrets by version (an integer of at least 0): the current secret, and older ones that are still accepted. */
export type SecretVersions = ReadonlyMap<number, Secret> | Readonly<Record<number, Secret>>;

export interface CookieSecretOptions {
  /** The version of the secret for new values. Default: 0 for a single secret; required for several. */
  readonly keyVersion?: number | undefined;
  /**
   * Minimum number of bytes of each secret. Default: 32, because a shorter secret can often be guessed offline from one
   * signed value. Lower it only to read values that were made with a shorter secret, and then replace that secret.
   */
  readonly minBytes?: number;
}

const COOKIE_SECRET_OPTIONS: OptionNames<CookieSecretOptions> = { keyVersion: true, minBytes: true };

const MIN_BYTES = 32;
const OPERATION = 'CookieSecret';
const HOW_TO_MAKE_ONE = `node -e "console.log(require('crypto').randomBytes(32).toString('base64'))"`;

/**
 * The secret with which an application signs and encrypts values, or several versions of it. Checked once, when the
 * application is created.
 *
 * To replace a secret without ending all sessions, add the new one under a new version, make it the `keyVersion`, and
 * remove the old one after its values have expired. A single secret has version 0, so it can become one of several.
 *
 * @example
 * new CookieSecret({ 0: process.env.OLD_SECRET, 1: process.env.SECRET }, { keyVersion: 1 });
 */
export class CookieSecret {
  /** The version of the secret for new values. */
  readonly keyVersion: number;
  /** The secret if there is only one: it is used for values of any version. Undefined if there are several. */
  readonly #only: KeyObject | undefined;
  readonly #versions: ReadonlyMap<number, KeyObject>;

  /**
   * @param secret - one secret, or several by version. It is copied.
   * @throws WebUsageError `ERR_WEB_USAGE` if a secret is too short or of another type, or a version is invalid. The
   *   message does not show the secret.
   */
  constructor(secret: Secret | SecretVersions, options: CookieSecretOptions = {}) {
    webChecks.options(OPERATION, options, COOKIE_SECRET_OPTIONS);
    const minBytes = webChecks.wholeNumber(OPERATION, 'minBytes', options.minBytes ?? MIN_BYTES, 1);
    if (isSecret(secret)) {
      this.#only = keyOf('the secret', secret, minBytes);
      this.keyVersion = webChecks.wholeNumber(OPERATION, 'keyVersion', options.keyVersion ?? 0);
      this.#versions = new Map([[this.keyVersion, this.#only]]);
      return;
    }
    this.#only = undefined;
    this.#versions = keysOf(secret, minBytes);
    this.keyVersion = this.#requireVersion(OPERATION, options.keyVersion);
  }

  /** Used by signed and encrypted values: returns the key of a version, or undefined if there is none. */
  keyOf(version: number): KeyObject | undefined {
    return this.#only ?? this.#versions.get(version);
  }

  /**
   * Used by signed and encrypted values: returns the version for a new value.
   *
   * @throws WebUsageError if it has no key.
   */
  requireVersion(operation: string, version: number | undefined): number {
    if (version === undefined) return this.keyVersion;
    if (this.#only !== undefined) return webChecks.wholeNumber(operation, 'keyVersion', version);
    return this.#requireVersion(operation, version);
  }

  [INSPECT](): object {
    return inspection(this, ['keyVersion'], () => ({ versions: [...this.#versions.keys()] }));
  }

  #requireVersion(operation: string, version: number | undefined): number {
    if (version !== undefined && this.#versions.has(version)) return version;
    const known = [...this.#versions.keys()].join(', ');
    throw usageError(
      operation,
      `keyVersion must be one of the versions ${known}, got ${shownValue(version)}`,
    );
  }
}

/**
 * Returns a secret in the form that signed and encrypted values need. The length is not checked, because a program that
 * exchanges values with another program may not be able to choose the secret.
 *
 * @param keyVersion - for new values; not needed to read values.
 */
export function cookieSecretOf(
  operation: string,
  secret: CookieSecret | Secret | SecretVersions,
  keyVersion?: number,
): CookieSecret {
  if (secret instanceof CookieSecret) return secret;
  if (isSecret(secret)) return new CookieSecret(secret, { minBytes: 1 });
  const version = keyVersion ?? entriesOf(operation, secret)[0]?.[0] ?? 0;
  return new CookieSecret(secret, { minBytes: 1, keyVersion: version });
}

function isSecret(secret: unknown): secret is Secret {
  return typeof secret === 'string' || secret instanceof Uint8Array;
}

function keysOf(secrets: SecretVersions, minBytes: number): ReadonlyMap<number, KeyObject> {
  const keys = new Map<number, KeyObject>();
  for (const [version, secret] of entriesOf(OPERATION, secrets)) {
    webChecks.wholeNumber(OPERATION, 'each version', version);
    keys.set(version, keyOf(`the secret of version ${version}`, secret, minBytes));
  }
  if (keys.size === 0) throw usageError(OPERATION, 'at least one secret is required, got none');
  return keys;
}

function entriesOf(operation: string, secrets: SecretVersions): (readonly [number, Secret])[] {
  if (secrets instanceof Map) return [...secrets];
  if (typeof secrets !== 'object' || secrets === null || Array.isArray(secrets)) {
    throw usageError(
      operation,
      `secret must be a string, bytes or secrets by version, got ${kindOf(secrets)}`,
    );
  }
  return Object.entries(secrets).map(([version, secret]) => [versionOf(version), secret] as const);
}

/** Converts a property name to a version; NaN unless the name is exactly how the number would be written. */
function versionOf(name: string): number {
  return /^(?:0|[1-9]\d*)$/.test(name) ? Number(name) : Number.NaN;
}

function keyOf(what: string, secret: unknown, minBytes: number): KeyObject {
  if (!isSecret(secret)) {
    throw usageError(OPERATION, `${what} must be a string or bytes, got ${kindOf(secret)}`);
  }
  const bytes = Buffer.from(secret as string);
  if (bytes.length >= minBytes) return createSecretKey(bytes);
  const least = minBytes === 1 ? 'not be empty' : `be at least ${minBytes} bytes, got ${bytes.length}`;
  throw usageError(OPERATION, `${what} must ${least}; make one with: ${HOW_TO_MAKE_ONE}`);
}

/** Describes a value that may be a secret, and so must not be shown. */
function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}

function usageError(operation: string, problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', `${operation}: ${problem}`);
}

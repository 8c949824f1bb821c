import { formatSetCookie, type HTTPHeaders, type SetCookieOptions } from '@landspout/http1';
import { cookieNameRules, SET_COOKIE_OPTION_NAMES } from '@landspout/http1/protocol';
import { type Clock, systemClock } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { WebUsageError, webChecks } from '../errors.ts';
import type { CookieSecret } from './cookie-secret.ts';
import { createEncryptedValue } from './encrypted-value.ts';
import { createSignedValue } from './signed-value.ts';
import type { CreateValueOptions } from './value-options.ts';

/** The attributes of a signed or encrypted cookie. */
export interface SecretCookieOptions extends SetCookieOptions {
  /**
   * Whether the cookie ends with the browser session. If false, it expires after 30 days, or as `expires`,
   * `expiresDays` or `maxAge` specify. Default: false.
   */
  readonly session?: boolean;
  /** Which of several secrets to use. Default: the `keyVersion` of the secret. */
  readonly keyVersion?: number | undefined;
}

/** The attributes with which a cookie was set, except its expiry: a cleared cookie is deleted at once. */
export type ClearCookieOptions = Omit<SetCookieOptions, 'expires' | 'expiresDays' | 'maxAge'>;

const SECRET_COOKIE_OPTIONS: OptionNames<SecretCookieOptions> = {
  ...SET_COOKIE_OPTION_NAMES,
  session: true,
  keyVersion: true,
};
const CLEAR_COOKIE_OPTIONS: OptionNames<ClearCookieOptions> = {
  domain: true,
  path: true,
  httpOnly: true,
  secure: true,
  sameSite: true,
  partitioned: true,
};

/** The same number as `parseCookies` reads; browsers keep fewer for one host. */
const MAX_COOKIES = 300;
const SECRET_COOKIE_DAYS = 30;
const CLEARED_DAYS = -365;

/**
 * The cookies that one response sets. They are kept separate from the headers, so that they are also sent with an error
 * page; {@link applyTo} adds them as `Set-Cookie` headers.
 *
 * By default, a cookie has `SameSite=Lax` and `Path=/`. It is `Secure` if the request came over https, or if its name,
 * `sameSite: 'none'` or `partitioned` requires that. It is `HttpOnly` if it is signed or encrypted, or if its name
 * requires that. Setting an invalid cookie throws, and changes nothing.
 */
export class ResponseCookies {
  readonly #isHttps: boolean;
  readonly #clock: Clock;
  /**
   * The header values, by the attributes that identify a cookie in a browser (name, domain, path and `partitioned`).
   */
  #lines: Map<string, string> | undefined = undefined;

  /**
   * @param isHttps - whether the client used https, to this server or to a trusted proxy.
   * @param clock - for expiry and signatures. Default: the system clock.
   */
  constructor(isHttps: boolean, clock: Clock = systemClock) {
    this.#isHttps = isHttps;
    this.#clock = clock;
  }

  /** The number of cookies. */
  get size(): number {
    return this.#lines?.size ?? 0;
  }

  /**
   * Sets a cookie. If several calls have the same name, domain and path, the last one is used.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` like `formatSetCookie`.
   * @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown, or the response has 300 cookies.
   */
  set(name: string, value: string, options: SetCookieOptions = {}): void {
    webChecks.options('setCookie', options, SET_COOKIE_OPTION_NAMES);
    this.#set(name, value, options, false);
  }

  /**
   * Sets a cookie that the client can read but not change. Read it with `decodeSignedValue`.
   *
   * @throws Http1UsageError and WebUsageError like {@link set} and `createSignedValue`.
   */
  setSigned(
    secret: CookieSecret,
    name: string,
    value: string | Uint8Array,
    options: SecretCookieOptions = {},
  ): void {
    webChecks.options('setSignedCookie', options, SECRET_COOKIE_OPTIONS);
    const signed = createSignedValue(secret, name, value, this.#valueOptions(options));
    this.#set(name, signed, secretAttributes('setSignedCookie', options), true);
  }

  /**
   * Sets a cookie that the client can neither read nor change. Read it with `decodeEncryptedValue`.
   *
   * @throws Http1UsageError and WebUsageError like {@link set} and `createEncryptedValue`.
   */
  setEncrypted(
    secret: CookieSecret,
    name: string,
    value: string | Uint8Array,
    options: SecretCookieOptions = {},
  ): void {
    webChecks.options('setEncryptedCookie', options, SECRET_COOKIE_OPTIONS);
    const encrypted = createEncryptedValue(secret, name, value, this.#valueOptions(options));
    this.#set(name, encrypted, secretAttributes('setEncryptedCookie', options), true);
  }

  /**
   * Deletes a cookie of the browser: sets it to an empty value with an expiry in the past. Browsers delete it only if
   * domain, path and `partitioned` are the same as when it was set.
   *
   * @throws Http1UsageError and WebUsageError like {@link set}; WebUsageError also for `expires`, `expiresDays` and
   *   `maxAge`.
   */
  clear(name: string, attributes: ClearCookieOptions = {}): void {
    webChecks.options('clearCookie', attributes, CLEAR_COOKIE_OPTIONS);
    this.#set(name, '', { ...attributes, expiresDays: CLEARED_DAYS }, false);
  }

  /** Adds a `Set-Cookie` header for each cookie. Call it once, when the headers are about to be sent. */
  applyTo(headers: HTTPHeaders): void {
    if (this.#lines === undefined) return;
    for (const line of this.#lines.values()) headers.add('Set-Cookie', line);
  }

  [INSPECT](): object {
    return inspection(this, ['size']);
  }

  #set(name: string, value: string, options: SetCookieOptions, isSecret: boolean): void {
    const rules = cookieNameRules(name);
    const { domain = '', path = '/', sameSite, partitioned = false } = options;
    const mustBeSecure = rules.secure || sameSite === 'none' || partitioned;
    // Makes a new object each time, because a program may reuse its options for several responses (ATT-54).
    const attributes: SetCookieOptions = {
      ...options,
      secure: options.secure ?? (this.#isHttps || mustBeSecure),
      httpOnly: options.httpOnly ?? (isSecret || rules.httpOnly),
    };
    const line = formatSetCookie(name, value, attributes, this.#clock.wallTime());
    this.#lines ??= new Map();
    const key = `${name};${domain.toLowerCase().replace(/^\./, '')};${path};${partitioned}`;
    if (this.#lines.size >= MAX_COOKIES && !this.#lines.has(key)) throw tooMany();
    this.#lines.set(key, line);
  }

  #valueOptions({ keyVersion }: SecretCookieOptions): CreateValueOptions {
    return { keyVersion, nowMs: this.#clock.wallTime() };
  }
}

function secretAttributes(operation: string, options: SecretCookieOptions): SetCookieOptions {
  const { session = false, keyVersion: _, ...attributes } = options;
  webChecks.boolean(operation, 'session', session);
  const { expires, expiresDays, maxAge } = attributes;
  const isTimed = expires !== undefined || expiresDays !== undefined || maxAge !== undefined;
  if (session && isTimed) {
    const problem = 'session must not be combined with expires, expiresDays or maxAge';
    throw new WebUsageError('ERR_WEB_USAGE', `${operation}: ${problem}`);
  }
  return session || isTimed ? attributes : { ...attributes, expiresDays: SECRET_COOKIE_DAYS };
}

function tooMany(): WebUsageError {
  const problem = `a response must not set more than ${MAX_COOKIES} cookies`;
  return new WebUsageError('ERR_WEB_USAGE', `setCookie: ${problem}`);
}

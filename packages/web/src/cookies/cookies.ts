import type { HTTPHeaders, SetCookieOptions } from '@landspout/http1';
import type { Clock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { HTTPError, WebUsageError } from '../errors.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import type { CookieSecret } from './cookie-secret.ts';
import { decodeEncryptedValue } from './encrypted-value.ts';
import { type ClearCookieOptions, ResponseCookies, type SecretCookieOptions } from './response-cookies.ts';
import { decodeSignedValue } from './signed-value.ts';
import { checkXsrf, decodeXsrfToken, encodeXsrfToken, makeXsrfToken, type XsrfToken } from './xsrf.ts';

/**
 * Shown to a user whose page is older than the cookie, or whose browser blocks cookies. The exact reason is in the log.
 */
const FORGERY =
  'The request may come from another site, or from a page that is out of date. Reload the page and try again.';

/** The settings of the application for cookies. */
export interface CookieSettings {
  readonly clock: Clock;
  readonly secret: CookieSecret | undefined;
  readonly xsrfCookieName: string;
  readonly xsrfCookieAttributes: SetCookieOptions;
}

/** Options for reading a signed or encrypted cookie. */
export interface ReadCookieOptions {
  /** Maximum age in days. Default: 31. */
  readonly maxAgeDays?: number;
}

/**
 * The cookies of one request and its response. Cookies set here are sent with the response, even if it is an error
 * page; they do not change what {@link get} returns.
 */
export class Cookies {
  readonly #request: HTTPServerRequest;
  readonly #settings: CookieSettings;
  readonly #requireUnsent: (operation: string) => void;
  #response: ResponseCookies | undefined = undefined;
  #xsrf: XsrfToken | undefined = undefined;

  /** @param requireUnsent - throws if the headers of the response have already been sent. */
  constructor(
    request: HTTPServerRequest,
    settings: CookieSettings,
    requireUnsent: (operation: string) => void,
  ) {
    this.#request = request;
    this.#settings = settings;
    this.#requireUnsent = requireUnsent;
  }

  /** Returns a cookie of the request; undefined if it is missing. */
  get(name: string): string | undefined {
    return this.#request.cookies.get(name);
  }

  /**
   * Sets a cookie. If several calls have the same name, domain and path, the last one is used. Default attributes: see
   * `ResponseCookies`.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` if the name, the value or an attribute is invalid.
   * @throws WebUsageError `ERR_WEB_HEAD_SENT`; `ERR_WEB_USAGE` if an option is unknown.
   */
  set(name: string, value: string, options?: SetCookieOptions): void {
    this.#unsent('setCookie').set(name, value, options);
  }

  /** Deletes a cookie of the browser. Domain and path must be the same as when it was set. Throws like {@link set}. */
  clear(name: string, attributes?: ClearCookieOptions): void {
    this.#unsent('clearCookie').clear(name, attributes);
  }

  /** Returns the value of a cookie that {@link setSigned} has set; undefined if it is missing, changed or too old. */
  getSigned(name: string, { maxAgeDays }: ReadCookieOptions = {}): string | undefined {
    return decodeSignedValue(
      this.#secret('getSignedCookie'),
      name,
      this.get(name),
      this.#reading(maxAgeDays),
    );
  }

  /**
   * Sets a signed cookie: the client can read it but not change it. By default, it is `HttpOnly` and expires after 30
   * days.
   *
   * @throws WebUsageError `ERR_WEB_USAGE` without the setting `cookieSecret`; otherwise like {@link set}.
   */
  setSigned(name: string, value: string | Uint8Array, options?: SecretCookieOptions): void {
    const secret = this.#secret('setSignedCookie');
    this.#unsent('setSignedCookie').setSigned(secret, name, value, options);
  }

  /**
   * Returns the value of a cookie that {@link setEncrypted} has set; undefined if it is missing, changed or too old.
   */
  getEncrypted(name: string, { maxAgeDays }: ReadCookieOptions = {}): string | undefined {
    const secret = this.#secret('getEncryptedCookie');
    return decodeEncryptedValue(secret, name, this.get(name), this.#reading(maxAgeDays));
  }

  /** Sets a cookie that the client can neither read nor change. Otherwise like {@link setSigned}. */
  setEncrypted(name: string, value: string | Uint8Array, options?: SecretCookieOptions): void {
    const secret = this.#secret('setEncryptedCookie');
    this.#unsent('setEncryptedCookie').setEncrypted(secret, name, value, options);
  }

  /**
   * The token that a form must send in the field `_xsrf`, or a script in the header `X-XSRFToken`. It is masked
   * differently each time, as a protection against BREACH. If the browser has no XSRF cookie yet, the cookie is set.
   */
  get xsrfToken(): string {
    const { clock, xsrfCookieName, xsrfCookieAttributes } = this.#settings;
    const nowMs = clock.wallTime();
    this.#xsrf ??= decodeXsrfToken(this.get(xsrfCookieName), nowMs);
    if (this.#xsrf === undefined) {
      const made = makeXsrfToken(nowMs);
      this.#unsent('xsrfToken').set(xsrfCookieName, encodeXsrfToken(made), xsrfCookieAttributes);
      this.#xsrf = made;
    }
    return encodeXsrfToken(this.#xsrf);
  }

  /**
   * Refuses a request that a page of another site may have caused: the token in the request must match the XSRF cookie.
   * GET, HEAD and OPTIONS are not checked.
   *
   * @param field - the form field or argument `_xsrf`.
   * @param missingHint - returns the reason why there is no field, if it is known; used in the log message.
   * @throws HTTPError 403.
   */
  checkXsrf(field: string | undefined, missingHint?: () => string | undefined): void {
    const { method, headers, host, ownOrigins: publicOrigins } = this.#request;
    const cookie = this.get(this.#settings.xsrfCookieName);
    const refusal = checkXsrf({ method, headers, host, cookie, field, publicOrigins });
    if (refusal === undefined) return;
    const hint = field === undefined ? missingHint?.() : undefined;
    const message = hint === undefined ? refusal.message : `${refusal.message} (${hint})`;
    throw new HTTPError(403, message, { detail: FORGERY });
  }

  /** Used by the response: adds the `Set-Cookie` headers just before the headers are sent. */
  applyTo(headers: HTTPHeaders): void {
    this.#response?.applyTo(headers);
  }

  /** Used by the response: whether {@link applyTo} would add anything. */
  get hasChanges(): boolean {
    return this.#response !== undefined && this.#response.size > 0;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      received: [...this.#request.cookies.keys()],
      set: this.#response?.size,
    }));
  }

  #unsent(operation: string): ResponseCookies {
    this.#requireUnsent(operation);
    this.#response ??= new ResponseCookies(this.#request.isSecure, this.#settings.clock);
    return this.#response;
  }

  #reading(maxAgeDays: number | undefined): { readonly nowMs: number; readonly maxAgeDays?: number } {
    const nowMs = this.#settings.clock.wallTime();
    return maxAgeDays === undefined ? { nowMs } : { nowMs, maxAgeDays };
  }

  #secret(operation: string): CookieSecret {
    if (this.#settings.secret !== undefined) return this.#settings.secret;
    const problem = 'the application needs the setting cookieSecret, of at least 32 random bytes';
    throw new WebUsageError('ERR_WEB_USAGE', `${operation}: ${problem}`);
  }
}

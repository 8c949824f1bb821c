import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { HTTPHeaders } from '@landspout/http1';
import { isOwnOrigin } from '@landspout/http1/protocol';
import { excerpt, type OptionNames } from '@landspout/ioloop/errors';
import { webChecks } from '../errors.ts';
import { wholeNumberOf } from './value-options.ts';

/** The secret of one browser. Its XSRF cookie and each form sent to it contain this token. */
export interface XsrfToken {
  /**
   * 16 random bytes if we made it. Tokens that were made elsewhere, for example by another program, may have another
   * length.
   */
  readonly token: Uint8Array;
  /** The time when the token was made, in whole seconds since 1970. */
  readonly seconds: number;
}

const TOKEN_BYTES = 16;
const MASK_BYTES = 4;
/** Limit for the characters of a token; a longer text is treated as missing. Our tokens have 54. */
const MAX_TEXT_LENGTH = 256;
const VERSIONED = /^[1-9][0-9]*\|/;
const VERSION_2 = /^2\|([0-9A-Fa-f]{8})\|((?:[0-9A-Fa-f]{2})+)\|([0-9]+)$/;
const HEX = /^(?:[0-9A-Fa-f]{2})+$/;

/** Makes a token for a browser that has none. @param nowMs - the current time in milliseconds since 1970. */
export function makeXsrfToken(nowMs = Date.now()): XsrfToken {
  webChecks.number('makeXsrfToken', 'nowMs', nowMs, 0, Number.MAX_SAFE_INTEGER);
  return { token: randomBytes(TOKEN_BYTES), seconds: Math.floor(nowMs / 1_000) };
}

/**
 * Writes a token for a cookie, form or header, in version 2 of Tornado's format: `2|mask|masked token|time`. The mask is
 * random, so that the text differs in each response: otherwise the length of compressed responses could reveal it, byte
 * by byte (BREACH).
 *
 * @param mask - 4 bytes, for tests. Default: random ones.
 */
export function encodeXsrfToken(token: XsrfToken, mask: Uint8Array = randomBytes(MASK_BYTES)): string {
  if (mask.length !== MASK_BYTES) throw webChecks.wrong('encodeXsrfToken', 'a mask of 4 bytes', mask.length);
  const masked = masking(token.token, mask).toString('hex');
  return `2|${Buffer.from(mask).toString('hex')}|${masked}|${token.seconds}`;
}

/**
 * Reads a token as a browser sent it, in a cookie, form or header: version 2 of Tornado's format, or version 1, which
 * is the token in hexadecimal. Text that is not hexadecimal is itself the token of version 1. Never throws because of
 * the text.
 *
 * @param nowMs - the time of a token of version 1, which does not record one.
 * @returns undefined if the text is missing, empty, malformed, of an unknown version or of more than 256 characters.
 */
export function decodeXsrfToken(text: string | undefined, nowMs = Date.now()): XsrfToken | undefined {
  if (typeof text !== 'string' || text === '' || text.length > MAX_TEXT_LENGTH) return undefined;
  if (!VERSIONED.test(text)) {
    const token = HEX.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'utf8');
    return { token, seconds: Math.floor(nowMs / 1_000) };
  }
  const [, mask, masked, time] = VERSION_2.exec(text) ?? [];
  if (mask === undefined || masked === undefined || time === undefined) return undefined;
  const seconds = wholeNumberOf(time);
  if (seconds === undefined) return undefined;
  return { token: masking(Buffer.from(masked, 'hex'), Buffer.from(mask, 'hex')), seconds };
}

/** What {@link checkXsrf} needs to know about a request. */
export interface XsrfRequest {
  readonly method: string;
  /** Of these, `Sec-Fetch-Site`, `Origin`, `X-XSRFToken` and `X-CSRFToken` are read. */
  readonly headers: HTTPHeaders;
  /** The `host[:port]` of the request. */
  readonly host: string;
  /** The value of the XSRF cookie. */
  readonly cookie: string | undefined;
  /** The value of the form field or query argument `_xsrf`. If it is missing or empty, the headers are used. */
  readonly field: string | undefined;
  /** Our origins, in the form of `canonicalOrigin`. Default: the host of the request, with http or https. */
  readonly publicOrigins?: readonly string[] | undefined;
}

const XSRF_REQUEST: OptionNames<XsrfRequest> = {
  method: true,
  headers: true,
  host: true,
  cookie: true,
  field: true,
  publicOrigins: true,
};

/** Why a request is refused with 403. */
export interface XsrfRefusal {
  /** The check that failed. The values are in the order in which the checks are made. */
  readonly check: 'site' | 'origin' | 'token-missing' | 'token-invalid' | 'cookie-missing' | 'token-mismatch';
  /** For the log. Text from the client is clipped and escaped. */
  readonly message: string;
}

/** Whether {@link checkXsrf} checks requests with this method: true for all methods except GET, HEAD and OPTIONS. */
export function requiresXsrfToken(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';
}

/**
 * Checks that a request which may change something was caused by a page of this site. A form on another site can make a
 * browser send such a request with the cookies of this site, but it does not know the token.
 *
 * If `Sec-Fetch-Site` or `Origin` shows that the request comes from another site, it is refused whatever its token is.
 * The token is always required: some clients send neither header, and for a page on another host of the same site,
 * `Sec-Fetch-Site` is `same-site`. Tokens are compared in constant time. `X-Requested-With` does not replace the token
 * (ATT-51).
 *
 * @returns why the request must be refused; undefined if it is allowed.
 * @throws WebUsageError `ERR_WEB_USAGE` for an unknown option; never because of what the client sent.
 */
export function checkXsrf(request: XsrfRequest): XsrfRefusal | undefined {
  webChecks.options('checkXsrf', request, XSRF_REQUEST);
  const { method, headers } = request;
  if (!requiresXsrfToken(method)) return undefined;
  const site = headers.get('Sec-Fetch-Site');
  if (site !== undefined && !OWN_SITES.includes(site)) {
    return refusal('site', `a page of another site sent it: Sec-Fetch-Site is ${excerpt(site)}`);
  }
  const origin = headers.get('Origin');
  if (origin !== undefined && !isAllowed(origin, site, request)) {
    const own = request.publicOrigins?.join(', ') ?? request.host;
    return refusal(
      'origin',
      `a page of the origin ${excerpt(origin)} sent it, which is not one of this site (${excerpt(own)}); see the setting publicOrigin`,
    );
  }
  return tokenRefusal(request);
}

/** Fetch metadata: `none` means that no page caused the request. */
const OWN_SITES: readonly string[] = ['same-origin', 'same-site', 'none'];

function isAllowed(origin: string, site: string | undefined, { publicOrigins, host }: XsrfRequest): boolean {
  // With the referrer policy `no-referrer`, browsers send `null` for the forms of our own pages too.
  if (origin === 'null') return site === 'same-origin';
  return isOwnOrigin(origin, publicOrigins, host);
}

function tokenRefusal({ headers, cookie, field }: XsrfRequest): XsrfRefusal | undefined {
  const submitted = field || headers.get('X-XSRFToken') || headers.get('X-CSRFToken');
  if (submitted === undefined || submitted === '') {
    const places = 'neither the field _xsrf nor the header X-XSRFToken or X-CSRFToken';
    return refusal('token-missing', `it has ${places}`);
  }
  const token = decodeXsrfToken(submitted, 0);
  if (token === undefined)
    return refusal('token-invalid', `its XSRF token ${excerpt(submitted)} is malformed`);
  const expected = decodeXsrfToken(cookie, 0);
  if (expected === undefined) {
    return refusal('cookie-missing', 'it has no valid XSRF cookie; a page that shows a form must set it');
  }
  if (isSame(token.token, expected.token)) return undefined;
  return refusal('token-mismatch', 'its XSRF token does not match its XSRF cookie');
}

function refusal(check: XsrfRefusal['check'], why: string): XsrfRefusal {
  return { check, message: `the request is refused as a possible forgery: ${why}` };
}

/** The length of a token is not secret. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Applies a mask as WebSocket does (RFC 6455 §5.3). Applying it twice returns the original bytes. */
function masking(bytes: Uint8Array, mask: Uint8Array): Buffer {
  const result = Buffer.alloc(bytes.length);
  for (const [at, byte] of bytes.entries()) result[at] = byte ^ (mask[at % MASK_BYTES] as number);
  return result;
}

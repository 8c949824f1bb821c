import { ArgumentChecks, type OptionNames, shownText, shownValue } from '@landspout/ioloop/errors';
import { Http1UsageError } from '../grammar/errors.ts';
import { formatHttpDate } from '../grammar/http-date.ts';
import { isToken } from './header-names.ts';

/** The attributes of a cookie (RFC 6265bis §4.1.2). */
export interface SetCookieOptions {
  /**
   * The cookie is sent to this host and all its subdomains. Default: none, so that the cookie is sent only to the host
   * of the response, and to no subdomain.
   */
  readonly domain?: string;
  /** The cookie is sent for this path and all paths below it. Starts with a slash. Default: `/`. */
  readonly path?: string;
  /** When the cookie expires, in the years 1601 to 9999. Default: at the end of the browser session. */
  readonly expires?: Date;
  /** Days from `nowMs` until the cookie expires. May be negative or a fraction. `expires` takes precedence. */
  readonly expiresDays?: number;
  /**
   * Seconds until the cookie expires; 0 deletes it. Browsers use it instead of `expires` if both are set, and keep
   * cookies for at most 400 days.
   */
  readonly maxAge?: number;
  /** Whether the cookie is hidden from the scripts of a page. Default: false. */
  readonly httpOnly?: boolean;
  /** Whether the cookie is sent over https only. Default: false. */
  readonly secure?: boolean;
  /**
   * Whether requests that come from other sites have the cookie: with `lax`, only if the user follows a link to this
   * site; with `strict`, never; with `none`, always. `none` requires `secure`. Default: `lax`.
   */
  readonly sameSite?: 'strict' | 'lax' | 'none';
  /**
   * Whether browsers keep a separate cookie for each site that embeds this one (CHIPS). Requires `secure`. Default:
   * false.
   */
  readonly partitioned?: boolean;
}

/** The names of the attributes, for checking options that include them. */
export const SET_COOKIE_OPTION_NAMES: OptionNames<SetCookieOptions> = Object.freeze({
  domain: true,
  path: true,
  expires: true,
  expiresDays: true,
  maxAge: true,
  httpOnly: true,
  secure: true,
  sameSite: true,
  partitioned: true,
});

/** RFC 6265bis §5.6: browsers ignore a cookie with a longer name and value, or a longer attribute value. */
const MAX_COOKIE_BYTES = 4_096;
const MAX_ATTRIBUTE_BYTES = 1_024;

/** RFC 6265bis §4.1.1: the characters of a value that is not quoted. */
const COOKIE_OCTETS = /^[!#-+\--:<-[\]-~]*$/;
/** Visible ASCII: the characters that a value may contain, some of them only escaped. */
const VISIBLE = /^[!-~]*$/;
/** The visible characters that must be escaped in a value. */
const UNFIT_IN_VALUE = /[",;\\]/g;
/** RFC 6265bis §4.1.2.4: an attribute value ends at a semicolon. Spaces at its ends would be lost. */
const PATH = /^\/[!-:<-~]*$/;
/**
 * Names as in RFC 1034, and IPv4 addresses. Underscores are allowed, because browsers accept them. A leading dot has no
 * meaning.
 */
const DOMAIN = /^\.?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;
const SAME_SITE = { strict: 'Strict', lax: 'Lax', none: 'None' } as const;
const SAME_SITE_VALUES = Object.freeze(Object.keys(SAME_SITE)) as readonly (keyof typeof SAME_SITE)[];

const DAY_MS = 86_400_000;
/** RFC 6265bis §5.1.1: browsers ignore an expiry date before the year 1601, so that the cookie would not expire. */
const MIN_EXPIRES_MS = -11_644_473_600_000;
const MAX_EXPIRES_MS = 253_402_300_799_999;

const OPERATION = 'formatSetCookie';
const setCookieChecks = new ArgumentChecks((problem) => new Http1UsageError('ERR_HTTP1_USAGE', problem));

/** The requirements of a cookie name's prefix (RFC 6265bis §4.1.3). */
export interface CookieNameRules {
  /** The prefix, such as `__Host-`; undefined if the name has no such prefix. */
  readonly prefix: string | undefined;
  /** Whether the cookie must be `secure`. */
  readonly secure: boolean;
  /** Whether the path must be `/`, and there must be no domain. */
  readonly hostOnly: boolean;
  /** Whether the cookie must be `httpOnly`. */
  readonly httpOnly: boolean;
}

/** The first match is used, so a longer prefix must be before a shorter one. */
const PREFIXES: readonly CookieNameRules[] = [
  { prefix: '__Host-Http-', secure: true, hostOnly: true, httpOnly: true },
  { prefix: '__Host-', secure: true, hostOnly: true, httpOnly: false },
  { prefix: '__Http-', secure: true, hostOnly: false, httpOnly: true },
  { prefix: '__Secure-', secure: true, hostOnly: false, httpOnly: false },
];
const NO_PREFIX: CookieNameRules = { prefix: undefined, secure: false, hostOnly: false, httpOnly: false };

/**
 * Returns what browsers require of a cookie with this name. Browsers recognise the prefixes `__Secure-`, `__Host-`,
 * `__Http-` and `__Host-Http-` in upper and lower case, and ignore a cookie that does not meet the rules of its prefix.
 */
export function cookieNameRules(name: string): CookieNameRules {
  if (typeof name !== 'string' || !name.startsWith('__')) return NO_PREFIX;
  const lower = name.toLowerCase();
  return PREFIXES.find(({ prefix = '' }) => lower.startsWith(prefix.toLowerCase())) ?? NO_PREFIX;
}

/**
 * Formats the value of a `Set-Cookie` header (RFC 6265bis §4.1), such as `sid=31d4; Path=/; HttpOnly; SameSite=Lax`. An
 * argument that a browser would ignore or interpret differently is refused, so that the cookie is either set as written
 * or not sent.
 *
 * @param name - a token. Its prefix may require attributes, see {@link cookieNameRules}.
 * @param value - visible ASCII. A value with a double quote, comma, semicolon or backslash is sent in quotes, with
 *   these four characters as octal escapes. `parseCookies` decodes them; scripts of a page see the escapes. Name and
 *   value may have at most 4096 bytes together, including escapes.
 * @param options - the attributes, each at most 1024 bytes.
 * @param nowMs - the current time in milliseconds since 1970; required for `expiresDays`.
 * @throws Http1UsageError `ERR_HTTP1_USAGE` if an argument is invalid, an option is unknown, or a rule is not met. The
 *   message does not show the value.
 *
 * @example
 * formatSetCookie('__Host-sid', '31d4', { secure: true, httpOnly: true, maxAge: 3600 });
 * // __Host-sid=31d4; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax
 */
export function formatSetCookie(
  name: string,
  value: string,
  options: SetCookieOptions = {},
  nowMs?: number,
): string {
  setCookieChecks.options(OPERATION, options, SET_COOKIE_OPTION_NAMES);
  if (!isToken(name)) {
    throw setCookieChecks.wrong(OPERATION, "a name of letters, digits and !#$%&'*+-.^_`|~", name);
  }
  const sent = sentValue(name, value);
  if (name.length + sent.length > MAX_COOKIE_BYTES) {
    throw usageError(
      `name and value of ${shownText(name)} must be at most ${MAX_COOKIE_BYTES} bytes together, or browsers ` +
        `ignore the cookie, got ${name.length + sent.length}; keep the data on the server and an id in the cookie`,
    );
  }
  const { domain, path = '/', maxAge, httpOnly = false, secure = false, partitioned = false } = options;
  const { sameSite = 'lax' } = options;
  setCookieChecks.boolean(OPERATION, 'httpOnly', httpOnly);
  setCookieChecks.boolean(OPERATION, 'secure', secure);
  setCookieChecks.boolean(OPERATION, 'partitioned', partitioned);
  setCookieChecks.oneOf(OPERATION, 'sameSite', sameSite, SAME_SITE_VALUES);
  requireRules(name, { domain, path, httpOnly, secure, sameSite, partitioned });
  let line = `${name}=${sent}`;
  if (domain !== undefined) line += `; Domain=${attribute('domain', domain, DOMAIN, DOMAIN_EXPECTED)}`;
  line += `; Path=${attribute('path', path, PATH, PATH_EXPECTED)}`;
  const expires = expiresAttribute(options, nowMs);
  if (expires !== undefined) line += `; Expires=${expires}`;
  if (maxAge !== undefined) line += `; Max-Age=${setCookieChecks.wholeNumber(OPERATION, 'maxAge', maxAge)}`;
  if (secure) line += '; Secure';
  if (httpOnly) line += '; HttpOnly';
  line += `; SameSite=${SAME_SITE[sameSite]}`;
  return partitioned ? `${line}; Partitioned` : line;
}

const DOMAIN_EXPECTED =
  'a host name such as "example.com", without scheme and port, other scripts as punycode,';
const PATH_EXPECTED = 'a slash and then visible ASCII without semicolons';

function sentValue(name: string, value: string): string {
  if (typeof value !== 'string') {
    throw usageError(`value of ${shownText(name)} must be a string, got ${shownValue(value)}`);
  }
  if (COOKIE_OCTETS.test(value)) return value;
  if (!VISIBLE.test(value)) {
    throw usageError(
      `value of ${shownText(name)} must be visible ASCII without spaces and control characters; ` +
        'encode it, for example with encodeURIComponent',
    );
  }
  // Browsers end the value at a semicolon even in quotes, and some proxies join cookies with commas, so both are
  // escaped.
  return `"${value.replace(UNFIT_IN_VALUE, octalEscape)}"`;
}

function octalEscape(character: string): string {
  return `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`;
}

function attribute(name: string, value: string, form: RegExp, expected: string): string {
  if (typeof value !== 'string' || !form.test(value)) {
    throw setCookieChecks.wrong(OPERATION, `${name}: ${expected}`, value);
  }
  if (value.length <= MAX_ATTRIBUTE_BYTES) return value;
  throw usageError(
    `${name} must be at most ${MAX_ATTRIBUTE_BYTES} bytes, or browsers ignore it, got ${value.length}`,
  );
}

function expiresAttribute(options: SetCookieOptions, nowMs: number | undefined): string | undefined {
  const { expires, expiresDays } = options;
  if (expires !== undefined) {
    if (!(expires instanceof Date)) throw setCookieChecks.wrong(OPERATION, 'expires: a Date', expires);
    return formatExpires('expires', expires.getTime());
  }
  if (expiresDays === undefined) return undefined;
  setCookieChecks.number(OPERATION, 'expiresDays', expiresDays, -Infinity);
  const now = setCookieChecks.number(OPERATION, 'nowMs (which expiresDays needs)', nowMs, 0, MAX_EXPIRES_MS);
  return formatExpires('expiresDays', now + expiresDays * DAY_MS);
}

function formatExpires(name: string, epochMs: number): string {
  if (epochMs >= MIN_EXPIRES_MS && epochMs <= MAX_EXPIRES_MS) return formatHttpDate(epochMs);
  throw usageError(`${name} must be a time in the years 1601 to 9999, got ${epochMs} ms`);
}

type Ruled = Pick<Required<SetCookieOptions>, 'path' | 'httpOnly' | 'secure' | 'sameSite' | 'partitioned'> & {
  readonly domain: string | undefined;
};

/** Refuses combinations of valid attributes for which browsers ignore the cookie. */
function requireRules(name: string, options: Ruled): void {
  const { secure, httpOnly } = options;
  if (!secure && options.sameSite === 'none') {
    throw usageError(
      `sameSite 'none' requires secure: true, or browsers ignore the cookie ${shownText(name)}`,
    );
  }
  if (!secure && options.partitioned) {
    throw usageError(`partitioned requires secure: true, or browsers ignore the cookie ${shownText(name)}`);
  }
  const rules = cookieNameRules(name);
  if (rules.prefix === undefined) return;
  const required: string[] = [];
  if (rules.secure && !secure) required.push('secure: true');
  if (rules.httpOnly && !httpOnly) required.push('httpOnly: true');
  if (rules.hostOnly && options.path !== '/') required.push("path: '/'");
  if (rules.hostOnly && options.domain !== undefined) required.push('no domain');
  if (required.length === 0) return;
  const detail = `the prefix ${rules.prefix} of ${shownText(name)} requires ${required.join(' and ')}`;
  throw usageError(`${detail}; otherwise browsers ignore the cookie, so change the options or the name`);
}

function usageError(problem: string): Http1UsageError {
  return new Http1UsageError('ERR_HTTP1_USAGE', `${OPERATION}: ${problem}`);
}

import { type OptionNames, optionsProblem } from '@landspout/ioloop/errors';
import { trimBlanks } from '../grammar/bytes.ts';
import { Http1UsageError } from '../grammar/errors.ts';
import { limitChecks } from '../grammar/limits.ts';

/** Browsers keep at most 180 cookies per host; the other 120 are for cookies that proxies add. */
const DEFAULT_MAX_COOKIES = 300;

/** RFC 6265 §4.1.1 requires a token. A colon is also accepted, because older servers set cookies with such names. */
const COOKIE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z:]+$/;

/** A backslash followed by the three octal digits of a byte, or by the escaped character. */
const ESCAPE = /\\(?:([0-3][0-7]{2})|(.))/gs;

export interface CookieOptions {
  /** The maximum number of pairs to read; further pairs are ignored. Default: 300. */
  readonly maxCookies?: number;
}

const COOKIE_OPTIONS: OptionNames<CookieOptions> = { maxCookies: true };

/**
 * Parses a Cookie header as browsers send it: pairs separated by semicolons, where a semicolon within quotes also ends
 * a pair.
 *
 * An invalid header does not cause an error: a pair without a valid name is omitted. If a name occurs more than once,
 * the last value is used. Double quotes around a value are removed, and its escapes `\ooo` and `\x` are decoded.
 * Otherwise values are returned as received: one code unit per byte, with percent escapes. Takes time linear in the
 * length.
 *
 * @param header - the value of `HTTPHeaders.get('Cookie')`, which joins several fields with `; `.
 * @returns a map, owned by the caller. It is not a plain object, so a name such as `__proto__` has no special meaning.
 * @throws Http1UsageError `ERR_HTTP1_LIMIT` if the limit is invalid, `ERR_HTTP1_USAGE` if an option is unknown.
 */
export function parseCookies(header: string | undefined, options: CookieOptions = {}): Map<string, string> {
  const problem = optionsProblem(options, COOKIE_OPTIONS);
  if (problem !== undefined) throw new Http1UsageError('ERR_HTTP1_USAGE', `parseCookies: ${problem}`);
  const { maxCookies = DEFAULT_MAX_COOKIES } = options;
  limitChecks.wholeNumber('parseCookies', 'maxCookies', maxCookies);
  const cookies = new Map<string, string>();
  if (header === undefined) return cookies;
  let left = maxCookies;
  for (let start = 0; start < header.length && left > 0; ) {
    const semicolon = header.indexOf(';', start);
    const end = semicolon === -1 ? header.length : semicolon;
    const pair = trimBlanks(header, start, end);
    if (pair !== '') {
      left -= 1;
      addCookie(cookies, pair);
    }
    start = end + 1;
  }
  return cookies;
}

function addCookie(cookies: Map<string, string>, pair: string): void {
  const equals = pair.indexOf('=');
  // Text without `=` is the value of a cookie that has no name, and so cannot be looked up.
  if (equals === -1) return;
  const name = trimBlanks(pair, 0, equals);
  if (COOKIE_NAME.test(name)) cookies.set(name, unquoted(trimBlanks(pair, equals + 1)));
}

function unquoted(value: string): string {
  if (value.length < 2 || !value.startsWith('"') || !value.endsWith('"')) return value;
  const inner = value.slice(1, -1);
  if (!inner.includes('\\')) return inner;
  return inner.replace(ESCAPE, (_whole, octal: string | undefined, character: string | undefined) =>
    octal === undefined ? (character as string) : String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

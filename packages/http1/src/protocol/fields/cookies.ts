import { type OptionNames, optionsProblem } from '@landspout/ioloop/errors';
import { trimBlanks } from '../grammar/bytes.ts';
import { Http1UsageError } from '../grammar/errors.ts';
import { limitChecks } from '../grammar/limits.ts';

/** Browsers keep at most 180 cookies for one host; this is room for a proxy's own. */
const DEFAULT_MAX_COOKIES = 300;

/** RFC 6265 §4.1.1 asks for a token. The colon is for the cookies that older servers set under such names. */
const COOKIE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z:]+$/;

/** A backslash and the byte that it stands for: three octal digits, or the character itself. */
const ESCAPE = /\\(?:([0-3][0-7]{2})|(.))/gs;

export interface CookieOptions {
  /** Pairs that are looked at; those behind them are not. Default 300. */
  readonly maxCookies?: number;
}

const COOKIE_OPTIONS: OptionNames<CookieOptions> = { maxCookies: true };

/**
 * Reads the cookies that a browser sent, as browsers write them: pairs between semicolons, wherever these stand.
 *
 * Never fails on what a peer can send. A pair whose name is missing or no token is left out, the others are kept. Where
 * a name comes twice, the last one counts. A value in double quotes loses them, and its escapes `\ooo` and `\x` are
 * undone; apart from that, values are as they came: one code unit per byte, percent escapes not undone. Linear in the
 * length of the text.
 *
 * @param header - the Cookie field as `HTTPHeaders.get` gives it, which joins several with `; `; undefined for none.
 * @returns a map, so that no name reaches a prototype. It is yours.
 * @throws Http1UsageError `ERR_HTTP1_LIMIT` for a limit that is none, `ERR_HTTP1_USAGE` for an option that is not known.
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
  // Without a `=` all of it is the value of a cookie without a name, which nobody can ask for.
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

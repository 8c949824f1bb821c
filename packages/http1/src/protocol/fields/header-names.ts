import { excerpt, shownValue } from '@landspout/ioloop/errors';
import { flatString } from '../grammar/bytes.ts';
import { Http1UsageError } from '../grammar/errors.ts';
import {
  CONNECTION,
  CONTENT_LENGTH,
  DATE,
  EXPECT,
  HOST,
  TRANSFER_ENCODING,
  UPGRADE,
} from '../grammar/framing-fields.ts';

const TOKEN_TEXT = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** RFC 9110 §5.5: HTAB, SP, visible ASCII and 0x80 to 0xFF are allowed. */
const FORBIDDEN_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** Spellings that are remembered, beyond which names are checked each time. Bounds what foreign names can cost. */
const MAX_KNOWN_NAMES = 512;

/** Longer values are not remembered: they are seldom the same twice. */
const MAX_KNOWN_VALUE = 128;
/** One in so many new values is remembered, so that those which are always new cost next to nothing. */
const MISSES_PER_VALUE = 64;

/** A name that has been checked, in the spelling it came in. */
export class HeaderName {
  readonly spelling: string;
  /** In lower case: what lookups compare. */
  readonly key: string;
  /** The bit of a field that frames messages, else 0. */
  readonly flag: number;
  /** A value that was checked before, and its line: most programs set a header to the same value each time. */
  #value: string | undefined;
  #line = '';
  #misses: number;

  /** @param isKept - whether it will be asked again, so that a value is worth remembering. */
  constructor(spelling: string, key: string, flag: number, isKept: boolean) {
    this.spelling = spelling;
    this.key = key;
    this.flag = flag;
    this.#misses = isKept ? 0 : 1;
  }

  /** The line of the wire, with its CRLF. @throws Http1UsageError as {@link checkValue}. */
  lineOf(value: string): string {
    if (value === this.#value) return this.#line;
    checkValue(this.spelling, value);
    const line = `${this.spelling}: ${value}\r\n`;
    if (this.#misses % MISSES_PER_VALUE === 0 && value.length <= MAX_KNOWN_VALUE) {
      this.#value = flatString(value);
      this.#line = flatString(line);
    }
    this.#misses += 1;
    return line;
  }
}

const FLAGS: ReadonlyMap<string, number> = new Map([
  ['host', HOST],
  ['content-length', CONTENT_LENGTH],
  ['transfer-encoding', TRANSFER_ENCODING],
  ['connection', CONNECTION],
  ['upgrade', UPGRADE],
  ['expect', EXPECT],
  ['date', DATE],
]);

/** By spelling. A map, so that `__proto__` is a name like any other. */
const known = new Map<string, HeaderName>();

/**
 * Checks a name that the program sets.
 *
 * @throws Http1UsageError `ERR_HTTP1_HEADER_NAME` when it is not an RFC 9110 §5.6.2 token.
 */
export function checkName(name: string): HeaderName {
  return known.get(name) ?? learn(name);
}

/**
 * Checks a value that the program sets.
 *
 * @throws Http1UsageError `ERR_HTTP1_HEADER_VALUE` for CR, LF, NUL, DEL, other controls but HTAB, and code units
 *   above 0xFF, lone surrogates among them: nothing is replaced silently.
 */
function checkValue(name: string, value: string): void {
  if (typeof value !== 'string') {
    throw new Http1UsageError('ERR_HTTP1_HEADER_VALUE', `${name} must be a string, not ${shownValue(value)}`);
  }
  if (FORBIDDEN_IN_VALUE.test(value)) {
    throw new Http1UsageError('ERR_HTTP1_HEADER_VALUE', `${name} cannot be ${excerpt(value)}`);
  }
}

/** What lookups compare. An invalid name is not an error here; it is just not there. */
export function headerKey(name: string): string {
  return known.get(name)?.key ?? name.toLowerCase();
}

/** The usual spelling of a name, such as `Content-Type`: each word with one capital, which is how Tornado writes it. */
export function canonicalHeaderName(name: string): string {
  return name.toLowerCase().replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
}

export function headerFlag(key: string): number {
  return FLAGS.get(key) ?? 0;
}

export function isToken(text: string): boolean {
  return typeof text === 'string' && TOKEN_TEXT.test(text);
}

function learn(name: string): HeaderName {
  if (!isToken(name)) {
    throw new Http1UsageError(
      'ERR_HTTP1_HEADER_NAME',
      `a header name must be a token, not ${excerpt(String(name))}`,
    );
  }
  const key = name.toLowerCase();
  if (known.size >= MAX_KNOWN_NAMES) return new HeaderName(name, key, headerFlag(key), false);
  // Copies: a name that was cut out of a request would keep that whole request in memory.
  const spelling = flatString(name);
  const result = new HeaderName(spelling, flatString(key), headerFlag(key), true);
  known.set(spelling, result);
  return result;
}

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

/**
 * The maximum number of names to cache; further names are checked each time. Limits the memory for names that peers
 * send.
 */
const MAX_KNOWN_NAMES = 512;

/** Longer values are not cached: they seldom repeat. */
const MAX_KNOWN_VALUE = 128;
/** One of every 64 new values is cached, so that values that are different each time cost almost nothing. */
const MISSES_PER_VALUE = 64;

/** A valid header name in a particular spelling. */
export class HeaderName {
  readonly spelling: string;
  /** The name in lower case, for lookups. */
  readonly key: string;
  /** The bit of this name in `framing-fields.ts`; 0 if there is none. */
  readonly flag: number;
  /** A cached value and its line: most programs set a header to the same value each time. */
  #value: string | undefined;
  #line = '';
  #misses: number;

  /** @param isKept - whether this object is cached, so that caching a value is worthwhile. */
  constructor(spelling: string, key: string, flag: number, isKept: boolean) {
    this.spelling = spelling;
    this.key = key;
    this.flag = flag;
    this.#misses = isKept ? 0 : 1;
  }

  /** Returns the header line to send, with its CRLF. @throws Http1UsageError as {@link checkValue}. */
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

/** The cached names, by spelling. It is a map, so that `__proto__` has no special meaning. */
const known = new Map<string, HeaderName>();

/**
 * Checks a name that the program sets.
 *
 * @throws Http1UsageError `ERR_HTTP1_HEADER_NAME` if it is not an RFC 9110 §5.6.2 token.
 */
export function checkName(name: string): HeaderName {
  return known.get(name) ?? learn(name);
}

/**
 * Checks a value that the program sets.
 *
 * @throws Http1UsageError `ERR_HTTP1_HEADER_VALUE` if it contains a control character other than HTAB, such as CR, LF,
 *   NUL or DEL, or a code unit above 0xFF, such as a lone surrogate. Invalid characters are never replaced silently.
 */
function checkValue(name: string, value: string): void {
  if (typeof value !== 'string') {
    throw new Http1UsageError('ERR_HTTP1_HEADER_VALUE', `${name} must be a string, got ${shownValue(value)}`);
  }
  if (FORBIDDEN_IN_VALUE.test(value)) {
    throw new Http1UsageError(
      'ERR_HTTP1_HEADER_VALUE',
      `${name} must not contain control characters or characters above U+00FF, got ${excerpt(value)}`,
    );
  }
}

/** Returns the key for a lookup. An invalid name does not throw, because no header can have that name. */
export function headerKey(name: string): string {
  return known.get(name)?.key ?? name.toLowerCase();
}

/** Returns a name in the usual spelling, such as `Content-Type`: each word is capitalised, as in Tornado. */
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
      `a header name must be a token, got ${excerpt(String(name))}`,
    );
  }
  const key = name.toLowerCase();
  if (known.size >= MAX_KNOWN_NAMES) return new HeaderName(name, key, headerFlag(key), false);
  // Copies the string, because a slice of a request would keep the whole request in memory.
  const spelling = flatString(name);
  const result = new HeaderName(spelling, flatString(key), headerFlag(key), true);
  known.set(spelling, result);
  return result;
}

import { Buffer } from 'node:buffer';
import { Http1UsageError } from './errors.ts';
import { excerpt } from './excerpt.ts';
import {
  CONNECTION,
  CONTENT_LENGTH,
  DATE,
  EXPECT,
  HOST,
  TRANSFER_ENCODING,
  UPGRADE,
} from './framing-fields.ts';

const TOKEN_TEXT = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** RFC 9110 §5.5: HTAB, SP, visible ASCII and 0x80 to 0xFF are allowed. */
const FORBIDDEN_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** Spellings that are remembered, beyond which names are checked each time. Bounds what foreign names can cost. */
const MAX_KNOWN_NAMES = 512;

/** A name that has been checked, in the spelling it came in. */
export class HeaderName {
  /** In lower case: what lookups compare. */
  readonly key: string;
  /** The bit of a field that frames messages, else 0. */
  readonly flag: number;

  constructor(key: string, flag: number) {
    this.key = key;
    this.flag = flag;
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
export function checkValue(name: string, value: string): void {
  if (typeof value !== 'string') {
    throw new Http1UsageError('ERR_HTTP1_HEADER_VALUE', `${name} must be a string, not ${typeof value}`);
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
  const result = new HeaderName(key, headerFlag(key));
  if (known.size < MAX_KNOWN_NAMES) {
    // A copy: a name that was cut out of a request would keep that whole request in memory.
    known.set(Buffer.from(name, 'latin1').toString('latin1'), result);
  }
  return result;
}

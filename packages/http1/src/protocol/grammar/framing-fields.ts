import { excerpt } from '@landspout/ioloop/errors';
import { COMMA, equalsIgnoreCase, HTAB, SP } from './bytes.ts';
import { Http1ProtocolError } from './errors.ts';

/**
 * The header fields that decide where a message ends and whether the connection stays open. Each has one bit; the upper
 * bits record facts about their values.
 */
export const HOST = 1;
export const CONTENT_LENGTH = 2;
export const TRANSFER_ENCODING = 4;
export const CONNECTION = 8;
export const UPGRADE = 16;
export const EXPECT = 32;
export const DATE = 64;
/**
 * One of the four preconditions is present (RFC 9110 §13.1). Preconditions do not frame a message, but with this bit
 * the headers of requests without preconditions need not be searched.
 */
export const PRECONDITION = 1 << 7;
/** Host occurs more than once, with equal or different values. */
export const HOST_REPEATED = 1 << 8;
/** Connection lists `close`, `keep-alive` or `upgrade`. */
export const OPTION_CLOSE = 1 << 9;
export const OPTION_KEEP_ALIVE = 1 << 10;
export const OPTION_UPGRADE = 1 << 11;
/** Expect is `100-continue`. */
export const EXPECT_CONTINUE = 1 << 12;
/** Content-Length contains its number more than once. */
export const LENGTH_REPEATED = 1 << 13;

/** Returns the bit of a field name, or 0. Checks the length first, which excludes most names. */
export function framingField(bytes: Uint8Array, start: number, end: number): number {
  switch (end - start) {
    case 4:
      return equalsIgnoreCase(bytes, start, end, 'host') ? HOST : 0;
    case 6:
      return equalsIgnoreCase(bytes, start, end, 'expect') ? EXPECT : 0;
    case 7:
      return equalsIgnoreCase(bytes, start, end, 'upgrade') ? UPGRADE : 0;
    case 8:
      return equalsIgnoreCase(bytes, start, end, 'if-match') ? PRECONDITION : 0;
    case 10:
      return equalsIgnoreCase(bytes, start, end, 'connection') ? CONNECTION : 0;
    case 13:
      return equalsIgnoreCase(bytes, start, end, 'if-none-match') ? PRECONDITION : 0;
    case 14:
      return equalsIgnoreCase(bytes, start, end, 'content-length') ? CONTENT_LENGTH : 0;
    case 17:
      if (equalsIgnoreCase(bytes, start, end, 'transfer-encoding')) return TRANSFER_ENCODING;
      return equalsIgnoreCase(bytes, start, end, 'if-modified-since') ? PRECONDITION : 0;
    case 19:
      return equalsIgnoreCase(bytes, start, end, 'if-unmodified-since') ? PRECONDITION : 0;
    default:
      return 0;
  }
}

/**
 * Parses a Content-Length. A list of equal numbers is accepted as one number: RFC 9110 §8.6 allows it, and proxies
 * produce it. Signs, spaces within a number, other characters and numbers above `Number.MAX_SAFE_INTEGER` are refused.
 */
export function parseContentLength(bytes: Buffer, start: number, end: number): number {
  let length = -1;
  let at = start;
  for (;;) {
    let value = 0;
    const from = at;
    while (at < end) {
      const digit = (bytes[at] as number) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      if (value > Number.MAX_SAFE_INTEGER) throw badLength(bytes, start, end);
      at += 1;
    }
    if (at === from) throw badLength(bytes, start, end);
    if (length !== -1 && value !== length) throw unequalLengths(length, value);
    length = value;
    at = skipBlanks(bytes, at, end);
    if (at === end) return length;
    if (bytes[at] !== COMMA) throw badLength(bytes, start, end);
    at = skipBlanks(bytes, at + 1, end);
  }
}

/** Whether a valid Content-Length contains its number more than once. */
export function isLengthList(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end && bytes[at] !== COMMA) at += 1;
  return at < end;
}

export function unequalLengths(one: number, other: number): Http1ProtocolError {
  return new Http1ProtocolError(
    'ERR_HTTP1_AMBIGUOUS_LENGTH',
    `two different Content-Lengths: ${one} and ${other}`,
  );
}

/**
 * Parses the options `close`, `keep-alive` and `upgrade` of a Connection field. The field is a list (RFC 9110 §7.6.1),
 * so `close, foo` also closes the connection.
 */
export function connectionOptions(bytes: Uint8Array, start: number, end: number): number {
  let options = 0;
  let at = start;
  while (at < end) {
    at = skipBlanks(bytes, at, end);
    const from = at;
    while (at < end && bytes[at] !== COMMA) at += 1;
    let to = at;
    while (to > from && isBlank(bytes[to - 1])) to -= 1;
    options |= connectionOption(bytes, from, to);
    at += 1;
  }
  return options;
}

function connectionOption(bytes: Uint8Array, start: number, end: number): number {
  switch (end - start) {
    case 5:
      return equalsIgnoreCase(bytes, start, end, 'close') ? OPTION_CLOSE : 0;
    case 7:
      return equalsIgnoreCase(bytes, start, end, 'upgrade') ? OPTION_UPGRADE : 0;
    case 10:
      return equalsIgnoreCase(bytes, start, end, 'keep-alive') ? OPTION_KEEP_ALIVE : 0;
    default:
      return 0;
  }
}

function badLength(bytes: Buffer, start: number, end: number): Http1ProtocolError {
  const value = excerpt(bytes.toString('latin1', start, end));
  return new Http1ProtocolError(
    'ERR_HTTP1_BAD_CONTENT_LENGTH',
    `Content-Length must be a number, got ${value}`,
  );
}

function skipBlanks(bytes: Uint8Array, at: number, end: number): number {
  let next = at;
  while (next < end && isBlank(bytes[next])) next += 1;
  return next;
}

function isBlank(byte: number | undefined): boolean {
  return byte === SP || byte === HTAB;
}

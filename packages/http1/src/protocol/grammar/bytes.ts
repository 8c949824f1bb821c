// The grammar/ folder holds the syntax of single values in HTTP/1.1 (bytes, hosts, versions, dates, escapes), the
// limits of a message, and the errors for broken rules. The folders decoding/ and encoding/ handle whole messages.

import { Buffer } from 'node:buffer';

/**
 * The character classes of HTTP/1.1, one bit each, looked up once per byte. With this table instead of regular
 * expressions, the decoder needs about one nanosecond per byte.
 */

/** RFC 9110 §5.6.2 tchar: the characters of methods and header names. */
export const TOKEN = 1;
/** RFC 9110 §5.5 field-content: visible ASCII, 0x80 to 0xFF, SP and HTAB. */
export const FIELD_VALUE = 2;
/**
 * The characters of a request target: visible ASCII except `#`. RFC 3986 allows fewer, but browsers send others, such
 * as `|`. `#` is excluded because clients do not send fragments, and recipients disagree on whether a fragment ends the
 * path.
 */
export const TARGET = 4;
/**
 * RFC 3986 §3.2.2 reg-name without the comma, which separates list elements and does not occur in host names (see
 * HU-08).
 */
export const HOST_NAME = 8;
/** Hexadecimal digits of both cases, for chunk sizes and percent escapes. */
export const HEX = 16;

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
const HASH = 0x23;
export const COMMA = 0x2c;
export const HYPHEN = 0x2d;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;

export const BYTE_CLASS: Uint8Array = buildTable();

/** Returns the value of a hexadecimal digit. The byte must be of the class {@link HEX}. */
export function hexValue(byte: number): number {
  return byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57;
}

/** Whether the bytes from `start` to `end` equal `lower`, ignoring case. `lower` may contain only a-z, 0-9 and `-`. */
export function equalsIgnoreCase(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let at = 0; at < lower.length; at += 1) {
    const byte = bytes[start + at] as number;
    // Only letters are converted to lower case: `byte | 0x20` alone would turn 0x0D into a hyphen.
    const folded = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (folded !== lower.charCodeAt(at)) return false;
  }
  return true;
}

function buildTable(): Uint8Array {
  const table = new Uint8Array(256);
  const mark = (bit: number, characters: string): void => {
    for (const character of characters) {
      const byte = character.charCodeAt(0);
      table[byte] = (table[byte] as number) | bit;
    }
  };
  const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const digits = '0123456789';
  mark(TOKEN, `${letters}${digits}!#$%&'*+-.^_\`|~`);
  mark(HOST_NAME, `${letters}${digits}-._~%!$&'()*+;=`);
  mark(HEX, `${digits}abcdefABCDEF`);
  for (let byte = 0x21; byte < 0x7f; byte += 1) {
    mark(byte === HASH ? FIELD_VALUE : TARGET | FIELD_VALUE, String.fromCharCode(byte));
  }
  for (let byte = 0x80; byte < 0x100; byte += 1) mark(FIELD_VALUE, String.fromCharCode(byte));
  mark(FIELD_VALUE, ' \t');
  return table;
}

/** Returns the text from `start` to `end`, trimmed of SP and HTAB: HTTP has no other white space. */
export function trimBlanks(text: string, start = 0, end = text.length): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

export function isBlank(unit: number): boolean {
  return unit === SP || unit === HTAB;
}

/** Formats a byte for a message, such as `"a"` or `0x0a`. */
export function byteName(byte: number | undefined): string {
  if (byte === undefined) return 'nothing';
  return byte > 0x20 && byte < 0x7f
    ? `"${String.fromCharCode(byte)}"`
    : `0x${byte.toString(16).padStart(2, '0')}`;
}

/**
 * Copies a latin1 text into memory of its own. V8 keeps a concatenated string as a tree, and a slice as a reference to
 * the whole string. If we kept such a string, its tree would be read again for every response, or the slice would keep
 * a whole request head in memory.
 */
export function flatString(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

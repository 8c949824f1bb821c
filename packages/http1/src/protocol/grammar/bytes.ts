// The grammar room knows how single values of HTTP/1.1 are spelled (bytes, hosts, versions, dates, escapes), which limits
// and rules hold, and the errors that name a broken one. It does not know messages.

import { Buffer } from 'node:buffer';

/**
 * The alphabets of HTTP/1.1, one bit each, looked up once per byte. A table is what keeps the decoder at about a
 * nanosecond per byte without a regular expression.
 */

/** RFC 9110 §5.6.2 tchar: methods and header names. */
export const TOKEN = 1;
/** RFC 9110 §5.5 field-content with SP and HTAB between: visible ASCII, 0x80 to 0xFF, SP, HTAB. */
export const FIELD_VALUE = 2;
/**
 * Visible ASCII but `#`: what a request target may have. RFC 3986 allows less, but browsers send for instance `|`. A
 * fragment is never sent, and readers disagree on whether it ends the path.
 */
export const TARGET = 4;
/** RFC 3986 §3.2.2 reg-name without the comma, which lists use and no host name has (see HU-08). */
export const HOST_NAME = 8;
/** Digits of both cases for chunk sizes and percent escapes. */
export const HEX = 16;

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
const HASH = 0x23;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;

export const BYTE_CLASS: Uint8Array = buildTable();

/** The value of a hexadecimal digit; only for bytes of the class {@link HEX}. */
export function hexValue(byte: number): number {
  return byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57;
}

/** Whether the bytes from `start` to `end` spell `lower`, in any case. `lower` has only a-z, 0-9 and `-`. */
export function equalsIgnoreCase(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let at = 0; at < lower.length; at += 1) {
    const byte = bytes[start + at] as number;
    // Only letters fold. `byte | 0x20` alone would take 0x0D for a hyphen.
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

/** The text from `start` to `end` without SP and HTAB around it; no other character is white space in HTTP. */
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

/** Names one byte for a message, such as `"a"` or `0x0a`. */
export function byteName(byte: number | undefined): string {
  if (byte === undefined) return 'nothing';
  return byte > 0x20 && byte < 0x7f
    ? `"${String.fromCharCode(byte)}"`
    : `0x${byte.toString(16).padStart(2, '0')}`;
}

/**
 * The same latin1 text in memory of its own. V8 keeps what was joined as a tree and what was sliced as a reference to
 * the whole: a text that stays would have its tree walked in every answer, or keep a request's head alive.
 */
export function flatString(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

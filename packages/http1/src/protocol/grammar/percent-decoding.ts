import { Buffer, isUtf8 } from 'node:buffer';
import { QueryProtocolError } from './errors.ts';

const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;

/**
 * Undoes the `%xx` escapes of a path, and reads what they spell as UTF-8. A plus stays a plus.
 *
 * @param text - one code unit per byte, as it came: header fields and targets are such strings.
 * @throws QueryProtocolError `ERR_HTTP1_QUERY_ENCODING` (400) for an escape that is none, and for what is not UTF-8.
 */
export function percentDecode(text: string): string {
  return decode(text, PERCENT);
}

/** As {@link percentDecode} for names and values of a query or form, where a plus is a space (WHATWG URL §5.1). */
export function formDecode(text: string): string {
  return decode(text, PLUS);
}

/** @param plus - the unit that, beside a percent sign, does not stand for itself. */
function decode(text: string, plus: number): string {
  if (isPlain(text, plus)) return text;
  const bytes = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    let byte = unit;
    if (unit === PERCENT) {
      byte = hexDigit(text, at + 1) * 16 + hexDigit(text, at + 2);
      if (Number.isNaN(byte)) throw badEncoding('a percent sign must stand before two hex digits');
      at += 2;
    } else if (unit === plus) {
      byte = SPACE;
    } else if (unit > 0xff) {
      // Not of the wire: what it was decoded with before is unknown, and half of it would be lost in a byte.
      throw badEncoding('a code unit above 0xff is no byte');
    }
    bytes[length] = byte;
    length += 1;
  }
  const decoded = bytes.subarray(0, length);
  if (!isUtf8(decoded)) throw badEncoding('UTF-8 was expected');
  return decoded.toString('utf8');
}

function isPlain(text: string, plus: number): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === PERCENT || unit === plus || unit > 0x7f) return false;
  }
  return true;
}

/** The value of one hex digit, or NaN. */
function hexDigit(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30;
  const letter = unit | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : Number.NaN;
}

function badEncoding(detail: string): QueryProtocolError {
  return new QueryProtocolError('ERR_HTTP1_QUERY_ENCODING', detail);
}

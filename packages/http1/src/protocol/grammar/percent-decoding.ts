import { Buffer, isUtf8 } from 'node:buffer';
import { QueryProtocolError } from './errors.ts';

const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;

/**
 * Decodes the `%xx` escapes of a path as UTF-8. A plus sign is kept.
 *
 * @param text - one code unit per byte, as received: header values and targets are such strings.
 * @throws QueryProtocolError `ERR_HTTP1_QUERY_ENCODING` (400) if an escape is invalid or the result is not UTF-8.
 */
export function percentDecode(text: string): string {
  return decode(text, PERCENT);
}

/**
 * Like {@link percentDecode}, but for names and values of a query or form: a plus is decoded to a space (WHATWG URL
 * §5.1).
 */
export function formDecode(text: string): string {
  return decode(text, PLUS);
}

/** @param plus - the code unit that is decoded to a space; PERCENT if there is no such code unit. */
function decode(text: string, plus: number): string {
  if (isPlain(text, plus)) return text;
  const bytes = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    let byte = unit;
    if (unit === PERCENT) {
      byte = hexDigit(text, at + 1) * 16 + hexDigit(text, at + 2);
      if (Number.isNaN(byte)) throw badEncoding('a percent sign must be followed by two hex digits');
      at += 2;
    } else if (unit === plus) {
      byte = SPACE;
    } else if (unit > 0xff) {
      // A byte cannot have this value, so the text was not received like this: the caller has already decoded it.
      throw badEncoding('the text must have one code unit per byte, got one above 0xff');
    }
    bytes[length] = byte;
    length += 1;
  }
  const decoded = bytes.subarray(0, length);
  if (!isUtf8(decoded)) throw badEncoding('the text is not valid UTF-8');
  return decoded.toString('utf8');
}

function isPlain(text: string, plus: number): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === PERCENT || unit === plus || unit > 0x7f) return false;
  }
  return true;
}

/** Returns the value of a hex digit, or NaN. */
function hexDigit(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30;
  const letter = unit | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : Number.NaN;
}

function badEncoding(detail: string): QueryProtocolError {
  return new QueryProtocolError('ERR_HTTP1_QUERY_ENCODING', detail);
}

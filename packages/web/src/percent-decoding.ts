import { HTTPError } from './http-error.ts';

const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;
/** Throws where `decodeURIComponent` does, but for bytes that came unescaped, too. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decodes `%xx` escapes of a latin1 string, and what they spell as UTF-8.
 *
 * @param text - one code unit per byte, as it came.
 * @param plusIsSpace - as in forms and queries (WHATWG URL §5.1); in a path a plus is a plus.
 * @throws HTTPError 400 for an escape that is none, and for bytes that are not UTF-8.
 */
export function percentDecode(text: string, plusIsSpace: boolean): string {
  if (isPlain(text, plusIsSpace)) return text;
  const bytes = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === PERCENT) {
      const byte = hexValue(text, at + 1) * 16 + hexValue(text, at + 2);
      if (Number.isNaN(byte)) throw new HTTPError(400, 'a percent escape of two hex digits was expected');
      bytes[length] = byte;
      at += 2;
    } else {
      bytes[length] = plusIsSpace && unit === PLUS ? SPACE : unit;
    }
    length += 1;
  }
  try {
    return utf8.decode(bytes.subarray(0, length));
  } catch (cause) {
    throw new HTTPError(400, 'UTF-8 was expected', { cause });
  }
}

function isPlain(text: string, plusIsSpace: boolean): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === PERCENT || unit > 0x7f || (plusIsSpace && unit === PLUS)) return false;
  }
  return true;
}

/** The value of one hex digit, or NaN. */
function hexValue(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30;
  const letter = unit | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : Number.NaN;
}

/** Escapes all but unreserved characters of a path segment; a lone surrogate becomes U+FFFD. */
export function percentEncode(text: string): string {
  return encodeURIComponent(Buffer.from(text, 'utf8').toString('utf8'));
}

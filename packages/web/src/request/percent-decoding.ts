import { percentDecode as decode } from '@landspout/http1/protocol';
import { refusalOf } from './input-refusal.ts';

/**
 * Decodes the `%xx` escapes of a part of a path, and what they spell as UTF-8. A plus is a plus.
 *
 * @param text - latin1: one code unit per byte, as it came.
 * @throws HTTPError 400 for an escape that is none, and for bytes that are not UTF-8.
 */
export function percentDecode(text: string): string {
  try {
    return decode(text);
  } catch (error) {
    throw refusalOf(error);
  }
}

/** Escapes all but unreserved characters of a path segment; a lone surrogate becomes U+FFFD. */
export function percentEncode(text: string): string {
  return encodeURIComponent(Buffer.from(text, 'utf8').toString('utf8'));
}

/** As {@link percentEncode}, for several segments: their slashes stay. */
export function percentEncodePath(text: string): string {
  return text.split('/').map(percentEncode).join('/');
}

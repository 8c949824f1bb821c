import { DEFAULT_QUERY_LIMITS, type QueryArguments, QueryProtocolError } from '@landspout/http1';
import { percentDecode as decode, type MultipartProtocolError } from '@landspout/http1/protocol';
import { HTTPError } from '../errors.ts';

/** Names with all their values, in order. A Map, because an object would have inherited names. */
export type Arguments = QueryArguments;

/** Maximum number of fields of one query or form, as in PHP and Tornado: more would only keep the server busy. */
export const MAX_FIELDS: number = DEFAULT_QUERY_LIMITS.maxFields;

/**
 * Decodes the `%xx` escapes in a part of a path as UTF-8. Plus signs are kept.
 *
 * @param text - latin1: one code unit per received byte.
 * @throws HTTPError 400 if an escape is invalid or the bytes are not UTF-8.
 */
export function percentDecode(text: string): string {
  try {
    return decode(text);
  } catch (error) {
    throw error instanceof QueryProtocolError ? refusalOf(error) : error;
  }
}

/** Escapes all but the unreserved characters of a path segment; a lone surrogate becomes U+FFFD. */
export function percentEncode(text: string): string {
  return encodeURIComponent(Buffer.from(text, 'utf8').toString('utf8'));
}

/** Like {@link percentEncode}, for several segments: their slashes are kept. */
export function percentEncodePath(text: string): string {
  return text.split('/').map(percentEncode).join('/');
}

/** Converts a protocol error about an invalid path, query or form to the HTTPError that a handler throws. */
export function refusalOf(error: QueryProtocolError | MultipartProtocolError): HTTPError {
  return new HTTPError(error.status, error.message, { cause: error });
}

import { DEFAULT_QUERY_LIMITS, type QueryArguments, QueryProtocolError } from '@landspout/http1';
import { percentDecode as decode } from '@landspout/http1/protocol';
import { HTTPError } from '../errors.ts';

/** Names and all their values, in order. A map, so that no name reaches a prototype. */
export type Arguments = QueryArguments;

/** Most fields of one query or form: above it a peer only wants to keep us busy. The precedent is PHP's and Tornado's. */
export const MAX_FIELDS: number = DEFAULT_QUERY_LIMITS.maxFields;

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
    throw error instanceof QueryProtocolError ? refusalOf(error) : error;
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

/** What a handler throws for a path, query or form that breaks a rule. */
export function refusalOf(error: QueryProtocolError): HTTPError {
  return new HTTPError(error.status, error.message, { cause: error });
}

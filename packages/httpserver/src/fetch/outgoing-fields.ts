import type { ServerResponse } from 'node:http';
import type { HTTPHeaders } from '@landspout/http1';
import { isConnectionField } from '@landspout/http1/protocol';

const SET_COOKIE = 'set-cookie';
const VARY = 'vary';
/** The body is that of the Response. */
const CONTENT_LENGTH = 'content-length';

/**
 * Returns the fields of a Response and those that were set on `outgoing`. The Response wins, but Set-Cookie and Vary have
 * the values of both, those of `outgoing` first.
 *
 * @param headers - is not changed.
 * @throws Http1UsageError if a field of `outgoing` cannot be sent.
 */
export function withOutgoingFields(headers: HTTPHeaders, outgoing: ServerResponse): HTTPHeaders {
  const names = outgoing.getHeaderNames();
  if (names.length === 0) return headers;
  const merged = headers.copy();
  for (const name of names) {
    if (name === CONTENT_LENGTH || isConnectionField(name)) continue;
    const own = name === SET_COOKIE || name === VARY ? merged.getList(name) : [];
    if (own.length === 0 && merged.has(name)) continue;
    merged.delete(name);
    const value = outgoing.getHeader(name);
    for (const one of Array.isArray(value) ? value : [String(value)]) merged.add(name, one);
    for (const one of own) merged.add(name, one);
  }
  return merged;
}

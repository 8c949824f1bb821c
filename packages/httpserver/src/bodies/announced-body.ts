import type { HTTPHeaders } from '@landspout/http1';

/**
 * Returns how many bytes the body of a request has according to its headers (RFC 9112 §6.3): 0 without a body, -1 if
 * the length is not known, because the body is chunked, or because the server decompresses it and has removed its
 * length.
 */
export function announcedBodyBytes(headers: HTTPHeaders): number {
  if (headers.has('Transfer-Encoding')) return -1;
  const length = headers.get('Content-Length');
  if (length !== undefined) return Number(length);
  return headers.has('X-Consumed-Content-Encoding') ? -1 : 0;
}

import type { HTTPHeaders } from '@landspout/http1';
import type { ContentCoding } from '@landspout/http1/content-coding';
import type { CompressionSettings } from './compression-settings.ts';

// What a content coding means for the headers of a response. Does not choose the coding: see `../accept-encoding.ts`.

/**
 * Headers that describe the bytes of the body as they are, and would be wrong for the encoded ones (RFC 9110 §8.4 and
 * §14.4, RFC 9530).
 */
const DESCRIBES_BYTES = ['Content-Encoding', 'Content-Range', 'Content-Digest', 'Repr-Digest', 'Content-MD5'];

/** RFC 9111 §5.2.2.6. */
const NO_TRANSFORM = /(?:^|[,\s])no-transform(?:$|[,\s])/i;

/**
 * Whether a response could be sent with a content coding, if the client accepts one. If it could, the response depends
 * on Accept-Encoding whether it is compressed or not: call {@link addVary}.
 *
 * Not with status 1xx, 204, 205, 206 or 304, nor in response to CONNECT; not if the type is not to be compressed, or the
 * headers contain Content-Encoding, Content-Range, a digest of the body, or `Cache-Control: no-transform`. The response
 * to HEAD is judged like that to GET. The size of the body is not considered.
 */
export function mayCompress(
  status: number,
  method: string,
  headers: HTTPHeaders,
  settings: CompressionSettings,
): boolean {
  if (status < 200 || status === 204 || status === 205 || status === 206 || status === 304) return false;
  if (method === 'CONNECT' || !settings.isCompressible(headers.get('Content-Type'))) return false;
  for (const name of DESCRIBES_BYTES) if (headers.has(name)) return false;
  const cacheControl = headers.get('Cache-Control');
  return cacheControl === undefined || !NO_TRANSFORM.test(cacheControl);
}

/**
 * Returns the entity tag of the encoded form: `W/"abc-gzip"` for `"abc"` and for `W/"abc"`. It is weak, because the same
 * body may be encoded to other bytes by another version of the library, and it differs for each coding, because caches
 * must not mix them up (RFC 9110 §8.8.3.3). What is not an entity tag is returned unchanged.
 *
 * Since weak tags never match If-Match (RFC 9110 §13.1.1), clients cannot use such a tag to protect an update.
 */
export function encodedEntityTag(tag: string, coding: ContentCoding): string {
  const start = tag.startsWith('W/"') ? 2 : 0;
  if (tag.length < start + 2 || tag[start] !== '"' || !tag.endsWith('"')) return tag;
  return `W/${tag.slice(start, -1)}-${coding}"`;
}

/**
 * Changes the headers of a response whose body will be encoded: sets Content-Encoding, changes the ETag
 * ({@link encodedEntityTag}), and removes Content-Length and Accept-Ranges. The caller sets the new Content-Length if it
 * knows it. Does not call {@link addVary}.
 */
export function encodeHeaders(headers: HTTPHeaders, coding: ContentCoding): void {
  headers.set('Content-Encoding', coding);
  const tag = headers.get('ETag');
  if (tag !== undefined) headers.set('ETag', encodedEntityTag(tag, coding));
  headers.delete('Content-Length');
  headers.delete('Accept-Ranges');
}

/** Adds `Accept-Encoding` to Vary, unless it already has it or `*` (RFC 9110 §12.5.5). */
export function addVary(headers: HTTPHeaders): void {
  const vary = headers.get('Vary');
  if (vary === undefined || vary.trim() === '') {
    headers.set('Vary', 'Accept-Encoding');
    return;
  }
  for (const member of vary.split(',')) {
    const name = member.trim().toLowerCase();
    if (name === 'accept-encoding' || name === '*') return;
  }
  headers.set('Vary', `${vary}, Accept-Encoding`);
}

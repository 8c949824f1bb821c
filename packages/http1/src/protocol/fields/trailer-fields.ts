import {
  CONNECTION,
  CONTENT_LENGTH,
  EXPECT,
  HOST,
  TRANSFER_ENCODING,
  UPGRADE,
} from '../grammar/framing-fields.ts';
import { headerFlag } from './header-names.ts';
import type { HTTPHeaders } from './http-headers.ts';

/**
 * Fields that frame or route a message, which is long under way when a trailer comes (RFC 9110 §6.5.1). A peer that
 * sends one is refused, and not only ignored, because only an attempt to smuggle sends them.
 */
export const FRAMING_IN_TRAILERS = HOST | CONTENT_LENGTH | TRANSFER_ENCODING | CONNECTION | UPGRADE | EXPECT;

/**
 * Fields whose definitions keep them out of trailers: they say how the message is to be processed, who asks, or what
 * the content is (RFC 9110 §6.5.1). We do not send them there; what a peer sends stays apart from the headers.
 */
const NEVER_SENT: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'cache-control',
  'content-encoding',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expires',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'keep-alive',
  'location',
  'max-forwards',
  'pragma',
  'proxy-authenticate',
  'proxy-authorization',
  'range',
  'retry-after',
  'set-cookie',
  'te',
  'trailer',
  'vary',
  'warning',
  'www-authenticate',
]);

/** Names the first field that must not be sent as a trailer, or answers undefined. */
export function forbiddenTrailer(trailers: HTTPHeaders): string | undefined {
  for (const [name] of trailers.getAll()) {
    const key = name.toLowerCase();
    if ((headerFlag(key) & FRAMING_IN_TRAILERS) !== 0 || NEVER_SENT.has(key)) return name;
  }
  return undefined;
}

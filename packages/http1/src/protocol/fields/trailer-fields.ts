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
 * Fields that frame or route a message, and so are too late in a trailer (RFC 9110 §6.5.1). If a peer sends one, the
 * whole message is refused instead of only ignoring the field, because such a trailer is most likely an attempt at
 * request smuggling.
 */
export const FRAMING_IN_TRAILERS = HOST | CONTENT_LENGTH | TRANSFER_ENCODING | CONNECTION | UPGRADE | EXPECT;

/**
 * Fields that must not be trailers, because they control processing, authenticate the sender or describe the content
 * (RFC 9110 §6.5.1). We do not send them. If a peer sends them, they are kept separate from the headers, like all
 * trailers.
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

/** Returns the name of the first field that must not be sent as a trailer; undefined if there is none. */
export function forbiddenTrailer(trailers: HTTPHeaders): string | undefined {
  for (const [name] of trailers.getAll()) {
    const key = name.toLowerCase();
    if ((headerFlag(key) & FRAMING_IN_TRAILERS) !== 0 || NEVER_SENT.has(key)) return name;
  }
  return undefined;
}

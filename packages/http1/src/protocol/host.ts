import { BYTE_CLASS, COLON, HEX, HOST_NAME } from './byte-classes.ts';

const PERCENT = 0x25;
const DOT = 0x2e;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const MAX_PORT = 65_535;

/**
 * Whether the bytes are `uri-host [ ":" port ]` (RFC 9110 §7.2) with a name in it: a registered name, an IPv4
 * address or a bracketed IPv6 address. No user information, no comma, no bare `::1`. A port may be empty
 * (RFC 3986 §3.2.3), and is at most 65535.
 */
export function isAuthority(bytes: Uint8Array, start: number, end: number): boolean {
  const hostEnd = bytes[start] === OPEN_BRACKET ? literalEnd(bytes, start, end) : nameEnd(bytes, start, end);
  if (hostEnd <= start) return false;
  return hostEnd === end || (bytes[hostEnd] === COLON && isPort(bytes, hostEnd + 1, end));
}

function nameEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (classOf(bytes, at) & HOST_NAME) !== 0) {
    if (bytes[at] === PERCENT) {
      const escapes = at + 2 < end && (classOf(bytes, at + 1) & classOf(bytes, at + 2) & HEX) !== 0;
      if (!escapes) return -1;
    }
    at += 1;
  }
  return at;
}

/** RFC 3986 §3.2.2 IP-literal, without the IPvFuture that never came. Zone identifiers do not belong on the wire. */
function literalEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start + 1;
  let colons = 0;
  while (at < end && bytes[at] !== CLOSE_BRACKET) {
    if (bytes[at] === COLON) colons += 1;
    else if ((classOf(bytes, at) & HEX) === 0 && bytes[at] !== DOT) return -1;
    at += 1;
  }
  return at < end && colons >= 2 ? at + 1 : -1;
}

function isPort(bytes: Uint8Array, start: number, end: number): boolean {
  let port = 0;
  for (let at = start; at < end; at += 1) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
    if (port > MAX_PORT) return false;
  }
  return true;
}

function classOf(bytes: Uint8Array, at: number): number {
  return BYTE_CLASS[bytes[at] as number] as number;
}

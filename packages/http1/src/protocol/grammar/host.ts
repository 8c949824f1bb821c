import { BYTE_CLASS, COLON, HEX, HOST_NAME } from './bytes.ts';
import { isIPv6 } from './ipv6.ts';

const PERCENT = 0x25;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const MAX_PORT = 65_535;

/**
 * Whether the bytes are `uri-host [ ":" port ]` (RFC 9110 §7.2) with a name in it: a registered name, an IPv4
 * address or a bracketed IPv6 address. No user information, no comma, no bare `::1`. A port may be empty
 * (RFC 3986 §3.2.3), and is at most 65535.
 */
export function isAuthority(bytes: Uint8Array, start: number, end: number): boolean {
  const to = hostEnd(bytes, start, end);
  if (to <= start) return false;
  return to === end || (bytes[to] === COLON && portOf(bytes, to + 1, end) >= 0);
}

/** Whether the bytes are `uri-host ":" port` with a port that can be connected to: RFC 9110 §9.3.6 asks for both. */
export function isConnectTarget(bytes: Uint8Array, start: number, end: number): boolean {
  const to = hostEnd(bytes, start, end);
  return to > start && bytes[to] === COLON && portOf(bytes, to + 1, end) > 0;
}

function hostEnd(bytes: Uint8Array, start: number, end: number): number {
  return bytes[start] === OPEN_BRACKET ? literalEnd(bytes, start, end) : nameEnd(bytes, start, end);
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
  let close = start + 1;
  while (close < end && bytes[close] !== CLOSE_BRACKET) close += 1;
  return close < end && isIPv6(bytes, start + 1, close) ? close + 1 : -1;
}

/** The number of a port, 0 where it is empty, or -1 where it is none. */
function portOf(bytes: Uint8Array, start: number, end: number): number {
  let port = 0;
  for (let at = start; at < end; at += 1) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    port = port * 10 + digit;
    if (port > MAX_PORT) return -1;
  }
  return port;
}

function classOf(bytes: Uint8Array, at: number): number {
  return BYTE_CLASS[bytes[at] as number] as number;
}

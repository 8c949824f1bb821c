import { Buffer } from 'node:buffer';
import { BYTE_CLASS, COLON, HEX, HOST_NAME } from './bytes.ts';

const PERCENT = 0x25;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const MAX_PORT = 65_535;

/**
 * Whether the bytes are `uri-host [ ":" port ]` (RFC 9110 §7.2) with a nonempty host: a registered name, an IPv4
 * address or an IPv6 address in brackets. User information, a comma and a bare `::1` are not allowed. A port may be
 * empty (RFC 3986 §3.2.3), and is at most 65535.
 */
export function isAuthority(bytes: Uint8Array, start: number, end: number): boolean {
  const to = hostEnd(bytes, start, end);
  if (to <= start) return false;
  return to === end || (bytes[to] === COLON && portOf(bytes, to + 1, end) >= 0);
}

/** Whether the bytes are `uri-host ":" port` with a port from 1 to 65535: RFC 9110 §9.3.6 requires both. */
export function isConnectTarget(bytes: Uint8Array, start: number, end: number): boolean {
  const to = hostEnd(bytes, start, end);
  return to > start && bytes[to] === COLON && portOf(bytes, to + 1, end) > 0;
}

function hostEnd(bytes: Uint8Array, start: number, end: number): number {
  return bytes[start] === OPEN_BRACKET ? literalEnd(bytes, start, end) : nameEnd(bytes, start, end);
}

function nameEnd(bytes: Uint8Array, start: number, end: number): number {
  const table = BYTE_CLASS;
  let at = start;
  while (at < end) {
    const byte = bytes[at] as number;
    if (((table[byte] as number) & HOST_NAME) === 0) break;
    if (byte === PERCENT && !(at + 2 < end && isHex(bytes[at + 1]) && isHex(bytes[at + 2]))) return -1;
    at += 1;
  }
  return at;
}

/** RFC 3986 §3.2.2 IP-literal, but without IPvFuture, of which no version is defined, and without zone identifiers. */
function literalEnd(bytes: Uint8Array, start: number, end: number): number {
  let close = start + 1;
  while (close < end && bytes[close] !== CLOSE_BRACKET) close += 1;
  return close < end && isIPv6(bytes, start + 1, close) ? close + 1 : -1;
}

/** Returns the port: 0 if it is empty, -1 if it is invalid. */
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

/** The parts of `uri-host [ ":" port ]`. */
export interface HostAndPort {
  /** As written. An IPv6 address keeps its brackets, as in a URL. */
  readonly host: string;
  /** 0 to 65535; undefined if there is none. */
  readonly port: number | undefined;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII.
const ASCII = /^[\x00-\x7f]*$/;

/**
 * Splits `host:port`, `host` or `[::1]:port`, as in a Host header or URL (RFC 9110 §7.2).
 *
 * @returns undefined if the text is invalid: for example an IPv6 address without brackets, user information, a list, a
 *   port above 65535, or a name that is not ASCII.
 */
export function splitHostAndPort(authority: string): HostAndPort | undefined {
  if (!ASCII.test(authority)) return undefined;
  const bytes = Buffer.from(authority, 'latin1');
  if (!isAuthority(bytes, 0, bytes.length)) return undefined;
  const colon = authority.indexOf(':', authority.lastIndexOf(']') + 1);
  if (colon === -1) return { host: authority, port: undefined };
  const port = authority.slice(colon + 1);
  return { host: authority.slice(0, colon), port: port === '' ? undefined : Number(port) };
}

/** Returns the host of an authority or Host header without the port, in lower case. IPv6 addresses keep brackets. */
export function hostName(authority: string): string {
  return (splitHostAndPort(authority)?.host ?? authority).toLowerCase();
}

const DOT = 0x2e;
const ZERO = 0x30;
const MAX_GROUPS = 8;
/** An IPv4 address at the end of an IPv6 address replaces two groups. */
const IPV4_GROUPS = 2;

/** Whether the bytes are an IPv6address (RFC 3986 §3.2.2), without its brackets and without a zone. */
function isIPv6(bytes: Uint8Array, start: number, end: number): boolean {
  let groups = 0;
  let gap = false;
  let at = start;
  if (bytes[at] === COLON) {
    if (bytes[at + 1] !== COLON) return false;
    gap = true;
    at += 2;
  }
  while (at < end) {
    const from = at;
    while (at < end && at - from <= 4 && isHex(bytes[at])) at += 1;
    if (at < end && bytes[at] === DOT) {
      return isIPv4(bytes, from, end) && fits(groups + IPV4_GROUPS, gap);
    }
    if (at === from || at - from > 4) return false;
    groups += 1;
    if (at === end) break;
    if (bytes[at] !== COLON) return false;
    at += 1;
    if (at < end && bytes[at] === COLON) {
      if (gap) return false;
      gap = true;
      at += 1;
    } else if (at === end) {
      return false;
    }
  }
  return fits(groups, gap);
}

/** Whether the number of groups is valid; `::` replaces at least one group. */
function fits(groups: number, gap: boolean): boolean {
  return gap ? groups < MAX_GROUPS : groups === MAX_GROUPS;
}

/**
 * Whether the bytes are four numbers from 0 to 255. Leading zeros are not allowed, because some parsers read such
 * numbers as octal.
 */
function isIPv4(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  for (let part = 0; part < 4; part += 1) {
    if (part > 0) {
      if (bytes[at] !== DOT) return false;
      at += 1;
    }
    const from = at;
    let value = 0;
    while (at < end && at - from < 3) {
      const digit = (bytes[at] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at += 1;
    }
    if (at === from || value > 255 || (at - from > 1 && bytes[from] === ZERO)) return false;
  }
  return at === end;
}

function isHex(byte: number | undefined): boolean {
  return byte !== undefined && ((BYTE_CLASS[byte] as number) & HEX) !== 0;
}

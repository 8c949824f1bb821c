// The targets/ folder holds request targets and URLs, and the arguments of a query or form body. The folders decoding/
// and encoding/ handle the rest of the message.

import { excerpt } from '@landspout/ioloop/errors';
import { equalsIgnoreCase } from '../grammar/bytes.ts';
import { Http1ProtocolError } from '../grammar/errors.ts';
import { isAuthority, isConnectTarget } from '../grammar/host.ts';

const ASTERISK = 0x2a;
const SLASH = 0x2f;
const QUESTION = 0x3f;

/** The host if the client sent none, as in Tornado. */
const NO_HOST = '127.0.0.1';

/** Scheme and authority of a target in absolute form (RFC 9112 §3.2.2). */
const ABSOLUTE = /^https?:\/\/([^/?#]+)/i;

/** Returns the method. Common methods are returned as constants, which need no slice and can be compared fast. */
export function methodName(bytes: Uint8Array, start: number, length: number, text: string): string {
  if (length === 3) {
    if (spells(bytes, start, 'GET')) return 'GET';
    if (spells(bytes, start, 'PUT')) return 'PUT';
  } else if (length === 4) {
    if (spells(bytes, start, 'POST')) return 'POST';
    if (spells(bytes, start, 'HEAD')) return 'HEAD';
  } else if (length === 5) {
    if (spells(bytes, start, 'PATCH')) return 'PATCH';
  } else if (length === 6) {
    if (spells(bytes, start, 'DELETE')) return 'DELETE';
  } else if (length === 7) {
    if (spells(bytes, start, 'OPTIONS')) return 'OPTIONS';
    if (spells(bytes, start, 'CONNECT')) return 'CONNECT';
  }
  return text.slice(0, length);
}

/**
 * Checks that a target has one of the four forms (RFC 9112 §3.2), and returns its authority. If there is one, a server
 * must take the host from it and ignore Host (§3.2.2, §3.3). None of the forms has a fragment: the request line scanner
 * already refuses `#`.
 *
 * @returns undefined if the target has no authority, so that Host applies.
 */
export function targetAuthority(
  bytes: Buffer,
  start: number,
  end: number,
  method: string,
): string | undefined {
  if (method === 'CONNECT') {
    if (!isConnectTarget(bytes, start, end)) throw badTarget(bytes, start, end);
    return bytes.toString('latin1', start, end);
  }
  const first = bytes[start];
  if (first === SLASH) return undefined;
  if (first === ASTERISK && end === start + 1 && method === 'OPTIONS') return undefined;
  return absoluteAuthority(bytes, start, end);
}

function absoluteAuthority(bytes: Buffer, start: number, end: number): string {
  let from = -1;
  if (end - start > 7 && equalsIgnoreCase(bytes, start, start + 4, 'http')) from = start + 4;
  if (end - start > 8 && equalsIgnoreCase(bytes, start, start + 5, 'https')) from = start + 5;
  const marked = from > 0 && bytes[from] === 0x3a && bytes[from + 1] === SLASH && bytes[from + 2] === SLASH;
  if (!marked) throw badTarget(bytes, start, end);
  from += 3;
  let to = from;
  while (to < end && bytes[to] !== SLASH && bytes[to] !== QUESTION) to += 1;
  if (!isAuthority(bytes, from, to)) throw badTarget(bytes, start, end);
  return bytes.toString('latin1', from, to);
}

function spells(bytes: Uint8Array, start: number, word: string): boolean {
  for (let at = 0; at < word.length; at += 1) {
    if (bytes[start + at] !== word.charCodeAt(at)) return false;
  }
  return true;
}

function badTarget(bytes: Buffer, start: number, end: number): Http1ProtocolError {
  const target = excerpt(bytes.toString('latin1', start, end));
  return new Http1ProtocolError(
    'ERR_HTTP1_BAD_TARGET',
    `the target ${target} has none of the four valid forms`,
  );
}

/**
 * Returns the path of a request target as sent: neither decoded nor normalised; `/` if an absolute target has none.
 * Targets without a path (`*`, and the target of CONNECT) are returned unchanged.
 */
export function targetPath(target: string): string {
  const local = localPart(target);
  if (local === undefined) return target;
  const mark = local.indexOf('?');
  const path = mark === -1 ? local : local.slice(0, mark);
  return path === '' ? '/' : path;
}

/** Returns the part of a request target after the first `?`, as sent; '' if there is none. */
export function targetQuery(target: string): string {
  const mark = target.indexOf('?');
  return mark === -1 ? '' : target.slice(mark + 1);
}

/**
 * Returns the `host[:port]` of a request: from an absolute target or the target of CONNECT, in which case Host must be
 * ignored (RFC 9112 §3.2.2, §3.3), else from Host. Returns `127.0.0.1` if the client sent no host, which HTTP/1.0
 * allows.
 *
 * @param hostField - the value of the Host header.
 */
export function requestHost(method: string, target: string, hostField: string | undefined): string {
  if (target.charCodeAt(0) !== SLASH) {
    if (method === 'CONNECT') return target;
    const authority = ABSOLUTE.exec(target)?.[1];
    if (authority !== undefined) return authority;
  }
  return hostField || NO_HOST;
}

/**
 * Returns the URL of a request (RFC 9112 §3.3).
 *
 * @param protocol - the scheme with which the request was received; it overrides the scheme of an absolute target.
 * @param host - the result of {@link requestHost}.
 */
export function fullUrl(protocol: 'http' | 'https', host: string, target: string): string {
  const local = localPart(target) ?? '';
  const slash = local === '' || local.charCodeAt(0) === SLASH ? '' : '/';
  return `${protocol}://${host}${slash}${local}`;
}

/** Returns path and query of a target; undefined for `*` and the target of CONNECT, which have none. */
function localPart(target: string): string | undefined {
  if (target.charCodeAt(0) === SLASH) return target;
  const start = ABSOLUTE.exec(target)?.[0].length;
  return start === undefined ? undefined : target.slice(start);
}

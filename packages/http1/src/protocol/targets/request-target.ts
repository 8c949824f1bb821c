import { excerpt } from '@landspout/ioloop/errors';
// The targets room knows request targets and URLs, and the arguments that come in a query or a form body. It does not
// know the message around them.

import { equalsIgnoreCase } from '../grammar/bytes.ts';
import { Http1ProtocolError } from '../grammar/errors.ts';
import { isAuthority, isConnectTarget } from '../grammar/host.ts';

const ASTERISK = 0x2a;
const SLASH = 0x2f;
const QUESTION = 0x3f;

/** What a peer that named no host means, for a server that has but one name. As Tornado has it. */
const NO_HOST = '127.0.0.1';

/** Scheme and authority of a target in absolute form (RFC 9112 §3.2.2). */
const ABSOLUTE = /^https?:\/\/([^/?#]+)/i;

/** Names the method without cutting a string for the usual ones: they come as constants, which compare fast. */
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
 * Checks which of the four forms a target has (RFC 9112 §3.2), and finds the authority that it names: a server must
 * take the host from there and ignore Host (§3.2.2, §3.3). A fragment is in none of the forms; `#` is refused with
 * the line.
 *
 * @returns undefined where the target has no authority, so that Host counts.
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
  return new Http1ProtocolError('ERR_HTTP1_BAD_TARGET', `the target ${target} has none of the four forms`);
}

/**
 * The path of a request target as it came: neither decoded nor normalised, `/` where an absolute one has none. A target
 * that has no path, which is `*` and that of CONNECT, is its own.
 */
export function targetPath(target: string): string {
  const local = localPart(target);
  if (local === undefined) return target;
  const mark = local.indexOf('?');
  const path = mark === -1 ? local : local.slice(0, mark);
  return path === '' ? '/' : path;
}

/** What stands behind the first `?` of a request target, as it came; '' where there is none. */
export function targetQuery(target: string): string {
  const mark = target.indexOf('?');
  return mark === -1 ? '' : target.slice(mark + 1);
}

/**
 * The `host[:port]` that a request is for: that of an absolute target or of CONNECT, where Host must be ignored
 * (RFC 9112 §3.2.2, §3.3), else that of Host. `127.0.0.1` where the peer named none, as HTTP/1.0 may.
 *
 * @param hostField - the value of Host.
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
 * The URL that a request is for (RFC 9112 §3.3).
 *
 * @param protocol - how the request came, which a target in absolute form does not overrule.
 * @param host - as {@link requestHost} gives it.
 */
export function fullUrl(protocol: 'http' | 'https', host: string, target: string): string {
  const local = localPart(target) ?? '';
  const slash = local === '' || local.charCodeAt(0) === SLASH ? '' : '/';
  return `${protocol}://${host}${slash}${local}`;
}

/** Path and query of a target; undefined for `*` and for that of CONNECT, which have none. */
function localPart(target: string): string | undefined {
  if (target.charCodeAt(0) === SLASH) return target;
  const start = ABSOLUTE.exec(target)?.[0].length;
  return start === undefined ? undefined : target.slice(start);
}

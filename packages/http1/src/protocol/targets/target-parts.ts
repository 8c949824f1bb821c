const SLASH = 0x2f;

/** What a peer that named no host means, for a server that has but one name. As Tornado has it. */
const NO_HOST = '127.0.0.1';

/** Scheme and authority of a target in absolute form (RFC 9112 §3.2.2). */
const ABSOLUTE = /^https?:\/\/([^/?#]+)/i;

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

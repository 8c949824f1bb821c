import { splitHostAndPort } from '../grammar/host.ts';

/** The schemes whose pages have a host, with their default ports. */
const DEFAULT_PORTS = { http: 80, https: 443 } as const;

type Scheme = keyof typeof DEFAULT_PORTS;

/** An http or https origin (RFC 6454 §6.2). {@link originOf} checks the host. */
const ORIGIN = /^(https?):\/\/([^/]+)$/i;
/** An origin as a person may write it: the name may have characters that are not ASCII, and a slash may follow. */
const WRITTEN = /^https?:\/\/[^/?#@\\\s,\p{Cc}]+\/?$/iu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII.
const ASCII = /^[\x00-\x7f]*$/;

/**
 * Returns an origin in the form in which browsers send it (RFC 6454 §6.2): in lower case, with names as punycode and
 * IPv6 addresses as in RFC 5952, without the default port and without a slash at the end.
 *
 * A dot at the end of a name is kept, because browsers treat `a.example.` and `a.example` as different hosts.
 *
 * @param text - an origin from a person or a peer, such as `https://Example.com:443/`.
 * @returns `undefined` if the text is not an http or https origin. `null`, which sandboxed pages send, is not an origin
 *   either.
 */
export function canonicalOrigin(text: string): string | undefined {
  if (typeof text !== 'string' || !WRITTEN.test(text)) return undefined;
  return parsed(text.endsWith('/') ? text.slice(0, -1) : text)?.origin;
}

/**
 * Whether the `Origin` of a request matches the host to which the request was sent. If it does, a page of this site
 * sent the request. Upper case, the default port and the spelling of an IPv6 address make no difference. `null` never
 * matches.
 *
 * @param origin - the value of the Origin header. Only the forms that browsers send match: no slash at the end, no user
 *   information, no percent escapes.
 * @param host - the `host[:port]` of the request.
 * @param protocol - the scheme of the request; the origin must have the same one. If undefined, the schemes are not
 *   compared, because a proxy in front of the server may terminate TLS; the default port is then that of the origin's
 *   scheme.
 */
export function isSameOrigin(origin: string, host: string, protocol?: 'http' | 'https'): boolean {
  const from = ASCII.test(origin) ? parsed(origin) : undefined;
  return from !== undefined && from.origin === originOf(protocol ?? from.scheme, host);
}

/**
 * Whether the `Origin` of a request is an origin of this site.
 *
 * @param origin - as in {@link isSameOrigin}.
 * @param publicOrigins - the origins of this site, as {@link canonicalOrigin} returns them. If `undefined`, the origin
 *   must match the host of the request, with either scheme.
 * @param host - the `host[:port]` of the request.
 */
export function isOwnOrigin(
  origin: string,
  publicOrigins: readonly string[] | undefined,
  host: string,
): boolean {
  if (publicOrigins === undefined) return isSameOrigin(origin, host);
  const from = ASCII.test(origin) ? parsed(origin) : undefined;
  return from !== undefined && publicOrigins.includes(from.origin);
}

function parsed(text: string): { readonly scheme: Scheme; readonly origin: string } | undefined {
  const [, written, authority] = ORIGIN.exec(text) ?? [];
  if (written === undefined || authority === undefined) return undefined;
  const scheme = written.toLowerCase() as Scheme;
  const ascii = ASCII.test(authority) ? authority : asciiHost(scheme, authority);
  const origin = ascii === undefined ? undefined : originOf(scheme, ascii);
  return origin === undefined ? undefined : { scheme, origin };
}

/**
 * Returns the origin of an authority. Percent escapes are refused instead of decoded: browsers do not send them, and
 * another parser might decode them to another host. Port 0 is also refused, because no page can have it.
 */
function originOf(scheme: Scheme, authority: string): string | undefined {
  const { host, port } = splitHostAndPort(authority) ?? {};
  if (host === undefined || port === 0 || host.includes('%')) return undefined;
  const name = host.startsWith('[') ? new URL(`http://${host}`).hostname : host.toLowerCase();
  const suffix = port === undefined || port === DEFAULT_PORTS[scheme] ? '' : `:${port}`;
  return `${scheme}://${name}${suffix}`;
}

/** Returns an authority with its name as punycode. */
function asciiHost(scheme: Scheme, authority: string): string | undefined {
  try {
    return new URL(`${scheme}://${authority}`).host;
  } catch {
    return undefined;
  }
}

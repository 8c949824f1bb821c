import { shownText, shownValue } from '@landspout/ioloop/errors';

/** RFC 6454 §6.2, of the schemes that pages with a host of their own have. No path, no user, no blanks. */
const ORIGIN = /^(https?):\/\/([^/?#@\\\s,]+)$/i;

/** A name, an IPv4 address or a bracketed IPv6 address, then a port or nothing. An empty port is the default one. */
const AUTHORITY = /^(\[[0-9a-f:.]+\]|[^:[\]/?#@\\\s,]+)(?::([0-9]{0,5}))?$/i;

/**
 * Whether a browser's `Origin` is the site that the request went to: what `check_origin` asks by default. It stops
 * another site's page from using the visitor's cookies on our WebSocket (RFC 6455 §10.2).
 *
 * Host names are compared without regard to case, ports with the defaults of 80 and 443 filled in. `null`, which
 * sandboxed pages and files send, is never the same origin. Whether a request without an Origin may pass is the
 * caller's matter: browsers always send one, other programs could send any.
 *
 * @param origin - the value of Origin.
 * @param host - the value of Host.
 * @param tls - whether the client came over TLS; then the scheme has to match too. Leave it out where a proxy that
 * ends TLS may stand in front: the scheme is then the origin's.
 */
export function isSameOrigin(origin: string, host: string, tls?: boolean): boolean {
  const [, scheme, originAuthority] = ORIGIN.exec(origin) ?? [];
  if (scheme === undefined || originAuthority === undefined) return false;
  const isSecure = scheme.toLowerCase() === 'https';
  if (tls !== undefined && tls !== isSecure) return false;
  const defaultPort = isSecure ? 443 : 80;
  const from = normalAuthority(originAuthority, defaultPort);
  return from !== undefined && from === normalAuthority(host, defaultPort);
}

/**
 * Says which origin may not connect, and what would have to change, for the log and for the response: both texts are the
 * client's, so they are quoted, escaped and clipped.
 *
 * @param answer - what `checkOrigin` returned in place of `true`.
 * @param isDefault - whether it is the check of {@link isSameOrigin}, and no override.
 */
export function originRefusal(origin: string, host: string, answer: unknown, isDefault: boolean): string {
  const refused = `the origin ${shownText(origin)} may not open a WebSocket here`;
  if (isDefault)
    return `${refused}: it is not that of Host, ${shownText(host)}; override checkOrigin to allow it`;
  const shown = answer === false ? '' : `, but ${shownValue(answer)}`;
  return `${refused}: checkOrigin did not return true${shown}`;
}

function normalAuthority(authority: string, defaultPort: number): string | undefined {
  const [, host, port] = AUTHORITY.exec(authority) ?? [];
  if (host === undefined) return undefined;
  return `${host.toLowerCase()}:${port === undefined || port === '' ? defaultPort : Number(port)}`;
}

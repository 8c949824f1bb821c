import { shownText, shownValue } from '@landspout/ioloop/errors';

/** An origin (RFC 6454 §6.2) of the schemes whose pages have a host. No path, no user, no white space. */
const ORIGIN = /^(https?):\/\/([^/?#@\\\s,]+)$/i;

/** A name, an IPv4 address or a bracketed IPv6 address, then an optional port. An empty port means the default one. */
const AUTHORITY = /^(\[[0-9a-f:.]+\]|[^:[\]/?#@\\\s,]+)(?::([0-9]{0,5}))?$/i;

/**
 * Whether the `Origin` of a browser is the site that the request was sent to; `checkOrigin` uses it by default. This
 * stops a page of another site from using the visitor's cookies on our WebSocket (RFC 6455 §10.2).
 *
 * Host names are compared without regard to case, and missing ports default to 80 and 443. The origin `null`, which
 * sandboxed pages and files send, never matches. Whether a request without an Origin is allowed is up to the caller:
 * browsers always send one, and other programs could send any.
 *
 * @param origin - the value of the Origin header.
 * @param host - the value of the Host header.
 * @param tls - whether the client used TLS; if given, the scheme must match too. Leave it out if a proxy may terminate
 *   TLS in front of the server: then the scheme of the origin is not checked.
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
 * Explains, for the log and the response, which origin was refused and how to allow it. Both values come from the
 * client, so they are quoted, escaped and clipped.
 *
 * @param answer - what `checkOrigin` returned instead of `true`.
 * @param isDefault - whether the default check refused it, which is {@link isSameOrigin}, and not an override.
 */
export function originRefusal(origin: string, host: string, answer: unknown, isDefault: boolean): string {
  const refused = `the origin ${shownText(origin)} may not open a WebSocket here`;
  if (isDefault)
    return `${refused}: it does not match the Host header, ${shownText(host)}; override checkOrigin to allow it`;
  const shown = answer === false ? '' : `, but ${shownValue(answer)}`;
  return `${refused}: checkOrigin did not return true${shown}`;
}

function normalAuthority(authority: string, defaultPort: number): string | undefined {
  const [, host, port] = AUTHORITY.exec(authority) ?? [];
  if (host === undefined) return undefined;
  return `${host.toLowerCase()}:${port === undefined || port === '' ? defaultPort : Number(port)}`;
}

/** An http or https origin with a host, as browsers write it, perhaps with the slash that a person adds. */
const ORIGIN = /^https?:\/\/[^/?#@\\\s,]+\/?$/i;

/**
 * Returns an origin in the form in which browsers send it (RFC 6454 §6.2): lower case, names as punycode, without the
 * default port and without a slash at the end.
 *
 * @param text - such as `https://Example.com:443`; from a person or a peer.
 * @returns undefined if the text is not an http or https origin. `null`, which sandboxed pages send, is none.
 */
export function canonicalOrigin(text: string): string | undefined {
  if (typeof text !== 'string' || !ORIGIN.test(text)) return undefined;
  try {
    return new URL(text).origin;
  } catch {
    return undefined;
  }
}

/**
 * Whether the `Origin` of a request is one of ours.
 *
 * @param publicOrigins - our origins, as {@link canonicalOrigin} returns them; if undefined, the origin must have the
 *   host and port of the request. Its scheme is not compared then, because a proxy may terminate TLS.
 * @param host - the `host[:port]` of the request.
 */
export function isOwnOrigin(
  origin: string,
  publicOrigins: readonly string[] | undefined,
  host: string,
): boolean {
  const from = canonicalOrigin(origin);
  if (from === undefined) return false;
  if (publicOrigins !== undefined) return publicOrigins.includes(from);
  const scheme = from.slice(0, from.indexOf(':'));
  return from === canonicalOrigin(`${scheme}://${host}`);
}

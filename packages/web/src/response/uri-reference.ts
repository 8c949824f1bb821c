/**
 * Characters that a URI must not contain (RFC 3986 §2): spaces, quotes, `<>\^{|}` and the backquote, controls, DEL and
 * all non-ASCII characters; also a percent sign without two hex digits after it. CR, LF and NUL are not escaped: they
 * are never intended, and a header that contains them is refused.
 */
const NEVER = /[^!#$%&'()*+,\-./0-9:;=?@A-Z[\]_a-z~\r\n\0]+|%(?![0-9A-Fa-f]{2})/g;

/** Matches up to the end of an IP literal (RFC 3986 §3.2.2), the only place where a URI may have square brackets. */
const IP_LITERAL = /^(?:[A-Za-z][A-Za-z0-9+.-]*:)?\/\/(?:[^/?#@[\]]*@)?\[[0-9A-Fa-f:.]+\](?=[:/?#]|$)/;

/**
 * Converts a URL as a person would write it to a URI-reference (RFC 3986 §4.1). Existing escapes are kept, so applying
 * it twice changes nothing.
 *
 * @param text - absolute or relative. Non-ASCII characters are escaped as UTF-8; a lone surrogate becomes U+FFFD.
 */
export function uriReference(text: string): string {
  const escaped = text.replace(NEVER, percentBytes);
  // Most texts have no brackets and at most one `#`.
  if (!/[[\]]|#.*#/s.test(escaped)) return escaped;
  const host = IP_LITERAL.exec(escaped)?.[0] ?? '';
  const rest = escaped.slice(host.length).replace(/[[\]]/g, percentBytes);
  const fragment = rest.indexOf('#') + 1;
  if (fragment === 0) return host + rest;
  return host + rest.slice(0, fragment) + rest.slice(fragment).replaceAll('#', '%23');
}

function percentBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex').replace(/../g, '%$&').toUpperCase();
}

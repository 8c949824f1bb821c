/**
 * What no URI has (RFC 3986 §2): blanks, quotes, `<>\^{|}` and the backquote, controls, DEL, and all beyond ASCII; also
 * a percent sign without two hex digits after it. CR, LF and NUL are left: nothing that a program means has them, and
 * a header with them is refused.
 */
const NEVER = /[^!#$%&'()*+,\-./0-9:;=?@A-Z[\]_a-z~\r\n\0]+|%(?![0-9A-Fa-f]{2})/g;

/** Up to the end of an IP literal (RFC 3986 §3.2.2): only there may a URI have square brackets. */
const IP_LITERAL = /^(?:[A-Za-z][A-Za-z0-9+.-]*:)?\/\/(?:[^/?#@[\]]*@)?\[[0-9A-Fa-f:.]+\](?=[:/?#]|$)/;

/**
 * Makes a URI-reference (RFC 3986 §4.1) of what a person would write for one. Escapes that are there already stay as
 * they are, so that doing it twice changes nothing.
 *
 * @param text - absolute or relative. What it has beyond ASCII is escaped as UTF-8; a lone surrogate becomes U+FFFD.
 */
export function uriReference(text: string): string {
  const escaped = text.replace(NEVER, percentBytes);
  // Most have none of these, or only one `#`.
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

/** What we want to know of one element of `Forwarded`. */
export interface ForwardedElement {
  /** Who the proxy got the request from. */
  readonly node: string | undefined;
  /** How it got it. */
  readonly proto: string | undefined;
}

const JUNK: ForwardedElement = { node: undefined, proto: undefined };

/**
 * One parameter and what separates it from the next: a token, `=`, and a token or a quoted string. The grammar has no
 * blanks, and proxies put them behind the semicolons. The alternatives begin differently, so that it never goes back.
 */
const PAIR =
  /[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*)")[ \t]*)?(?:;|$)/y;

/**
 * Reads one element of RFC 7239 §4, which `ListFromRight` has bounded. `by`, `host` and extensions are passed over.
 * One that breaks the grammar, or names a parameter twice, says nothing at all.
 */
export function readElement(text: string): ForwardedElement {
  let node: string | undefined;
  let proto: string | undefined;
  PAIR.lastIndex = 0;
  while (PAIR.lastIndex < text.length) {
    const match = PAIR.exec(text);
    if (match === null) return JUNK;
    const [, name, token, quoted] = match;
    const value = token ?? quoted?.replace(/\\(.)/g, '$1');
    // RFC 7239 §4: names are case-insensitive, and each occurs once.
    switch (name?.toLowerCase()) {
      case 'for':
        if (node !== undefined) return JUNK;
        node = value;
        break;
      case 'proto':
        if (proto !== undefined) return JUNK;
        proto = value;
        break;
    }
  }
  return { node, proto };
}

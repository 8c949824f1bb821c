import { endOfMatch, LinkifyIt, LinkPatterns, MAX_LINK_CHARS } from './link-patterns.ts';

// Finds the links of a text. Does not know HTML.

/** One link of a text. */
export interface FoundLink {
  /** Where it starts in the text. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
  /** What the link leads to; with a scheme, which the text may lack. */
  readonly url: string;
  /** Characters of scheme and slashes at the start of the text; 0 if it has no scheme. */
  readonly prefixLength: number;
}

/** The characters before `www.` that make it a part of something else, such as a URL with a scheme that is not linked. */
const BEFORE_WWW = /[./:@_-]/;

/** Finds links with certain schemes. */
export class LinkFinder {
  readonly #patterns = new LinkPatterns();
  /** Undefined if nothing is linked: without schemes, the search of linkify-it would never end. */
  readonly #linkify: InstanceType<typeof LinkifyIt> | undefined;
  /** The scheme of a link that starts with `www.`; undefined if such links are not found. */
  readonly #wwwScheme: string | undefined;

  /**
   * @param schemes - in lower case, without the colon.
   * @param requireProtocol - whether to find only links with a scheme.
   */
  constructor(schemes: readonly string[], requireProtocol: boolean) {
    this.#wwwScheme = requireProtocol ? undefined : ['http', 'https'].find((name) => schemes.includes(name));
    this.#linkify = schemes.length === 0 ? undefined : this.#linkifierOf(schemes, requireProtocol);
  }

  /** The links, from first to last. They do not overlap. Takes linear time. */
  *find(text: string): Generator<FoundLink> {
    for (const { index, lastIndex, schema, raw } of this.#linkify?.match(text) ?? []) {
      // The validators let a URL that is too long end at the limit.
      if (lastIndex - index >= MAX_LINK_CHARS) continue;
      yield { start: index, end: lastIndex, ...this.#target(schema, raw) };
    }
  }

  #target(schema: string, raw: string): { readonly url: string; readonly prefixLength: number } {
    if (schema === 'www.') return { url: `${this.#wwwScheme}://${raw}`, prefixLength: 0 };
    if (schema === 'mailto:' && !/^mailto:/i.test(raw)) return { url: mailtoUrl(raw), prefixLength: 0 };
    const slashes = /^\/{0,3}/.exec(raw.slice(schema.length))?.[0].length ?? 0;
    return { url: raw, prefixLength: schema.length + slashes };
  }

  #linkifierOf(schemes: readonly string[], requireProtocol: boolean): InstanceType<typeof LinkifyIt> {
    const linkify = new LinkifyIt({
      fuzzyLink: false, // would link `main.py` and `example.com`
      fuzzyEmail: !requireProtocol && schemes.includes('mailto'),
      maxLength: MAX_LINK_CHARS,
      rebuilder: this.#patterns,
    });
    for (const name of ['http:', 'https:', 'ftp:', '//']) linkify.add(name, null);
    if (!schemes.includes('mailto')) linkify.add('mailto:', null);
    for (const scheme of schemes) {
      if (scheme !== 'mailto') linkify.add(`${scheme}:`, { validate: this.#validatorOf(scheme) });
    }
    if (this.#wwwScheme !== undefined) {
      linkify.add('www.', { validate: (text, at) => this.#wwwLength(text, at) });
    }
    return linkify;
  }

  #validatorOf(scheme: string): (text: string, at: number) => number {
    const isWeb = scheme === 'http' || scheme === 'https' || scheme === 'ftp';
    return (text, at) => {
      // It is a part of another scheme, such as `x-http:`.
      if (text[at - scheme.length - ':'.length - 1] === '-') return 0;
      return isWeb ? this.#webLength(text, at) : this.#opaqueLength(text, at);
    };
  }

  /** The number of characters of the URL after its scheme; 0 if there is none. */
  #webLength(text: string, at: number): number {
    const { authority, rest, userInfo } = this.#patterns;
    // The host of a URL with user information is easily mistaken. Checked before the path, which may be long.
    if (endOfMatch(userInfo, text, at) !== -1) return 0;
    const hostEnd = endOfMatch(authority, text, at);
    // In `http://http://example.com` the second one is the URL.
    if (hostEnd === -1 || text.startsWith('://', hostEnd)) return 0;
    return endOfMatch(rest, text, hostEnd) - at;
  }

  #wwwLength(text: string, at: number): number {
    const { wwwHost, rest } = this.#patterns;
    const before = text[at - 'www.'.length - 1];
    if (before !== undefined && BEFORE_WWW.test(before)) return 0;
    const hostEnd = endOfMatch(wwwHost, text, at);
    // An e-mail address, or user information.
    if (hostEnd === -1 || text[hostEnd] === '@') return 0;
    return endOfMatch(rest, text, hostEnd) - at;
  }

  #opaqueLength(text: string, at: number): number {
    const end = endOfMatch(this.#patterns.opaque, text, at);
    // Slashes alone are no link.
    return end === -1 || /^\/*$/.test(text.slice(at, Math.min(end, at + 4))) ? 0 : end - at;
  }
}

/** RFC 6068 §2: characters of the address that would start a header field are escaped. */
function mailtoUrl(address: string): string {
  const at = address.lastIndexOf('@');
  return `mailto:${encodeURIComponent(address.slice(0, at))}${address.slice(at)}`;
}

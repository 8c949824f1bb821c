import type { OptionNames } from '@landspout/ioloop/errors';
import { isThenable } from '@landspout/ioloop/reactor';
import { disown, webChecks } from '../errors.ts';
import { unsafeHtml } from '../html/html.ts';
import type { Html } from '../html/html-value.ts';
import { escapeHtml } from '../text/escape-html.ts';
import { type FoundLink, LinkFinder } from './link-finder.ts';

/**
 * Attributes of a link: text is escaped, true writes the bare name, false and undefined leave the attribute out. `href`
 * and `on…` are refused.
 */
export type LinkAttributes = Readonly<Record<string, string | boolean | undefined>>;

export interface LinkifyOptions {
  /**
   * Whether a URL of more than 30 characters is shown shortened, to its host and the start of its path, with the whole
   * URL as `title`. Default: false.
   */
  readonly shorten?: boolean;
  /**
   * Attributes of each link, or a function that returns them for the URL of a link. It is Tornado's `extra_params`, but
   * takes names and values instead of HTML. Default: none.
   *
   * @example
   * { attributes: { rel: 'nofollow ugc', target: '_blank' } }
   */
  readonly attributes?: LinkAttributes | ((url: string) => LinkAttributes);
  /** Whether only URLs with a scheme are linked, and no `www.example.com`. Default: false. */
  readonly requireProtocol?: boolean;
  /**
   * The schemes of URLs that are linked, in lower case and without the colon. With `mailto`, e-mail addresses are linked
   * too. Schemes that can run code, such as `javascript`, are refused. Default: `http` and `https`.
   */
  readonly permittedProtocols?: readonly string[];
}

const OPTIONS: OptionNames<LinkifyOptions> = {
  shorten: true,
  attributes: true,
  requireProtocol: true,
  permittedProtocols: true,
};

const DEFAULT_PROTOCOLS: readonly string[] = ['http', 'https'];
/** RFC 3986 §3.1, in lower case. */
const SCHEME = /^[a-z][a-z0-9+.-]{0,31}$/;
/** URLs with these schemes are programs, or documents of the page's own origin. */
const UNSAFE_SCHEMES: readonly string[] = ['javascript', 'vbscript', 'data', 'blob', 'filesystem'];

/**
 * Turns text into HTML in which URLs are links, for `html`, templates and `write`. Everything is escaped, so text of a
 * user is safe. Closing punctuation
 * after a URL and a bracket that the URL does not open are not part of the link. The time is linear in the size of the
 * text, whatever it contains.
 *
 * It follows Tornado's `linkify`, but finds links with the package `linkify-it`, by the rules for URLs rather than for
 * words. The differences:
 *
 * - Schemes are recognized in upper case too, and must be followed by `//` if they are `http`, `https` or `ftp`.
 * - A host name must be valid: without `_`, and at most 11 labels of at most 63 characters. So must the port be.
 * - A URL with user information (`http://user@host/`) is not linked, nor one of 8,000 or more characters.
 * - A link may end in `%`, `&`, `=`, `#`, `~`, `*` and other characters that are not closing punctuation. It does not
 *   contain `<`, `>` or control characters. Square and curly brackets count in pairs, as parentheses do.
 * - `www.` links have `https` if only that is permitted, and are no links if neither is.
 * - With `mailto`, e-mail addresses are linked, where Tornado requires a slash after each scheme.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if the text is not a string, or an option is invalid. What a function as
 *   `attributes` throws is not caught.
 *
 * @example
 * String(linkify('see www.example.com.', { attributes: { rel: 'nofollow' } }));
 * // see <a href="http://www.example.com" rel="nofollow">www.example.com</a>.
 */
export function linkify(text: string, options: LinkifyOptions = {}): Html {
  if (typeof text !== 'string') throw webChecks.wrong('linkify', 'text: a string', text);
  webChecks.options('linkify', options, OPTIONS);
  const { attributes = {} } = options;
  const shorten = webChecks.boolean('linkify', 'shorten', options.shorten ?? false);
  const fixed = typeof attributes === 'function' ? undefined : attributePairs(attributes);
  let html = '';
  let done = 0;
  for (const link of finderOf(options).find(text)) {
    const shown = text.slice(link.start, link.end);
    const short = shorten ? shortened(shown, link) : shown;
    const pairs = fixed ?? attributePairs((attributes as (url: string) => LinkAttributes)(link.url));
    html += `${escapeHtml(text.slice(done, link.start))}<a href="${escapeHtml(link.url)}"${attributesText(pairs)}`;
    const hasTitle = short === shown || pairs.some(([name]) => name.toLowerCase() === 'title');
    html += `${hasTitle ? '' : ` title="${escapeHtml(link.url)}"`}>${escapeHtml(short)}</a>`;
    done = link.end;
  }
  return unsafeHtml(html + escapeHtml(text.slice(done))); // all of it is escaped
}

/** Finders, which take time to make, by the options that they depend on. */
const finders = new Map<string, LinkFinder>();
/** Enough for the calls of a program; a program that makes its lists from data does not fill the memory. */
const MAX_FINDERS = 32;

function finderOf(options: LinkifyOptions): LinkFinder {
  const requireProtocol = webChecks.boolean('linkify', 'requireProtocol', options.requireProtocol ?? false);
  const schemes = checkedSchemes(options.permittedProtocols ?? DEFAULT_PROTOCOLS);
  const key = `${requireProtocol} ${schemes.join(' ')}`;
  let finder = finders.get(key);
  if (finder === undefined) {
    if (finders.size >= MAX_FINDERS) finders.clear();
    finder = new LinkFinder(schemes, requireProtocol);
    finders.set(key, finder);
  }
  return finder;
}

function checkedSchemes(schemes: readonly string[]): readonly string[] {
  const expected = 'permittedProtocols: an array of schemes in lower case, without the colon,';
  if (!Array.isArray(schemes)) throw webChecks.wrong('linkify', expected, schemes);
  for (const scheme of schemes as readonly unknown[]) {
    if (typeof scheme !== 'string' || !SCHEME.test(scheme))
      throw webChecks.wrong('linkify', expected, scheme);
    if (UNSAFE_SCHEMES.includes(scheme)) {
      throw webChecks.wrong('linkify', 'permittedProtocols: schemes that cannot run code', scheme);
    }
  }
  return schemes;
}

/** A name that cannot end the tag or start another attribute. */
const ATTRIBUTE_NAME = /^[a-z][a-z0-9_.:-]*$/i;

function attributePairs(attributes: LinkAttributes): readonly (readonly [string, string | true])[] {
  if (
    typeof attributes !== 'object' ||
    attributes === null ||
    Array.isArray(attributes) ||
    isThenable(attributes)
  ) {
    disown(attributes);
    throw webChecks.wrong(
      'linkify',
      'attributes: an object of names and values, or a function that returns one,',
      attributes,
    );
  }
  const pairs: [string, string | true][] = [];
  for (const [name, value] of Object.entries(attributes)) {
    if (!ATTRIBUTE_NAME.test(name) || /^(?:on.*|href)$/i.test(name)) {
      throw webChecks.wrong('linkify', 'attributes: names of attributes other than href and on…', name);
    }
    if (value === undefined || value === false) continue;
    if (typeof value !== 'string' && value !== true) {
      throw webChecks.wrong('linkify', `attributes: ${name}: a string or a boolean`, value);
    }
    pairs.push([name, value]);
  }
  return pairs;
}

function attributesText(pairs: readonly (readonly [string, string | true])[]): string {
  return pairs
    .map(([name, value]) => (value === true ? ` ${name}` : ` ${name}="${escapeHtml(value)}"`))
    .join('');
}

/** URLs up to this length are not shortened. */
const SHORT_CHARS = 30;
/** If the host and the start of the path are longer than this, they are cut to {@link SHORT_CHARS}. */
const MAX_SHORT_CHARS = 45;
const PATH_CHARS = 8;

/** Tornado's rule: scheme, host and the first letters of the path, if that is shorter. */
function shortened(shown: string, { prefixLength }: FoundLink): string {
  if (shown.length <= SHORT_CHARS) return shown;
  const [host = '', path] = shown.slice(prefixLength).split('/', 2);
  let short = shown;
  if (path !== undefined) {
    const start = path.slice(0, PATH_CHARS).split('?')[0]?.split('.')[0] ?? '';
    short = `${shown.slice(0, prefixLength)}${host}/${start}`;
  }
  if (short.length > MAX_SHORT_CHARS) short = short.slice(0, SHORT_CHARS);
  // Not in the middle of a character outside the BMP.
  const clipped = `${short.replace(/[\ud800-\udbff]$/, '')}...`;
  return clipped.length >= shown.length ? shown : clipped;
}

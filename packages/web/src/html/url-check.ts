// Which URLs may stand in an attribute of a page. Reads the scheme of a URL as browsers do (WHATWG URL §4.4).

/** Replaces the value of an attribute whose URL is refused. */
export const BLOCKED_URL = 'about:blank#blocked';

/**
 * Which images in data URLs are allowed. An image in XML, such as SVG, is a document where a browser shows it by itself,
 * and its scripts run. Chromium executes a script whose data URL claims to be an image.
 */
export type DataImages = 'all' | 'not-xml' | 'none';

/** What the start of a URL says about the whole: `open` if the rest decides. */
export type UrlVerdict = 'allowed' | 'refused' | 'open';

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const SLASH = 0x2f;
const COLON = 0x3a;

const SCHEMES: ReadonlySet<string> = new Set(['http', 'https', 'mailto', 'tel']);
/** No allowed scheme is longer. */
const MAX_SCHEME_CHARS = 6;
/** The type of a data URL: the text after `data:`, up to the parameters or the data. */
const IMAGE_TYPE = /^[\t\n\f\r ]*image\/([a-z0-9!$&^_.+-]+)[\t\n\f\r ]*[;,]/i;

/** Whether a URL is relative, or has one of the schemes http, https, mailto and tel, or is an image in a data URL. */
export function isAllowedUrl(url: string, images: DataImages): boolean {
  // A slash cannot be in a scheme.
  return url.charCodeAt(0) === SLASH || urlVerdict(url, images, true) === 'allowed';
}

/**
 * Judges a URL, or the start of one.
 *
 * @param isWhole - whether `url` is the whole URL. If it is only the start, the result may be `open`.
 */
export function urlVerdict(url: string, images: DataImages, isWhole: boolean): UrlVerdict {
  let at = 0;
  while (at < url.length && url.charCodeAt(at) <= SPACE) at += 1;
  let scheme = '';
  for (; at < url.length; at += 1) {
    const unit = url.charCodeAt(at);
    if (unit === COLON) return schemeVerdict(scheme, url, at + 1, images, isWhole);
    if (isIgnored(unit)) continue;
    // Without a scheme, the URL is relative.
    if (!(scheme === '' ? isLetter(unit) : isSchemeUnit(unit))) return 'allowed';
    // What is longer than any allowed scheme stays longer; the exact text is not needed.
    if (scheme.length <= MAX_SCHEME_CHARS) scheme += String.fromCharCode(unit);
  }
  return isWhole ? 'allowed' : 'open';
}

function schemeVerdict(
  scheme: string,
  url: string,
  after: number,
  images: DataImages,
  isWhole: boolean,
): UrlVerdict {
  // ASCII only: toLowerCase would also turn U+212A into a k, but `scheme` has no such letters.
  const name = scheme.toLowerCase();
  if (name !== 'data') return SCHEMES.has(name) ? 'allowed' : 'refused';
  if (images === 'none') return 'refused';
  const rest = url.slice(after).replace(/[\t\n\r]+/g, '');
  const type = IMAGE_TYPE.exec(rest)?.[1];
  if (type === undefined) return isWhole || /[;,]/.test(rest) ? 'refused' : openOrRefused(rest);
  return images === 'all' || !/xml$/i.test(type) ? 'allowed' : 'refused';
}

/** A start of a data URL without `;` and `,`: is it still possible that it becomes an image? */
function openOrRefused(rest: string): UrlVerdict {
  const given = rest.trimStart().toLowerCase();
  return given.startsWith('image/') || 'image/'.startsWith(given) ? 'open' : 'refused';
}

/**
 * Whether each URL of a list is allowed. Separators are white space and `separator`, so that a URL which contains them
 * is checked in pieces, each as if it were a URL.
 */
export function areAllowedUrls(list: string, separator: RegExp, images: DataImages): boolean {
  return list.split(separator).every((url) => isAllowedUrl(url, images));
}

/** Whether each candidate of a `srcset` is allowed (HTML, "parse a srcset attribute"). */
export function isAllowedSrcset(srcset: string, images: DataImages): boolean {
  let at = 0;
  while (at < srcset.length) {
    at = skip(srcset, at, isSpaceOrComma);
    const start = at;
    at = skip(srcset, at, isNotSpace);
    if (!isAllowedUrl(srcset.slice(start, at), images)) return false;
    // A URL that ends with a comma has no descriptors.
    if (srcset.charAt(at - 1) !== ',') at = endOfDescriptors(srcset, at);
  }
  return true;
}

function endOfDescriptors(srcset: string, start: number): number {
  let isInParentheses = false;
  for (let at = start; at < srcset.length; at += 1) {
    const char = srcset.charAt(at);
    if (char === '(') isInParentheses = true;
    else if (char === ')') isInParentheses = false;
    else if (char === ',' && !isInParentheses) return at + 1;
  }
  return srcset.length;
}

/** The time and the name before the URL of a refresh (HTML, "shared declarative refresh steps"). */
const REFRESH_TIME = /^[\t\n\f\r ]*[\d.]*[\t\n\f\r ]*[;,]?[\t\n\f\r ]*/;
const REFRESH_NAME = /^url[\t\n\f\r ]*=[\t\n\f\r ]*["']?/i;

/** Whether the `content` of `<meta http-equiv="refresh">` has no URL, or an allowed one. */
export function isAllowedRefresh(content: string): boolean {
  const target = content.replace(REFRESH_TIME, '');
  return isAllowedUrl(target.replace(REFRESH_NAME, '').replace(/^["']/, ''), 'not-xml');
}

function skip(text: string, start: number, isSkipped: (unit: number) => boolean): number {
  let at = start;
  while (at < text.length && isSkipped(text.charCodeAt(at))) at += 1;
  return at;
}

function isSpace(unit: number): boolean {
  return unit === SPACE || (unit >= TAB && unit <= CR && unit !== 0x0b);
}

function isNotSpace(unit: number): boolean {
  return !isSpace(unit);
}

function isSpaceOrComma(unit: number): boolean {
  return isSpace(unit) || unit === 0x2c;
}

/** Browsers remove tabs and line ends from a URL before they read it. */
function isIgnored(unit: number): boolean {
  return unit === TAB || unit === LF || unit === CR;
}

function isLetter(unit: number): boolean {
  return (unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a;
}

/** RFC 3986 §3.1: ALPHA / DIGIT / "+" / "-" / "." */
function isSchemeUnit(unit: number): boolean {
  return isLetter(unit) || (unit >= 0x30 && unit <= 0x39) || unit === 0x2b || unit === 0x2d || unit === 0x2e;
}

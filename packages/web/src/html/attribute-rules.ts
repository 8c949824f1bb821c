// Which attributes hold URLs or HTML, and how they are checked.

import {
  areAllowedUrls,
  type DataImages,
  isAllowedRefresh,
  isAllowedSrcset,
  isAllowedUrl,
} from './url-check.ts';

/** How the values in an attribute are treated. */
export type AttributeUse =
  | { readonly kind: 'text' }
  /** One URL, whose scheme its first characters decide. */
  | { readonly kind: 'url'; readonly images: DataImages; check(value: string): boolean }
  /** Several URLs, or a URL in a longer text: only the whole value can be checked. */
  | { readonly kind: 'urls'; check(value: string): boolean }
  | { readonly kind: 'html' };

const URL_ATTRIBUTES: ReadonlySet<string> = new Set([
  'action',
  'background',
  'cite',
  'codebase',
  'formaction',
  'href',
  'longdesc',
  'manifest',
  'poster',
  'src',
  'xlink:href',
]);

/** Where a browser shows a data URL as an image only, so that scripts in an SVG image do not run. */
const IMAGES: ReadonlySet<string> = new Set([
  'img src',
  'input src',
  'source src',
  'image href',
  'image xlink:href',
  'image src',
  'video poster',
]);

const ANIMATIONS: ReadonlySet<string> = new Set(['animate', 'animatemotion', 'animatetransform', 'set']);
const ANIMATION_VALUES: ReadonlySet<string> = new Set(['to', 'from', 'by']);

const TEXT_USE: AttributeUse = { kind: 'text' };
const HTML_USE: AttributeUse = { kind: 'html' };
const URL_USE: AttributeUse = {
  kind: 'url',
  images: 'not-xml',
  check: (url) => isAllowedUrl(url, 'not-xml'),
};
const IMAGE_USE: AttributeUse = { kind: 'url', images: 'all', check: (url) => isAllowedUrl(url, 'all') };
const SCRIPT_USE: AttributeUse = { kind: 'url', images: 'none', check: (url) => isAllowedUrl(url, 'none') };
const SRCSET_USE: AttributeUse = { kind: 'urls', check: (srcset) => isAllowedSrcset(srcset, 'all') };
const PING_USE: AttributeUse = {
  kind: 'urls',
  check: (list) => areAllowedUrls(list, /[\t\n\f\r ]+/, 'none'),
};
/** The values of an animation; the animated attribute may be a URL. */
const VALUES_USE: AttributeUse = { kind: 'urls', check: (list) => areAllowedUrls(list, /;/, 'none') };
const REFRESH_USE: AttributeUse = { kind: 'urls', check: isAllowedRefresh };

/**
 * @param tag - in lower case.
 * @param name - in lower case.
 * @param isRefresh - whether the tag is a `meta` with `http-equiv="refresh"`.
 */
export function attributeUse(tag: string, name: string, isRefresh: boolean): AttributeUse {
  if (URL_ATTRIBUTES.has(name)) {
    if (tag === 'script') return SCRIPT_USE;
    return IMAGES.has(`${tag} ${name}`) ? IMAGE_USE : URL_USE;
  }
  switch (name) {
    case 'srcset':
    case 'imagesrcset':
      return SRCSET_USE;
    case 'srcdoc':
      return HTML_USE;
    case 'ping':
      return PING_USE;
    case 'content':
      return isRefresh ? REFRESH_USE : TEXT_USE;
    case 'data':
      return tag === 'object' ? URL_USE : TEXT_USE;
    case 'values':
      return ANIMATIONS.has(tag) ? VALUES_USE : TEXT_USE;
    default:
      return ANIMATIONS.has(tag) && ANIMATION_VALUES.has(name) ? URL_USE : TEXT_USE;
  }
}

import { webChecks } from '../errors.ts';
import { missingPeer } from '../missing-peer.ts';

const { decodeHTML } = await import('entities/decode').catch((cause: unknown) => {
  throw missingPeer('entities', cause);
});

/**
 * Replaces the character references of HTML in text, such as `&lt;`, `&#39;`, `&#x1F600;` and `&eacute`, by the rules of
 * HTML for text outside tags: some old names need no semicolon, the longest name counts, and what is no reference is
 * kept. References to NUL, to surrogates and to numbers beyond U+10FFFF become U+FFFD, and 128 to 159 the characters of
 * windows-1252. Takes linear time.
 *
 * It is Tornado's `xhtml_unescape`, except for references to control characters and noncharacters such as `&#1;`: they
 * become these characters, as in browsers, where Python removes them. It does not remove tags: the result is text, which
 * must be escaped before it is put into HTML again.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if the text is not a string.
 */
export function unescapeHtml(text: string): string {
  if (typeof text !== 'string') throw webChecks.wrong('unescapeHtml', 'text: a string', text);
  return decodeHTML(text);
}

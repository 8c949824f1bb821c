// The grammar of tags (WHATWG HTML §13.2.5), as far as the tokenizer of templates needs it.

export const RCDATA: ReadonlySet<string> = new Set(['title', 'textarea']);
export const RAW_TEXT: ReadonlySet<string> = new Set([
  'style',
  'xmp',
  'iframe',
  'noembed',
  'noframes',
  'plaintext',
]);

export const LETTER = /[a-z]/i;
export const SPACE = /[\t\n\f\r ]/;
export const NAME_END = /[\t\n\f\r />]/;
/** Returns the index of the first character that is not white space; the length of `text` if there is none. */
export function skipSpace(text: string, start: number): number {
  let at = start;
  while (SPACE.test(text.charAt(at))) at += 1;
  return at;
}

/** Returns the index of the first character that matches; the length of `text` if there is none. */
export function indexOfMatch(text: string, pattern: RegExp, start: number): number {
  let at = start;
  while (at < text.length && !pattern.test(text.charAt(at))) at += 1;
  return at;
}

export function endTagOf(element: string, text: string, start: number): number {
  for (let at = text.indexOf('</', start); at !== -1; at = text.indexOf('</', at + 2)) {
    const end = at + 2 + element.length;
    const isNamed = asciiLowerCase(text.slice(at + 2, end)) === element;
    if (isNamed && NAME_END.test(text.charAt(end))) return at;
  }
  return -1;
}

/** `toLowerCase` would also turn U+212A into a k. */
export function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Elements whose content is not HTML. In it, `<title>`, `<style>`, `<script>` and the like have markup. */
export const FOREIGN: ReadonlySet<string> = new Set(['svg', 'math']);

/** Whether a text has what looks like markup, except for complete CDATA sections. */
export function hasForeignMarkup(text: string): boolean {
  let rest = text;
  for (;;) {
    const start = rest.search(/<(?:[a-z/!?]|$)/i);
    if (start === -1) return false;
    const end = rest.startsWith('<![CDATA[', start) ? rest.indexOf(']]>', start) : -1;
    if (end === -1) return true;
    rest = rest.slice(end + 3);
  }
}

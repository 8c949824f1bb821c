/** More elements than a real chain of proxies has. */
const MAX_ELEMENTS = 32;
/** Longer than an element with all four parameters and a host name of 255 characters. */
const MAX_ELEMENT_CHARS = 512;

const HTAB = 0x09;
const SP = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
/** The element exceeds the length limit. */
const TOO_LONG = -2;

/**
 * Reads a comma-separated header field from its end, so that the element of the nearest proxy is returned first.
 *
 * The text to the left of the current element is not read, because the client may have written it: if a parser reads
 * from the left, an unclosed quotation mark in that text hides the elements that proxies appended. A quotation mark is
 * treated as the end of a quoted string, in which a comma does not separate elements. Other uses of quotation marks do
 * not occur in the lists that are read here, and would make the element invalid.
 *
 * The number and length of the elements are limited, which also limits the work.
 */
export class ListFromRight {
  readonly #text: string;
  /** The position after the last character of the next element; -1 if there is none. */
  #end: number;
  #count = 0;

  constructor(text: string) {
    this.#text = text;
    this.#end = text.length;
  }

  /**
   * Returns the next element to the left, without surrounding spaces and tabs; '' if it is empty or too long.
   *
   * @returns `undefined` if no element is left or the limit of elements is reached.
   */
  previous(): string | undefined {
    const end = this.#end;
    if (end < 0 || this.#count === MAX_ELEMENTS) return undefined;
    this.#count += 1;
    const comma = this.#commaBefore(end);
    this.#end = comma;
    return comma === TOO_LONG ? '' : withoutBlanks(this.#text, comma + 1, end);
  }

  /** Returns the index of the comma in front of the element that ends at `end`; -1 for the first element. */
  #commaBefore(end: number): number {
    const text = this.#text;
    const least = Math.max(0, end - MAX_ELEMENT_CHARS);
    for (let at = end - 1; at >= least; at -= 1) {
      const unit = text.charCodeAt(at);
      if (unit === COMMA) return at;
      if (unit === QUOTE) at = openingQuote(text, at, least);
    }
    return least === 0 ? -1 : TOO_LONG;
  }
}

/** Returns the last element of a list; '' if it is empty. */
export function lastElement(text: string): string {
  return new ListFromRight(text).previous() as string;
}

/**
 * Returns where the quoted string that ends at `closing` starts; `least` if no start is found. A quotation mark after a
 * backslash is escaped. The opening quotation mark follows a `=`, so it is never mistaken for an escaped one.
 */
function openingQuote(text: string, closing: number, least: number): number {
  let at = closing - 1;
  while (at > least && (text.charCodeAt(at) !== QUOTE || text.charCodeAt(at - 1) === BACKSLASH)) at -= 1;
  return Math.max(at, least);
}

/** Removes SP and HTAB, the only white space in a field value; `trim` would also remove a no-break space. */
function withoutBlanks(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

function isBlank(unit: number): boolean {
  return unit === SP || unit === HTAB;
}

/** More proxies than any chain has. */
const MAX_ELEMENTS = 32;
/** Longer than any element with four parameters, one of them a host name of 255 characters. */
const MAX_ELEMENT_CHARS = 512;

const HTAB = 0x09;
const SP = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
/** The element is longer than is read. */
const TOO_LONG = -2;

/**
 * A list of a header field, read from its end: the element of the nearest proxy first.
 *
 * It never looks at what is to the left of the element that is asked for. That part may be the client's, and an open
 * quotation mark in it must not swallow what the proxies have added behind it, as it would for who reads from the
 * left. A quotation mark is taken for the closing one of a pair, inside which a comma separates nothing. What else
 * stands between quotation marks is no element of any list that is read here, and junk either way.
 *
 * Both the number of elements and their length are bounded, so that the work is too.
 */
export class ListFromRight {
  readonly #text: string;
  /** Behind the next element; -1 when there is none left. */
  #end: number;
  #count = 0;

  constructor(text: string) {
    this.#text = text;
    this.#end = text.length;
  }

  /**
   * The next element to the left, without the blanks around it; '' for an empty one, and for one that is too long.
   *
   * @returns `undefined` when there is none left, or as many were read as may be.
   */
  previous(): string | undefined {
    const end = this.#end;
    if (end < 0 || this.#count === MAX_ELEMENTS) return undefined;
    this.#count += 1;
    const comma = this.#commaBefore(end);
    this.#end = comma;
    return comma === TOO_LONG ? '' : withoutBlanks(this.#text, comma + 1, end);
  }

  /** The place of the comma that the element before `end` begins behind; -1 for the first element of all. */
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

/** The last element of a list; '' where it is empty. */
export function lastElement(text: string): string {
  return new ListFromRight(text).previous() as string;
}

/**
 * Where the quoted string that ends at `closing` begins; `least` when it does not. A quotation mark behind a backslash is
 * escaped: the opening one stands behind `=`.
 */
function openingQuote(text: string, closing: number, least: number): number {
  let at = closing - 1;
  while (at > least && (text.charCodeAt(at) !== QUOTE || text.charCodeAt(at - 1) === BACKSLASH)) at -= 1;
  return Math.max(at, least);
}

/** SP and HTAB alone are blanks on the wire: `trim` takes a no-break space for one, too. */
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

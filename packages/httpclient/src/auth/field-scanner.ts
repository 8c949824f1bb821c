/** The characters of RFC 9110 §5.6.2 token. */
const TOKEN = table("!#$%&'*+-.^_`|~");
/** The characters of RFC 9110 §11.2 token68 before its equals signs. */
const TOKEN68 = table('-._~+/');
const HTAB = 0x09;
const SP = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;
const DEL = 0x7f;

/**
 * Reads the elements of one header field from left to right. Each method reads at the current position; if its syntax
 * is not there, the position does not change.
 */
export class FieldScanner {
  readonly #text: string;
  #at = 0;

  /** @param text - the value of a field as it was received, one character for each byte. */
  constructor(text: string) {
    this.#text = text;
  }

  /** Skips blanks and commas, because a list may have empty elements. @returns whether an element follows. */
  nextElement(): boolean {
    while (this.skipBlanks() || this.#accept(COMMA)) {}
    return this.#at < this.#text.length;
  }

  /** Skips blanks. @returns whether the element ends here. */
  isElementEnd(): boolean {
    this.skipBlanks();
    return this.#at === this.#text.length || this.#unit() === COMMA;
  }

  /** @returns whether there was a blank. */
  skipBlanks(): boolean {
    const start = this.#at;
    while (this.#unit() === SP || this.#unit() === HTAB) this.#at += 1;
    return this.#at > start;
  }

  acceptEquals(): boolean {
    return this.#accept(EQUALS);
  }

  /** Returns a token; '' if there is none. */
  token(): string {
    return this.#run(TOKEN);
  }

  /** Returns a token68 that is the rest of its element. */
  token68(): string | undefined {
    const start = this.#at;
    if (this.#run(TOKEN68) !== '') {
      while (this.#accept(EQUALS)) {}
      const text = this.#text.slice(start, this.#at);
      if (this.isElementEnd()) return text;
    }
    this.#at = start;
    return undefined;
  }

  /**
   * Returns the value of a parameter: a token, or a quoted string without its quotation marks and escapes (RFC 9110
   * §5.6.4). `undefined` if it is neither.
   */
  value(): string | undefined {
    if (this.#unit() !== QUOTE) {
      const token = this.token();
      return token === '' ? undefined : token;
    }
    const text = this.#text;
    let value = '';
    let from = this.#at + 1;
    for (let at = from; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      if (unit === QUOTE) {
        this.#at = at + 1;
        return value + text.slice(from, at);
      }
      if (unit === BACKSLASH) {
        value += text.slice(from, at);
        at += 1;
        from = at;
      }
      if (at < text.length && !isQuotable(text.charCodeAt(at))) return undefined;
    }
    return undefined;
  }

  /** Returns NaN at the end, which equals nothing. */
  #unit(): number {
    return this.#text.charCodeAt(this.#at);
  }

  #accept(unit: number): boolean {
    if (this.#unit() !== unit) return false;
    this.#at += 1;
    return true;
  }

  #run(characters: Uint8Array): string {
    const start = this.#at;
    while (characters[this.#unit()] === 1) this.#at += 1;
    return this.#text.slice(start, this.#at);
  }
}

/** Encloses text in quotation marks, and escapes what would end the string. */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** Control characters, and characters that no byte has, cannot be in a field. */
function isQuotable(unit: number): boolean {
  return (unit >= SP || unit === HTAB) && unit !== DEL && unit <= 0xff;
}

function table(others: string): Uint8Array {
  const characters = new Uint8Array(128);
  for (const character of `abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789${others}`) {
    characters[character.charCodeAt(0)] = 1;
  }
  return characters;
}

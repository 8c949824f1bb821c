// Parses the Sec-WebSocket-Extensions header of RFC 6455 §9.1. Does not know any extension.

import { isToken } from './header-list.ts';

/** One extension of a Sec-WebSocket-Extensions header: offered by a client, or chosen by a server. */
export interface Extension {
  readonly name: string;
  /** The parameters in their order. A name may be repeated; the extension decides what that means. */
  readonly parameters: readonly ExtensionParameter[];
}

export interface ExtensionParameter {
  readonly name: string;
  /** The value, without quotation marks and backslashes; `undefined` if the parameter has no value. */
  readonly value: string | undefined;
}

/**
 * Maximum number of extensions in one header, and of parameters of one extension: more than any client sends. Browsers
 * offer one extension with one parameter.
 */
const MAX_EXTENSIONS = 64;
const MAX_PARAMETERS = 64;

const [COMMA, SEMICOLON, EQUALS, QUOTE, BACKSLASH] = [0x2c, 0x3b, 0x3d, 0x22, 0x5c] as const;

/**
 * Parses a Sec-WebSocket-Extensions header, or several that were joined with commas (RFC 6455 §9.1).
 *
 * Names are case-sensitive, as in browsers. Blanks may surround every part of the header, and members of the list may
 * be empty, because RFC 6455 uses the ABNF of RFC 2616 §2.1. Takes linear time for any input.
 *
 * @returns the extensions in their order, which is that of preference in a request; an empty list for an empty header.
 *   `undefined` if the header is malformed, has more than 64 extensions, or has an extension with more than 64
 *   parameters.
 */
export function parseExtensions(header: string): readonly Extension[] | undefined {
  const scanner = new ExtensionScanner(header);
  const extensions: Extension[] = [];
  scanner.skipEmptyMembers();
  while (!scanner.isAtEnd) {
    const extension = parseExtension(scanner);
    if (extension === undefined || extensions.length === MAX_EXTENSIONS) return undefined;
    extensions.push(extension);
    if (!scanner.isAtEnd && !scanner.accept(COMMA)) return undefined;
    scanner.skipEmptyMembers();
  }
  return extensions;
}

/** `extension = extension-token *( ";" extension-param )` */
function parseExtension(scanner: ExtensionScanner): Extension | undefined {
  const name = scanner.token();
  if (name === undefined) return undefined;
  const parameters: ExtensionParameter[] = [];
  while (scanner.accept(SEMICOLON)) {
    const parameter = parseParameter(scanner);
    if (parameter === undefined || parameters.length === MAX_PARAMETERS) return undefined;
    parameters.push(parameter);
  }
  return { name, parameters };
}

/** `extension-param = token [ "=" (token | quoted-string) ]` */
function parseParameter(scanner: ExtensionScanner): ExtensionParameter | undefined {
  const name = scanner.token();
  if (name === undefined) return undefined;
  if (!scanner.accept(EQUALS)) return { name, value: undefined };
  const value = scanner.value();
  return value === undefined ? undefined : { name, value };
}

/** 1 at the code of each character of a token. */
const TOKEN_CODES = Uint8Array.from({ length: 128 }, (_, code) => Number(isToken(String.fromCharCode(code))));

/** Reads a header from left to right. Every method also skips the blanks after the part that it reads. */
class ExtensionScanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#skipBlanks();
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  /** Reads `code` if it is the next character. */
  accept(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at += 1;
    this.#skipBlanks();
    return true;
  }

  skipEmptyMembers(): void {
    while (this.accept(COMMA));
  }

  token(): string | undefined {
    const start = this.#at;
    while (this.#isAtTokenCharacter()) this.#at += 1;
    return this.#endToken(start, this.#at);
  }

  /** Reads a token or a quoted string. */
  value(): string | undefined {
    return this.#text.charCodeAt(this.#at) === QUOTE ? this.#quotedToken() : this.token();
  }

  /**
   * The contents of a quoted string must be a token after they are unescaped (RFC 6455 §9.1), so every character must
   * be one of a token, perhaps after a backslash.
   */
  #quotedToken(): string | undefined {
    this.#at += 1;
    const start = this.#at;
    let isEscaped = false;
    for (;;) {
      if (this.#text.charCodeAt(this.#at) === BACKSLASH) {
        isEscaped = true;
        this.#at += 1;
      }
      if (!this.#isAtTokenCharacter()) break;
      this.#at += 1;
    }
    const end = this.#at;
    if (this.#text.charCodeAt(end) !== QUOTE || this.#text.charCodeAt(end - 1) === BACKSLASH)
      return undefined;
    this.#at += 1;
    const token = this.#endToken(start, end);
    return isEscaped ? token?.replaceAll('\\', '') : token;
  }

  #endToken(start: number, end: number): string | undefined {
    this.#skipBlanks();
    return start === end ? undefined : this.#text.slice(start, end);
  }

  #isAtTokenCharacter(): boolean {
    return TOKEN_CODES[this.#text.charCodeAt(this.#at)] === 1;
  }

  /** Skips SP and HTAB, the only characters that are white space in a header. */
  #skipBlanks(): void {
    let code = this.#text.charCodeAt(this.#at);
    while (code === 0x20 || code === 0x09) {
      this.#at += 1;
      code = this.#text.charCodeAt(this.#at);
    }
  }
}

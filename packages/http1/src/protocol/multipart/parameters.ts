import { BYTE_CLASS, byteName, isBlank, SEMICOLON, TOKEN } from '../grammar/bytes.ts';

const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The value of one parameter, as it was sent. */
export interface Parameter {
  /** A token, or the text between the quotation marks, whose escapes are not decoded. */
  readonly text: string;
  readonly isQuoted: boolean;
}

/** A header value such as `form-data; name="a"`. */
export interface ParameterizedValue {
  /** The text before the first semicolon, in lower case, without white space at its ends. */
  readonly value: string;
  /** The parameters, by name in lower case. It is a map, so that a name such as `__proto__` has no special meaning. */
  readonly parameters: ReadonlyMap<string, Parameter>;
}

/**
 * Parses `value *( OWS ";" OWS [ name "=" ( token / quoted-string ) ] )` (RFC 9110 §5.6.6) in linear time. A name may
 * occur only once, because recipients disagree on which of two values to use.
 *
 * A backslash that precedes neither a quotation mark nor a backslash is kept in `text` as a backslash, because some
 * clients send Windows paths without escapes.
 *
 * @param errorOf - creates the error to throw from the description of the mistake.
 */
export function parseParameters(text: string, errorOf: (detail: string) => Error): ParameterizedValue {
  const found = text.indexOf(';');
  const valueEnd = found === -1 ? text.length : found;
  const parameters = new Map<string, Parameter>();
  let at = valueEnd;
  while (at < text.length) {
    if (text.charCodeAt(at) !== SEMICOLON) {
      throw errorOf(`expected ";" after a parameter, got ${unitName(text, at)}`);
    }
    at = skipBlanks(text, at + 1);
    // RFC 9110 §5.6.6 allows empty parameters.
    if (at === text.length || text.charCodeAt(at) === SEMICOLON) continue;
    const nameEnd = skipToken(text, at);
    if (nameEnd === at || text.charCodeAt(nameEnd) !== EQUALS) {
      throw errorOf(`expected a parameter "name=value", got ${unitName(text, nameEnd)}`);
    }
    const name = text.slice(at, nameEnd).toLowerCase();
    if (parameters.has(name)) throw errorOf(`the parameter ${name} occurs twice`);
    const from = nameEnd + 1;
    const isQuoted = text.charCodeAt(from) === QUOTE;
    const end = isQuoted ? closingQuote(text, from + 1) : skipToken(text, from);
    if (end === -1) throw errorOf(`the quotation mark that opens the parameter ${name} is not closed`);
    if (end === from) throw errorOf(`the parameter ${name} must be a token or in quotation marks`);
    parameters.set(name, { text: text.slice(isQuoted ? from + 1 : from, end), isQuoted });
    at = skipBlanks(text, isQuoted ? end + 1 : end);
  }
  return { value: text.slice(0, valueEnd).trim().toLowerCase(), parameters };
}

/** Returns the position of the quotation mark that ends a quoted string, or -1. */
function closingQuote(text: string, start: number): number {
  for (let at = start; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) return at;
    if (unit === BACKSLASH && isEscapable(text.charCodeAt(at + 1))) at += 1;
  }
  return -1;
}

function isEscapable(unit: number): boolean {
  return unit === QUOTE || unit === BACKSLASH;
}

function skipToken(text: string, start: number): number {
  let at = start;
  // The text may have code units above 0xFF, which are not in the table.
  while (((BYTE_CLASS[text.charCodeAt(at)] ?? 0) & TOKEN) !== 0) at += 1;
  return at;
}

function skipBlanks(text: string, start: number): number {
  let at = start;
  while (isBlank(text.charCodeAt(at))) at += 1;
  return at;
}

function unitName(text: string, at: number): string {
  return byteName(at < text.length ? text.charCodeAt(at) : undefined);
}

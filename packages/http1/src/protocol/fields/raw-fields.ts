import { excerpt } from '@landspout/ioloop/errors';
import { COLON, isBlank, trimBlanks } from '../grammar/bytes.ts';
import { Http1ProtocolError } from '../grammar/errors.ts';
import { headerFlag, isToken } from './header-names.ts';

const VALUE_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * The number of lookups that scan the text; the next lookup splits it. As measured, a scan costs about a fifth of a
 * split.
 */
const MAX_SCANS = 5;

/**
 * A block of header lines as one string. The decoder has already checked that each line has a name, a colon and a CRLF.
 * For most requests, the block is never split.
 */
export class RawFields {
  readonly #text: string;
  readonly #start: number;
  readonly #end: number;
  #scans = 0;

  constructor(text: string, start: number, end: number) {
    this.#text = text;
    this.#start = start;
    this.#end = end;
  }

  /** Counts a lookup. @returns whether this lookup should scan the text instead of splitting it. */
  mayScan(): boolean {
    this.#scans += 1;
    return this.#scans <= MAX_SCANS;
  }

  /** Returns the joined value of the field whose name in lower case is `key`. */
  get(key: string): string | undefined {
    const text = this.#text;
    let joined: string | undefined;
    let at = this.#start;
    while (at < this.#end) {
      const lineEnd = text.indexOf('\r\n', at);
      const colon = at + key.length;
      // Checking for the colon first excludes nearly all other names without comparing them.
      if (colon < lineEnd && text.charCodeAt(colon) === COLON && namesEqual(text, at, key)) {
        const value = trimBlanks(text, colon + 1, lineEnd);
        joined = joined === undefined ? value : `${joined}${key === 'cookie' ? '; ' : ', '}${value}`;
      }
      at = lineEnd + 2;
    }
    return joined;
  }

  /**
   * Appends key, name and value of each field to `list`.
   *
   * @returns the bits of the fields that are in `framing-fields.ts`.
   */
  splitInto(list: string[]): number {
    const text = this.#text;
    let flags = 0;
    let at = this.#start;
    while (at < this.#end) {
      const lineEnd = text.indexOf('\r\n', at);
      const colon = text.indexOf(':', at);
      const name = text.slice(at, colon);
      const key = name.toLowerCase();
      flags |= headerFlag(key);
      list.push(key, name, trimBlanks(text, colon + 1, lineEnd));
      at = lineEnd + 2;
    }
    return flags;
  }
}

/** Parses lines that have not been checked. */
export function parseFields(text: string, add: (name: string, value: string) => void): void {
  let at = 0;
  while (at < text.length) {
    const found = text.indexOf('\r\n', at);
    const lineEnd = found === -1 ? text.length : found;
    parseField(text.slice(at, lineEnd), add);
    at = lineEnd + 2;
  }
}

/**
 * Parses one line without its CRLF.
 *
 * @throws Http1ProtocolError `ERR_HTTP1_OBS_FOLD` if the line continues the previous one, which RFC 9112 §5.2 allows a
 *   server to refuse; `ERR_HTTP1_BAD_HEADER` for any other line that is not `name: value`.
 */
export function parseField(line: string, add: (name: string, value: string) => void): void {
  if (isBlank(line.charCodeAt(0))) {
    throw new Http1ProtocolError('ERR_HTTP1_OBS_FOLD', 'a header line starts with white space');
  }
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(colon, 0));
  const value = trimBlanks(line, colon + 1);
  if (!isToken(name) || !VALUE_TEXT.test(value)) {
    throw new Http1ProtocolError('ERR_HTTP1_BAD_HEADER', `expected "name: value", got ${excerpt(line)}`);
  }
  add(name, value);
}

/** Compares a name in the text with a key in lower case. */
function namesEqual(text: string, start: number, key: string): boolean {
  for (let at = 0; at < key.length; at += 1) {
    const unit = text.charCodeAt(start + at);
    const folded = unit >= 0x41 && unit <= 0x5a ? unit | 0x20 : unit;
    if (folded !== key.charCodeAt(at)) return false;
  }
  return true;
}

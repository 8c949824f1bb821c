import { shownText } from '@landspout/ioloop/errors';
import type { CatalogueSource } from './catalogue-source.ts';
import { decodeText, isEncoding } from './decoded-text.ts';
import { charsetOf, GettextCatalogue, type GettextEntry } from './gettext-catalogue.ts';

/**
 * Reads a gettext catalogue in its text format (`.po`). Entries that are fuzzy or obsolete are left out, as GNU msgfmt
 * does.
 *
 * @throws CatalogueError `ERR_WEB_CATALOGUE`, with the line.
 */
export function poCatalogue(content: Uint8Array | string, source: CatalogueSource): GettextCatalogue {
  const charset = typeof content === 'string' ? 'utf-8' : charsetIn(content, source);
  const text = typeof content === 'string' ? content : decodeText(content, charset, source);
  const reader = new PoReader(charset, source);
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) reader.line(line.trim(), index + 1);
  return new GettextCatalogue(reader.end(), source);
}

/** The header, the first entry, is within this many bytes. Long comments of licences may precede it. */
const MAX_HEADER_BYTES = 65_536;

function charsetIn(bytes: Uint8Array, source: CatalogueSource): string {
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, MAX_HEADER_BYTES));
  return charsetOf(/^"Content-Type:[^"]*/im.exec(start)?.[0] ?? '', isEncoding, source);
}

/** An entry that is being read. */
interface OpenEntry {
  readonly line: number;
  readonly isFuzzy: boolean;
  context: string | undefined;
  message: string | undefined;
  plural: string | undefined;
  readonly texts: string[];
}

type Field = 'msgctxt' | 'msgid' | 'msgid_plural' | 'msgstr';

const KEYWORD = /^(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d{1,3})\])?\s*(?=")/;
const STRING = /^"((?:[^"\\]|\\.)*)"$/;

/** Reads a catalogue line by line. */
class PoReader {
  readonly #charset: string;
  readonly #source: CatalogueSource;
  readonly #entries: GettextEntry[] = [];
  #entry: OpenEntry | undefined = undefined;
  /** The field that further strings continue. */
  #field: Field | undefined = undefined;
  #isNextFuzzy = false;

  /** @param charset - in which escaped bytes are read. */
  constructor(charset: string, source: CatalogueSource) {
    this.#charset = charset;
    this.#source = source;
  }

  /** @param text - without white space around it. */
  line(text: string, line: number): void {
    if (text === '') return;
    if (text.startsWith('#')) {
      this.#comment(text, line);
      return;
    }
    const keyword = KEYWORD.exec(text);
    const string = this.#string(text.slice(keyword?.[0].length ?? 0), line);
    if (keyword !== null) this.#start(keyword[1] as Field, keyword[2], string, line);
    else this.#continue(string, line);
  }

  end(): readonly GettextEntry[] {
    this.#close();
    return this.#entries;
  }

  #comment(text: string, line: number): void {
    // `#~` is an obsolete entry, `#,` lists flags of the next entry.
    const isFlags = text.startsWith('#,');
    if ((this.#entry?.texts.length ?? 0) > 0) this.#close();
    if (text.startsWith('#~')) this.#isNextFuzzy = false; // the flags were those of the obsolete entry
    if (!isFlags || !/[\s,]fuzzy(?:,|\s|$)/.test(text)) return;
    if (this.#entry !== undefined) throw this.#source.error('flags must stand before the entry', line);
    this.#isNextFuzzy = true;
  }

  #string(text: string, line: number): string {
    const string = STRING.exec(text)?.[1];
    if (string !== undefined) return unescaped(string, this.#charset);
    if (text.startsWith('"')) {
      const remedy = 'a quotation mark inside it is written \\", a line break \\n';
      throw this.#source.error(`a string must end with a quotation mark on the same line: ${remedy}`, line);
    }
    const expected = 'msgctxt, msgid, msgid_plural or msgstr with a string in quotation marks, or a comment';
    throw this.#source.error(`${expected} was expected, got ${shownText(text)}`, line);
  }

  #start(field: Field, index: string | undefined, string: string, line: number): void {
    if (index !== undefined && field !== 'msgstr')
      throw this.#source.error(`${field} must not have a number`, line);
    if (field === 'msgctxt' || (field === 'msgid' && this.#entry?.message !== undefined)) this.#close();
    this.#entry ??= this.#opened(line);
    const entry = this.#entry;
    switch (field) {
      case 'msgctxt':
        entry.context = string;
        break;
      case 'msgid':
        entry.message = string;
        break;
      case 'msgid_plural':
        if (entry.message === undefined || entry.plural !== undefined || entry.texts.length > 0)
          throw this.#misplaced(field, line);
        entry.plural = string;
        break;
      case 'msgstr':
        this.#checkText(entry, index, line);
        entry.texts.push(string);
    }
    this.#field = field;
  }

  #opened(line: number): OpenEntry {
    const isFuzzy = this.#isNextFuzzy;
    this.#isNextFuzzy = false;
    return { line, isFuzzy, context: undefined, message: undefined, plural: undefined, texts: [] };
  }

  #checkText({ message, plural, texts }: OpenEntry, index: string | undefined, line: number): void {
    const expected = plural === undefined ? undefined : String(texts.length);
    const isExpected = index === expected && (plural !== undefined || texts.length === 0);
    if (message !== undefined && isExpected) return;
    const field = index === undefined ? 'msgstr' : `msgstr[${index}]`;
    if (message === undefined || plural === undefined) throw this.#misplaced(field, line);
    throw this.#source.error(`msgstr[${texts.length}] was expected, got ${field}`, line);
  }

  #continue(string: string, line: number): void {
    const entry = this.#entry;
    const field = this.#field;
    if (entry === undefined || field === undefined) throw this.#misplaced('the string', line);
    if (field === 'msgctxt') entry.context += string;
    else if (field === 'msgid') entry.message += string;
    else if (field === 'msgid_plural') entry.plural += string;
    else entry.texts.push((entry.texts.pop() ?? '') + string);
  }

  #close(): void {
    const entry = this.#entry;
    this.#entry = undefined;
    this.#field = undefined;
    if (entry === undefined) return;
    const { message, context, plural, texts, line } = entry;
    if (message === undefined) throw this.#source.error('msgctxt must be followed by msgid', line);
    if (texts.length === 0) throw this.#source.error('msgid must be followed by msgstr', line);
    const isHeader = message === '' && context === undefined;
    if (!entry.isFuzzy || isHeader) this.#entries.push({ context, message, plural, texts, line });
  }

  #misplaced(what: string, line: number): Error {
    return this.#source.error(`${what} is misplaced: an entry is msgctxt, msgid, msgid_plural, msgstr`, line);
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\u0007',
  b: '\b',
  f: '\f',
  v: '\v',
};

/** Numbers of bytes, of which several may make one character; or one other character. */
const ESCAPE = /((?:\\(?:[0-7]{1,3}|x[0-9a-f]{1,2}))+)|\\(.)/gi;

/** Decodes the escapes of C. */
function unescaped(string: string, charset: string): string {
  if (!string.includes('\\')) return string;
  return string.replace(ESCAPE, (_, numbers: string | undefined, letter: string) => {
    if (numbers === undefined) return ESCAPES[letter] ?? letter;
    const bytes = numbers
      .split('\\')
      .slice(1)
      .map((code) => (/^x/i.test(code) ? Number.parseInt(code.slice(1), 16) : Number.parseInt(code, 8)));
    return new TextDecoder(charset).decode(Uint8Array.from(bytes));
  });
}

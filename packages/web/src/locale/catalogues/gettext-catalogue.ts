import { shownText } from '@landspout/ioloop/errors';
import { type Catalogue, CONTEXT_SEPARATOR, type MessageLookup } from './catalogue.ts';
import type { CatalogueSource } from './catalogue-source.ts';
import { type PluralForms, parsePluralForms, TWO_FORMS } from './plural-forms.ts';

/** A message of a gettext catalogue, as a file has it. */
export interface GettextEntry {
  readonly context: string | undefined;
  readonly message: string;
  readonly plural: string | undefined;
  /** The translation, or its plural forms. An empty text is not translated. */
  readonly texts: readonly string[];
  /** The line where the entry starts, from 1; undefined for a compiled catalogue. */
  readonly line: number | undefined;
}

/** The translations of a gettext file. */
export class GettextCatalogue implements Catalogue {
  readonly #entries = new Map<string, GettextEntry>();
  readonly #forms: PluralForms;

  /**
   * @param entries - the one with an empty message has the headers as its text.
   * @throws CatalogueError `ERR_WEB_CATALOGUE` if the plural rule is invalid, or an entry has another number of forms.
   */
  constructor(entries: readonly GettextEntry[], source: CatalogueSource) {
    const header = entries.find(({ message, context }) => message === '' && context === undefined);
    this.#forms = pluralFormsOf(header, source);
    for (const entry of entries) {
      if (entry === header) continue;
      this.#check(entry, source);
      const key = keyOf(entry);
      if (this.#entries.has(key)) source.warnDuplicate(entry.message, entry.line);
      this.#entries.set(key, entry);
    }
  }

  find(lookup: MessageLookup): string | undefined {
    const entry = this.#entries.get(keyOf(lookup));
    if (entry === undefined) return undefined;
    // As in Python, a plural without a count has the form for one. A message without plural has no form for a count.
    if (lookup.plural !== undefined && entry.plural === undefined) return undefined;
    const count = lookup.plural === undefined ? 1 : lookup.count;
    const text = entry.plural === undefined ? entry.texts[0] : entry.texts[this.#forms.indexFor(count)];
    return text === '' ? undefined : text;
  }

  #check({ message, plural, texts, line }: GettextEntry, source: CatalogueSource): void {
    const expected = plural === undefined ? 1 : this.#forms.count;
    const isTranslated = texts.some((text) => text !== '');
    if (isTranslated && texts.length !== expected) {
      const forms = `${texts.length} ${texts.length === 1 ? 'translation' : 'translations'}`;
      const remedy = plural === undefined ? 'it has no msgid_plural' : 'the header Plural-Forms says';
      const problem = `the message ${shownText(message)} has ${forms} instead of ${expected}: ${remedy}`;
      throw source.error(plural === undefined ? problem : `${problem} nplurals=${expected}`, line);
    }
    const messages = plural === undefined ? [message] : [message, plural];
    for (const text of texts) source.warnPlaceholders(text, messages, line);
  }
}

function keyOf({ context, message }: Pick<GettextEntry, 'context' | 'message'>): string {
  return context === undefined ? message : context + CONTEXT_SEPARATOR + message;
}

function pluralFormsOf(header: GettextEntry | undefined, source: CatalogueSource): PluralForms {
  const line = header?.texts[0]?.split('\n').find((text) => /^plural-forms\s*:/i.test(text));
  if (line === undefined) return TWO_FORMS;
  return parsePluralForms(line.slice(line.indexOf(':') + 1).trim(), source, header?.line);
}

/** The encoding in the headers of a catalogue; UTF-8 if they name none. @throws CatalogueError `ERR_WEB_CATALOGUE`. */
export function charsetOf(
  headers: string,
  isKnown: (charset: string) => boolean,
  source: CatalogueSource,
): string {
  const charset = /charset\s*=\s*([\w.:-]{1,40})/i.exec(headers)?.[1]?.toLowerCase();
  // CHARSET is what new templates contain. Files in ASCII are often edited without changing the header.
  const isPlain = charset === undefined || /^(?:charset|us-ascii|ascii|ansi_x3\.4-1968)$/.test(charset);
  if (isPlain) return 'utf-8';
  if (isKnown(charset)) return charset;
  throw source.error(`the charset ${shownText(charset)} of the header Content-Type is not known: use UTF-8`);
}

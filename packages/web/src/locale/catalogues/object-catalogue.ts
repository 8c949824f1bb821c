import { shownText } from '@landspout/ioloop/errors';
import { webChecks } from '../../errors.ts';
import { PLURAL_CATEGORIES, type PluralCategory, TextCatalogue } from './text-catalogue.ts';

/** The forms of a plural, by the categories of `Intl.PluralRules`. `other` is used for those that are missing. */
export type PluralTexts = { readonly [Category in PluralCategory]?: string } & { readonly other: string };

/**
 * Translations by message; by the singular, for a message with a plural. A message with a context has the key
 * `` `${context}\u0004${message}` ``.
 *
 * @example
 * { 'Sign out': 'Wyloguj', '%(count)s file': { one: '%(count)s plik', few: '%(count)s pliki', other: '%(count)s plików' } }
 */
export type MessageTexts = { readonly [message: string]: string | PluralTexts };

/** Makes a catalogue of an object, which is copied. @throws WebUsageError `ERR_WEB_USAGE` if it is invalid. */
export function objectCatalogue(operation: string, tag: string, texts: MessageTexts): TextCatalogue {
  const catalogue = new TextCatalogue(tag);
  for (const [message, text] of Object.entries(texts)) {
    if (typeof text === 'string') {
      if (text !== '') catalogue.add('unknown', message, text);
      continue;
    }
    for (const [category, form] of pluralForms(operation, message, text)) {
      catalogue.add(category, message, form);
    }
  }
  return catalogue;
}

function pluralForms(operation: string, message: string, texts: unknown): [PluralCategory, string][] {
  const where = `${operation}: ${shownText(message)}`;
  const isObject = typeof texts === 'object' && texts !== null && !Array.isArray(texts);
  if (!isObject) throw webChecks.wrong(where, 'a text, or an object of texts by plural category,', texts);
  const forms = Object.entries(texts);
  for (const [category, text] of forms) {
    webChecks.oneOf<string>(where, 'a plural category', category, PLURAL_CATEGORIES);
    if (typeof text !== 'string') throw webChecks.wrong(where, `${category}: a text`, text);
  }
  if (!Object.hasOwn(texts, 'other')) throw webChecks.wrong(where, 'the plural category other', undefined);
  return forms as [PluralCategory, string][];
}

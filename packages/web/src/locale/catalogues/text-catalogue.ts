import { type Catalogue, CONTEXT_SEPARATOR, type MessageLookup } from './catalogue.ts';

/** The plural categories of Unicode (CLDR). Which of them a language has is known to `Intl.PluralRules`. */
export const PLURAL_CATEGORIES = ['zero', 'one', 'two', 'few', 'many', 'other'] as const;

export type PluralCategory = (typeof PLURAL_CATEGORIES)[number];

/**
 * What a translation is for: `unknown` for a message without plural; `singular` and `plural`, as in Tornado, for counts
 * of one and others; or the counts of a category.
 */
export type TextForm = 'unknown' | 'singular' | 'plural' | PluralCategory;

/** The translations of CSV files and objects. */
export class TextCatalogue implements Catalogue {
  /** By form and message, with a space between them. */
  readonly #texts = new Map<string, string>();
  readonly #rules: Intl.PluralRules;
  #hasCategories = false;

  /** @param tag - the BCP 47 tag of the language. */
  constructor(tag: string) {
    this.#rules = new Intl.PluralRules(tag);
  }

  /**
   * Adds a translation.
   *
   * @param message - the message for a count of one; with the form `plural`, that for other counts.
   * @returns whether it has replaced another.
   */
  add(form: TextForm, message: string, text: string): boolean {
    const key = `${form} ${message}`;
    const isPresent = this.#texts.has(key);
    this.#texts.set(key, text);
    if (form !== 'unknown' && form !== 'singular' && form !== 'plural') this.#hasCategories = true;
    return isPresent;
  }

  find({ context, ...lookup }: MessageLookup): string | undefined {
    const inContext = context === undefined ? undefined : this.#find(lookup, context + CONTEXT_SEPARATOR);
    return inContext ?? this.#find(lookup, '');
  }

  #find({ message, plural, count }: Omit<MessageLookup, 'context'>, context: string): string | undefined {
    if (plural === undefined) return this.#texts.get(`unknown ${context}${message}`);
    if (this.#hasCategories) {
      const category = this.#rules.select(Math.abs(count));
      const text =
        this.#texts.get(`${category} ${context}${message}`) ?? this.#texts.get(`other ${context}${message}`);
      if (text !== undefined) return text;
    }
    // Tornado's rule, whatever the language.
    if (count === 1) return this.#texts.get(`singular ${context}${message}`);
    return this.#texts.get(`plural ${context}${plural}`);
  }
}

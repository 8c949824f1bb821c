import type { Clock } from '@landspout/ioloop';
import { shownText } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { webChecks } from '../errors.ts';
import type { HtmlValue } from '../html/content.ts';
import { html } from '../html/html.ts';
import type { Html } from '../html/html-value.ts';
import type { Catalogue } from './catalogues/catalogue.ts';
import type { LocaleCode } from './catalogues/locale-code.ts';
import { filledHtml, filledText, type HtmlValues, type Message, type TextValues } from './filled-message.ts';
import {
  type DateRules,
  type FormatDateOptions,
  type FormatDayOptions,
  formatDate,
  formatDateTime,
  formatDay,
} from './format-date.ts';
import { Formatters } from './formatters.ts';
import { isRightToLeft, languageName } from './locale-name.ts';

/** A message that a catalogue does not have. */
export interface MissingTranslation {
  readonly locale: Locale;
  readonly message: string;
  /** Undefined if the message has no plural. */
  readonly plural: string | undefined;
  /** Undefined unless `pgettext` was called. */
  readonly context: string | undefined;
}

/** What a {@link Locale} is made of. */
export interface LocaleParts {
  readonly code: LocaleCode;
  /** That of the locale, and those of more general ones. Empty for the language of the program. */
  readonly catalogues: readonly Catalogue[];
  readonly timeZone: string;
  readonly clock: Clock;
  /** Called with each message that no catalogue has. */
  readonly onMissing: ((missing: MissingTranslation) => void) | undefined;
}

/**
 * The function `_` of templates: translates as `Locale.translate` does. If a value is HTML, so is the result, as that of
 * `Locale.translateHtml`.
 */
export interface TranslateFunction {
  (message: string, values?: TextValues): string;
  (message: string, plural: string, count: number, values?: TextValues): string;
  (message: string, values?: HtmlValues): string | Html;
  (message: string, plural: string, count: number, values?: HtmlValues): string | Html;
}

/** Locales whose clock has twelve hours, although CLDR says otherwise: as in Tornado. */
const TWELVE_HOURS: ReadonlySet<string> = new Set(['zh_CN']);

/**
 * One language, optionally of one region: translates messages, and formats dates, numbers and lists. `Locales` makes
 * one for each of its catalogues; all requests share it.
 *
 * Dates, numbers, lists and names of languages are those of `Intl` (CLDR), so their wording depends on the version of
 * Node, and catalogues need no texts for them.
 */
export class Locale {
  /** With an underscore, as in the names of catalogues: `de`, `de_DE`. */
  readonly code: string;
  /** The BCP 47 tag, for the attribute `lang` of HTML, and for `Intl`: `de-DE`. */
  readonly tag: string;
  /** Whether the language is written from right to left. */
  readonly isRtl: boolean;
  /**
   * Like {@link translate}, for a program that calls it often, and for templates, where it is `_`: it need not be called
   * as a method. If one of the values is neither text nor a number, the result is HTML, as that of
   * {@link translateHtml}.
   *
   * @example
   * const { _ } = this.locale;
   * html`<h1>${_('Hello, %(name)s', { name })}</h1>`
   */
  readonly _: TranslateFunction;
  readonly #parts: LocaleParts;
  readonly #formatters: Formatters;
  #name: string | undefined;
  #englishName: string | undefined;

  /** @internal Programs get locales from `Locales`. */
  constructor(parts: LocaleParts) {
    const { code, tag, likelyScript } = parts.code;
    this.#parts = parts;
    this.code = code;
    this.tag = tag;
    this.isRtl = isRightToLeft(likelyScript);
    this.#formatters = new Formatters(tag);
    this._ = ((message: string, ...rest: readonly unknown[]): string | Html => {
      const made = this.#message('_', undefined, message, rest);
      return hasOnlyText(made.values) ? filledText(made) : filledHtml(made);
    }) as TranslateFunction;
  }

  /** The value of the attribute `dir` of HTML. */
  get direction(): 'ltr' | 'rtl' {
    return this.isRtl ? 'rtl' : 'ltr';
  }

  /**
   * The name of the language in that language, for a list to choose from: `Deutsch`, `English (US)`, `繁體中文`. The
   * code, if `Intl` does not know the language.
   */
  get name(): string {
    this.#name ??= languageName(this.#parts.code, this.tag);
    return this.#name;
  }

  /** The name of the language in English. */
  get englishName(): string {
    this.#englishName ??= languageName(this.#parts.code, 'en');
    return this.#englishName;
  }

  /**
   * Returns the translation of a message, or the message itself if there is none. The placeholders `%(name)s` are
   * replaced by values; `%(name)d` needs a number, which is truncated; `%(name).2f` has two decimals. If there are
   * values, `%%` becomes a percent sign; other percent signs are plain text. Numbers are not grouped; for that, pass
   * the result of {@link formatNumber}.
   *
   * With a plural, the count selects the form: by the rule of the catalogue, or `message` for 1 and `plural` for other
   * counts if there is no translation. `%(count)s` then needs no value.
   *
   * The result is text: `html` and templates escape it, `write` does not.
   *
   * @param message - in the language of the program. Text of users, or texts with values in them, are never found.
   * @throws WebUsageError `ERR_WEB_TRANSLATION` if a placeholder has no value, or one of the wrong type; `ERR_WEB_USAGE`
   *   if an argument is invalid.
   *
   * @example
   * locale.translate('%(count)s person likes %(what)s', '%(count)s people like %(what)s', people.length, { what });
   */
  translate(message: string, values?: TextValues): string;
  translate(message: string, plural: string, count: number, values?: TextValues): string;
  translate(message: string, ...rest: readonly unknown[]): string {
    return filledText(this.#message('translate', undefined, message, rest));
  }

  /**
   * Like {@link translate}, but the result is HTML: the message is escaped, and values are printed as `html` does
   * between tags, so text is escaped and HTML is not. For messages with links or emphasis in them.
   *
   * @example
   * locale.translateHtml('I accept the %(terms)s', { terms: html`<a href="/terms">${_('terms of use')}</a>` });
   */
  translateHtml(message: string, values?: HtmlValues): Html;
  translateHtml(message: string, plural: string, count: number, values?: HtmlValues): Html;
  translateHtml(message: string, ...rest: readonly unknown[]): Html {
    return filledHtml(this.#message('translateHtml', undefined, message, rest));
  }

  /**
   * Like {@link translate}, for a message that has several meanings: the catalogue has a translation for each context.
   * CSV files have no contexts: their translation of the message is used.
   *
   * @example
   * locale.pgettext('law', 'right'); // "le droit"
   * locale.pgettext('good', 'right'); // "le bien"
   */
  pgettext(context: string, message: string, values?: TextValues): string;
  pgettext(context: string, message: string, plural: string, count: number, values?: TextValues): string;
  pgettext(context: string, message: string, ...rest: readonly unknown[]): string {
    if (typeof context !== 'string') throw webChecks.wrong('pgettext', 'context: a text', context);
    return filledText(this.#message('pgettext', context, message, rest));
  }

  /**
   * Formats a date for a reader who wants to know how long ago it was: `5 minutes ago`, `yesterday at 3:04 PM`,
   * `Monday at 3:04 PM`, `July 10 at 3:04 PM`, and with the year if it is more than eleven months ago. A date that is
   * less than a minute in the future is now; later ones are shown in full.
   *
   * @param date - a Date, or milliseconds since the Unix epoch.
   * @throws WebUsageError `ERR_WEB_USAGE` if the date or an option is invalid, such as an unknown time zone.
   */
  formatDate(date: Date | number, options: FormatDateOptions = {}): string {
    return formatDate(date, options, this.#dateRules);
  }

  /** Formats the day of a date without its year: `Monday, January 22`. Throws like {@link formatDate}. */
  formatDay(date: Date | number, options: FormatDayOptions = {}): string {
    return formatDay(date, options, this.#dateRules);
  }

  /**
   * Formats a date with the options of `Intl.DateTimeFormat`. Default of `timeZone`: that of the `Locales`. Throws like
   * {@link formatDate}.
   */
  formatDateTime(date: Date | number, options: Intl.DateTimeFormatOptions = {}): string {
    return formatDateTime(date, options, this.#dateRules);
  }

  /**
   * Formats a number with the options of `Intl.NumberFormat`, for example as a currency or a percentage.
   *
   * @throws WebUsageError `ERR_WEB_USAGE` if the value is not a number or bigint, or an option is invalid.
   */
  formatNumber(value: number | bigint, options: Intl.NumberFormatOptions = {}): string {
    return this.#formatNumber('formatNumber', value, options);
  }

  /** Formats a number with separators of thousands: `1,234,567`. Throws like {@link formatNumber}. */
  friendlyNumber(value: number | bigint): string {
    return this.#formatNumber('friendlyNumber', value, {});
  }

  /**
   * Joins texts: `A, B, and C`.
   *
   * @param options - those of `Intl.ListFormat`, such as `{ type: 'disjunction' }` for `A, B, or C`.
   * @throws WebUsageError `ERR_WEB_USAGE` if a part is not a text, or an option is invalid.
   */
  list(parts: Iterable<string>, options: Intl.ListFormatOptions = {}): string {
    const texts = itemsOf('list', parts);
    const wrong = texts.findIndex((part: unknown) => typeof part !== 'string');
    if (wrong !== -1) throw webChecks.wrong('list', 'texts', texts[wrong]);
    return this.#formatters.list('list', options).format(texts);
  }

  /** Like {@link list}, for values of `html`, such as links. */
  listHtml(parts: Iterable<HtmlValue>, options: Intl.ListFormatOptions = {}): Html {
    const values = itemsOf('listHtml', parts);
    const places = values.map((_, index) => String(index));
    const pieces = this.#formatters.list('listHtml', options).formatToParts(places);
    return html`${pieces.map(({ type, value }) => (type === 'element' ? values[Number(value)] : value))}`;
  }

  /** The code, so that a locale can be printed. */
  toString(): string {
    return this.code;
  }

  /** The code. */
  toJSON(): string {
    return this.code;
  }

  [INSPECT](): object {
    return inspection(this, ['code', 'tag', 'isRtl'], () => ({ _: undefined }));
  }

  get #dateRules(): DateRules {
    const { timeZone, clock } = this.#parts;
    const hour12 = TWELVE_HOURS.has(this.code) ? true : undefined;
    return { formatters: this.#formatters, timeZone, hour12, nowMs: clock.wallTime() };
  }

  #formatNumber(operation: string, value: unknown, options: Intl.NumberFormatOptions): string {
    if (typeof value !== 'number' && typeof value !== 'bigint') {
      throw webChecks.wrong(operation, 'a number or bigint', value);
    }
    return this.#formatters.number(operation, options).format(value);
  }

  /** Finds the translation. @param rest - the arguments after the message. */
  #message(
    operation: string,
    context: string | undefined,
    message: string,
    rest: readonly unknown[],
  ): Message {
    if (typeof message !== 'string') throw webChecks.wrong(operation, 'message: a text', message);
    const hasPlural = typeof rest[0] === 'string';
    const [plural, count] = hasPlural ? (rest as [string, unknown]) : [];
    const values = hasPlural ? rest[2] : rest[0];
    if (values !== undefined && (typeof values !== 'object' || values === null || Array.isArray(values))) {
      throw webChecks.wrong(operation, 'an object of values, or a plural and its count,', values);
    }
    if (plural !== undefined && !Number.isFinite(count)) {
      throw webChecks.wrong(`${operation}: ${shownText(message)}`, 'count: a number', count);
    }
    const text = this.#translation(message, plural, count as number | undefined, context);
    return {
      text,
      code: this.code,
      values: values as Message['values'],
      count: count as number | undefined,
    };
  }

  #translation(
    message: string,
    plural: string | undefined,
    count: number | undefined,
    context: string | undefined,
  ): string {
    const { catalogues, onMissing } = this.#parts;
    for (const catalogue of catalogues) {
      const text = catalogue.find({ message, plural, count: count ?? 1, context });
      if (text !== undefined) return text;
    }
    onMissing?.({ locale: this, message, plural, context });
    return plural === undefined || count === 1 ? message : plural;
  }
}

function itemsOf<Item>(operation: string, parts: Iterable<Item>): Item[] {
  const given = parts as unknown;
  const isList = typeof given === 'object' && given !== null && Symbol.iterator in given;
  if (!isList) throw webChecks.wrong(operation, 'an array or another iterable object', given);
  return [...parts];
}

function hasOnlyText(values: Message['values']): boolean {
  if (values === undefined) return true;
  return Object.values(values).every((value) => typeof value !== 'object' || value === null);
}

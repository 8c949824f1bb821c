import { type Clock, consoleLogger, type Logger, systemClock } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { acceptLogger } from '@landspout/ioloop/reactor';
import { webChecks } from '../errors.ts';
import { acceptedLanguages } from './accept-language.ts';
import type { Catalogue } from './catalogues/catalogue.ts';
import { csvCatalogues, type FolderRules, gettextCatalogues } from './catalogues/catalogue-folder.ts';
import { isEncoding } from './catalogues/decoded-text.ts';
import { type LocaleCode, parseLocaleCode } from './catalogues/locale-code.ts';
import { type MessageTexts, objectCatalogue } from './catalogues/object-catalogue.ts';
import { Locale, type MissingTranslation } from './locale.ts';
import { LocaleMatcher } from './locale-matcher.ts';

/** Options of {@link Locales}. */
export interface LocalesOptions {
  /**
   * The locale of the messages in the program, which needs no catalogue. Used for users none of whose languages has one.
   * Default: `en_US`.
   */
  readonly defaultLocale?: string;
  /** The time zone in which dates are shown, unless a call names another. Default: `UTC`. */
  readonly timeZone?: string;
  /**
   * Whether responses get the header `Content-Language`, if their handler uses `this.locale` and does not set the header
   * itself. Default: false.
   */
  readonly contentLanguage?: boolean;
  /**
   * Called with messages that the catalogue of a locale does not have, once for each message and locale, and for at most
   * 1,000. Not called for locales in the language of the default locale. What it throws, the translation throws, for
   * example in tests. Default: none.
   *
   * @example
   * { onMissing: ({ locale, message }) => logger.debug({ locale: locale.code, message }, 'missing translation') }
   */
  readonly onMissing?: (missing: MissingTranslation) => void;
  /** Tells what "ago" refers to. Default: the system clock. */
  readonly clock?: Clock;
}

/** Options of {@link Locales.fromGettext}. */
export interface CatalogueFolderOptions extends LocalesOptions {
  /** Maximum number of bytes of one file. Default: 8 MiB. */
  readonly maxBytes?: number;
  /** Receives warnings about files, such as duplicate messages. Default: `consoleLogger`. */
  readonly logger?: Logger;
}

/** Options of {@link Locales.fromCsv}. */
export interface CsvFolderOptions extends CatalogueFolderOptions {
  /**
   * The encoding of files that do not start with a byte order mark, by a name of the WHATWG Encoding Standard. Default:
   * `utf-8`.
   */
  readonly encoding?: string;
}

const LOCALES_OPTIONS: OptionNames<LocalesOptions> = {
  defaultLocale: true,
  timeZone: true,
  contentLanguage: true,
  onMissing: true,
  clock: true,
};
const GETTEXT_OPTIONS: OptionNames<CatalogueFolderOptions> = {
  ...LOCALES_OPTIONS,
  maxBytes: true,
  logger: true,
};
const CSV_OPTIONS: OptionNames<CsvFolderOptions> = { ...GETTEXT_OPTIONS, encoding: true };

/** The catalogue of a large desktop application has about 2 MiB. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;
/** How many missing messages are remembered, so that each is reported once. */
const MAX_MISSING = 1_000;

/**
 * The locales that an application supports: those that it has translations for, and the default locale. Make it once,
 * when the program starts, and pass it as the setting `locales`.
 *
 * @example
 * const locales = await Locales.fromCsv('locale', { defaultLocale: 'en_GB' });
 * const app = new Application(routes, { locales });
 */
export class Locales implements Iterable<Locale> {
  /** Used if no other locale matches. */
  readonly defaultLocale: Locale;
  /** See {@link LocalesOptions.contentLanguage}. */
  readonly contentLanguage: boolean;
  readonly #locales = new Map<string, Locale>();
  readonly #matcher: LocaleMatcher;
  readonly #missing = new Set<string>();

  /**
   * @param catalogues - translations by code, such as `de` or `de_DE`: objects of texts, or catalogues of `parsePo` and
   *   `parseMo` of `@landspout/web/gettext`. A message that `de_AT` does not have is looked up in `de`. Default: none.
   * @throws WebUsageError `ERR_WEB_USAGE` if a code, a text or an option is invalid.
   */
  constructor(
    catalogues: Readonly<Record<string, Catalogue | MessageTexts>> = {},
    options: LocalesOptions = {},
  ) {
    webChecks.options('Locales', options, LOCALES_OPTIONS);
    const { defaultLocale = 'en_US', timeZone = 'UTC', clock = systemClock, onMissing } = options;
    if (onMissing !== undefined) webChecks.callback('Locales', 'onMissing', onMissing);
    webChecks.withMethods('Locales', 'a clock', clock, 'wallTime');
    this.contentLanguage = webChecks.boolean('Locales', 'contentLanguage', options.contentLanguage ?? false);
    const byDefault = codeOf(defaultLocale, 'defaultLocale: a code such as en or en_US');
    const byCode = cataloguesByCode(catalogues, byDefault);
    for (const { code } of byCode.values()) {
      const report = code.language === byDefault.language ? undefined : onMissing;
      this.#locales.set(
        code.code,
        new Locale({
          code,
          catalogues: cataloguesFor(code, byCode),
          timeZone,
          clock,
          onMissing: report === undefined ? undefined : (missing) => this.#report(missing, report),
        }),
      );
    }
    this.defaultLocale = this.#locales.get(byDefault.code) as Locale;
    this.#matcher = new LocaleMatcher([...byCode.values()].map(({ code }) => code));
    this.defaultLocale.formatDateTime(0); // throws if the time zone is unknown
  }

  /**
   * Reads the files `<locale>.csv` of a folder, such as `es_GT.csv`, in the format of Tornado: each row has a message, its
   * translation, and optionally `singular` or `plural`, or a plural category of Unicode, such as `few`; the message of
   * such a row is the singular. Cells with commas are in quotation marks (RFC 4180). Files are in UTF-8, or start with a
   * byte order mark of UTF-16.
   *
   * A row without a translation counts as missing. If a message occurs twice, the last row is used, and there is a
   * warning, as for placeholders that the message does not have.
   *
   * @throws CatalogueError `ERR_WEB_CATALOGUE`, with file and line, if the folder or a file cannot be read, is malformed
   *   or too large, or there is none. WebUsageError `ERR_WEB_USAGE` if an option is invalid.
   *
   * @example
   * // es_GT.csv
   * // "I love you","Te amo"
   * // "%(name)s liked this","A %(name)s le gustó esto","singular"
   * // "%(name)s liked this","A %(name)s les gustó esto","plural"
   * const locales = await Locales.fromCsv('locale');
   */
  static async fromCsv(folder: string, options: CsvFolderOptions = {}): Promise<Locales> {
    webChecks.options('Locales.fromCsv', options, CSV_OPTIONS);
    const { encoding = 'utf-8', maxBytes, logger, ...others } = options;
    if (typeof encoding !== 'string' || !isEncoding(encoding)) {
      throw webChecks.wrong('Locales.fromCsv', 'encoding: a name of the Encoding Standard', encoding);
    }
    const rules = folderRules('Locales.fromCsv', folder, { maxBytes, logger, encoding });
    return new Locales(Object.fromEntries(await csvCatalogues(folder, rules)), others);
  }

  /**
   * Reads the files `<locale>/LC_MESSAGES/<domain>.mo` of a folder, as GNU gettext has them; where there is none, the file
   * with `.po`. Entries that are fuzzy or obsolete are not used.
   *
   * @param domain - the name of the files without their ending.
   * @throws CatalogueError `ERR_WEB_CATALOGUE` as {@link fromCsv}, also if the header `Plural-Forms` is invalid.
   *   WebUsageError `ERR_WEB_USAGE` if an option is invalid.
   */
  static async fromGettext(
    folder: string,
    domain: string,
    options: CatalogueFolderOptions = {},
  ): Promise<Locales> {
    webChecks.options('Locales.fromGettext', options, GETTEXT_OPTIONS);
    if (typeof domain !== 'string' || domain === '' || /[/\\\0]/.test(domain)) {
      throw webChecks.wrong('Locales.fromGettext', 'domain: the name of a file without its ending', domain);
    }
    const { maxBytes, logger, ...others } = options;
    const rules = folderRules('Locales.fromGettext', folder, { maxBytes, logger, encoding: 'utf-8' });
    return new Locales(Object.fromEntries(await gettextCatalogues(folder, domain, rules)), others);
  }

  /** The codes of all locales, first that of the default locale. */
  get codes(): readonly string[] {
    return [...this.#locales.keys()];
  }

  /** The number of locales. */
  get size(): number {
    return this.#locales.size;
  }

  /** Iterates over the locales, first the default locale, for example for a page on which users choose one. */
  [Symbol.iterator](): Iterator<Locale> {
    return this.#locales.values();
  }

  /** Whether there is a locale of exactly this code, such as the value of a cookie. */
  has(code: string): boolean {
    return this.#locales.has(code);
  }

  /**
   * Returns the locale that is closest to the first code for which there is one, or else the default locale. For each
   * code, that is the locale with this code; that of the language, for a code with a region; or that of the same language
   * and script in another region. Codes may be written with `-` or `_`, in any case. Undefined, empty and malformed codes
   * are skipped.
   */
  get(...codes: readonly (string | undefined)[]): Locale {
    for (const code of codes) {
      if (code === undefined || code === '') continue;
      if (typeof code !== 'string') throw webChecks.wrong('Locales.get', 'codes of locales', code);
      const found = this.#locales.get(code) ?? this.#locales.get(this.#matcher.closest(code) ?? '');
      if (found !== undefined) return found;
    }
    return this.defaultLocale;
  }

  /**
   * Returns the locale for a header `Accept-Language` (RFC 9110 §12.5.4): {@link get} for its languages, the most wanted
   * first. Malformed members, and those with a weight of 0, are skipped. `*` is the default locale.
   */
  negotiate(acceptLanguage: string | undefined): Locale {
    const languages = acceptedLanguages(acceptLanguage);
    const any = languages.indexOf('*');
    return this.get(...(any === -1 ? languages : languages.slice(0, any)));
  }

  [INSPECT](): object {
    return inspection(this, ['codes', 'contentLanguage'], () => ({ defaultLocale: this.defaultLocale.code }));
  }

  #report(missing: MissingTranslation, report: (missing: MissingTranslation) => void): void {
    const { locale, message, context = '' } = missing;
    const key = `${locale.code} ${context}\u0004${message}`;
    if (this.#missing.size >= MAX_MISSING || this.#missing.has(key)) return;
    this.#missing.add(key);
    report(missing);
  }
}

interface CodeAndCatalogue {
  readonly code: LocaleCode;
  readonly catalogue: Catalogue | undefined;
}

/** The default locale is the first, and may have no catalogue. */
function cataloguesByCode(catalogues: unknown, byDefault: LocaleCode): Map<string, CodeAndCatalogue> {
  if (typeof catalogues !== 'object' || catalogues === null || Array.isArray(catalogues)) {
    throw webChecks.wrong('Locales', 'an object of catalogues by code', catalogues);
  }
  const byCode = new Map<string, CodeAndCatalogue>([
    [byDefault.code, { code: byDefault, catalogue: undefined }],
  ]);
  for (const [name, catalogue] of Object.entries(catalogues)) {
    const code = codeOf(name, 'codes of locales such as de or de_DE');
    if (byCode.get(code.code)?.catalogue !== undefined)
      throw webChecks.wrong('Locales', 'one catalogue for each locale', name);
    byCode.set(code.code, { code, catalogue: catalogueOf(code, catalogue) });
  }
  return byCode;
}

function catalogueOf({ code, tag }: LocaleCode, catalogue: unknown): Catalogue {
  if (typeof catalogue !== 'object' || catalogue === null || Array.isArray(catalogue)) {
    throw webChecks.wrong('Locales', `${code}: an object of translations`, catalogue);
  }
  if (typeof (catalogue as { find?: unknown }).find === 'function') return catalogue as Catalogue;
  return objectCatalogue(`Locales: ${code}`, tag, catalogue as MessageTexts);
}

function codeOf(code: unknown, expected: string): LocaleCode {
  const parsed = typeof code === 'string' ? parseLocaleCode(code) : undefined;
  if (parsed === undefined) throw webChecks.wrong('Locales', expected, code);
  return parsed;
}

/** The catalogue of a locale, and that of its language, if it is in the same script. */
function cataloguesFor(code: LocaleCode, byCode: ReadonlyMap<string, CodeAndCatalogue>): Catalogue[] {
  const general = [`${code.language}_${code.script ?? code.likelyScript}`, code.language]
    .map((name) => byCode.get(name))
    .filter((other) => other?.code.likelyScript === code.likelyScript && other?.code.code !== code.code);
  return [byCode.get(code.code), ...general]
    .map((other) => other?.catalogue)
    .filter((catalogue) => catalogue !== undefined);
}

function folderRules(
  operation: string,
  folder: unknown,
  given: Partial<Record<keyof FolderRules, unknown>>,
): FolderRules {
  if (typeof folder !== 'string' || folder === '') {
    throw webChecks.wrong(operation, 'folder: the path of a folder', folder);
  }
  const { maxBytes = MAX_FILE_BYTES, encoding, logger = consoleLogger } = given;
  return {
    maxBytes: webChecks.wholeNumber(operation, 'maxBytes', maxBytes, 1),
    encoding: encoding as string,
    logger: acceptLogger(webChecks.withMethods(operation, 'a logger', logger as Logger, 'warn')),
  };
}

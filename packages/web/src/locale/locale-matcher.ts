import { type LocaleCode, parseLanguageTag } from './catalogues/locale-code.ts';

/** How many requested codes are remembered. Browsers send few different ones; a client can make up any number. */
const MAX_REMEMBERED = 1_000;

/** Finds the supported locale that is closest to a requested one. */
export class LocaleMatcher {
  readonly #byCode: ReadonlyMap<string, LocaleCode>;
  readonly #byLanguage = new Map<string, LocaleCode[]>();
  readonly #remembered = new Map<string, string | undefined>();

  constructor(supported: readonly LocaleCode[]) {
    this.#byCode = new Map(supported.map((locale) => [locale.code, locale]));
    for (const locale of supported) {
      const others = this.#byLanguage.get(locale.language) ?? [];
      this.#byLanguage.set(locale.language, [...others, locale]);
    }
  }

  /** Returns the code of the closest locale; undefined if none has the language. @param code - with `-` or `_`. */
  closest(code: string): string | undefined {
    if (this.#remembered.has(code)) return this.#remembered.get(code);
    const requested = parseLanguageTag(code);
    const found = requested === undefined ? undefined : this.#find(requested);
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(code, found);
    return found;
  }

  #find(requested: LocaleCode): string | undefined {
    const { code, language, region, likelyScript } = requested;
    const siblings = this.#byLanguage.get(language);
    if (siblings === undefined) return undefined;
    if (this.#byCode.has(code)) return code;
    const isReadable = (locale: LocaleCode): boolean => locale.likelyScript === likelyScript;
    // `zh-Hant-TW` is `zh_TW`, and `zh-HK` is written like `zh_Hant`.
    const same = siblings.find((locale) => isReadable(locale) && locale.region === region);
    const general = siblings.find((locale) => isReadable(locale) && locale.region === undefined);
    const plain = this.#byCode.get(language);
    return (same ?? general ?? plain ?? this.#sibling(requested, siblings.filter(isReadable)))?.code;
  }

  /**
   * The locale of another region: that of a group of regions, such as Latin America; that where most readers of the
   * language live; or else the first.
   */
  #sibling(
    { language, likelyScript, region }: LocaleCode,
    readable: readonly LocaleCode[],
  ): LocaleCode | undefined {
    const script = likelyScript === undefined ? {} : { script: likelyScript };
    const likely = new Intl.Locale(language, script).maximize().region;
    const group = readable.find(({ tag }) => /^\d/.test(new Intl.Locale(tag).region ?? ''));
    const usual = readable.find((locale) => locale.region === likely);
    return (region === undefined || region === likely ? (usual ?? group) : (group ?? usual)) ?? readable[0];
  }
}
